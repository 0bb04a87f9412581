#include "cli/demo_progress.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/units.h"

namespace tidegate::cli {

namespace {

constexpr std::size_t kLongestBar = 30;
constexpr std::size_t kShortestBar = 3;  // a shorter one tells nothing

double share_of(const LoadProgress& progress) {
  if (progress.length <= Duration::zero()) return 1;
  const auto share = std::chrono::duration<double>(progress.since) / std::chrono::duration<double>(progress.length);
  return std::clamp(share, 0.0, 1.0);
}

}  // namespace

std::string progress_line(const LoadProgress& progress, std::size_t columns) {
  const std::size_t room = columns - std::min<std::size_t>(columns, 1);
  const double share = share_of(progress);
  auto text = fmt::format("{:3.0f} %  {} of {}  {} answered, {} failed", share * 100,
                          format_duration(std::min(progress.since, progress.length)), format_duration(progress.length),
                          progress.answered, progress.failed);
  const std::size_t around = text.size() + 3;  // the brackets and a space
  if (room < around + kShortestBar) {
    text.resize(std::min(text.size(), room));
    return text;
  }
  const std::size_t bar = std::min(kLongestBar, room - around);
  const auto filled = static_cast<std::size_t>(share * static_cast<double>(bar));
  return fmt::format("[{}{}] {}", std::string(filled, '#'), std::string(bar - filled, '.'), text);
}

}  // namespace tidegate::cli
