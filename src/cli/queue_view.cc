#include "cli/queue_view.h"

#include <array>
#include <vector>

#include "cli/fields.h"

namespace tidegate::cli {

namespace {

struct QueueDrop {
  std::string_view field;
  std::string_view words;
};
constexpr std::array kQueueDrops = {QueueDrop{"dropped_full", "no room"}, QueueDrop{"dropped_old", "waited too long"},
                                    QueueDrop{"dropped_failed", "start failed"}, QueueDrop{"lost", "by the kernel"}};

}  // namespace

std::string queue_waiting(const boost::json::object& queue) {
  return fmt::format("{} packets of {} clients wait", count_of(queue, "waiting"), count_of(queue, "clients"));
}

std::string queue_drops(const boost::json::object& queue) {
  double all = 0;
  std::vector<std::string> reasons;
  for (const auto& [field, words] : kQueueDrops) {
    const auto count = number_of(queue, field).value_or(0);
    if (count > 0) reasons.push_back(fmt::format("{:.0f} {}", count, words));
    all += count;
  }
  return reasons.empty() ? std::string{} : fmt::format("{:.0f} dropped ({})", all, fmt::join(reasons, ", "));
}

}  // namespace tidegate::cli
