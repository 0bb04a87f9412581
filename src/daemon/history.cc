#include "daemon/history.h"

#include <algorithm>

namespace tidegate {

void History::add(Event event) {
  events_.push_back(std::move(event));
  if (events_.size() > kMost) events_.pop_front();
  for (auto listener = listeners_.begin(); listener != listeners_.end();) {
    const auto current = listener++;
    current->second(events_.back());
  }
}

std::vector<Event> History::last(std::size_t most, const std::string& service) const {
  std::vector<Event> found;
  for (auto event = events_.rbegin(); event != events_.rend() && found.size() < most; ++event) {
    if (service.empty() || event->service == service) found.push_back(*event);
  }
  std::ranges::reverse(found);
  return found;
}

std::uint64_t History::listen(Listener listener) {
  listeners_.emplace(next_, std::move(listener));
  return next_++;
}

void History::ignore(std::uint64_t listener) { listeners_.erase(listener); }

}  // namespace tidegate
