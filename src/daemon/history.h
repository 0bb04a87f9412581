// What happened, in order: the last events, bounded, and those who follow them live.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <vector>

#include "model/event.h"

namespace tidegate {

class History {
 public:
  static constexpr std::size_t kMost = 10'000;
  using Listener = std::function<void(const Event&)>;

  // Keeps the event (the oldest leaves past kMost) and tells every listener, in the order of their coming.
  void add(Event event);

  // The last `most` events, oldest first; only those of `service` unless that is empty.
  [[nodiscard]] std::vector<Event> last(std::size_t most, const std::string& service) const;

  // A listener is called for each event until its number is given to ignore(). It may call ignore() itself.
  std::uint64_t listen(Listener listener);
  void ignore(std::uint64_t listener);

 private:
  std::deque<Event> events_;
  std::map<std::uint64_t, Listener> listeners_;
  std::uint64_t next_ = 1;
};

}  // namespace tidegate
