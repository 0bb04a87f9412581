// libFuzzer target: whatever the request's target and headers, what is taken apart stays within its input, holds no
// control character, and gets past the checks only by the means they ask for. Lines: target, pattern, host, origin,
// authorization, event data.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "api/access.h"
#include "api/http_dispatch.h"
#include "api/http_target.h"
#include "base/check.h"

namespace tidegate {
namespace {

bool is_clean(std::string_view text) {
  return std::ranges::none_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

void check_target(std::string_view text, std::string_view pattern) {
  const auto target = parse_target(text);
  if (!target) {
    TIDEGATE_CHECK(!target.error().what.empty());
    return;
  }
  std::size_t size = target->authority.size();
  for (const auto& segment : target->path) {
    TIDEGATE_CHECK(is_clean(segment) && segment != "." && segment != "..");
    size += segment.size() + 1;
  }
  for (const auto& [name, value] : target->query) {
    TIDEGATE_CHECK(is_clean(name) && is_clean(value) && !name.empty());
    size += name.size() + value.size() + 1;
  }
  TIDEGATE_CHECK(size <= text.size());
  if (!pattern.starts_with('/')) return;
  const auto parameters = match_path(pattern, target->path);
  if (!parameters) return;
  for (const auto& [name, value] : *parameters) {
    TIDEGATE_CHECK(std::ranges::find(target->path, value) != target->path.end());
  }
}

void check_event(std::string_view data) {
  const auto text = event_text(data, data, data);
  TIDEGATE_CHECK(text.ends_with("\n\n") && text.find("\n\n") == text.size() - 2);
  TIDEGATE_CHECK(text.find('\r') == std::string::npos);
}

}  // namespace
}  // namespace tidegate

// NOLINTNEXTLINE(readability-identifier-naming): the name is libFuzzer's
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace tidegate;
  const std::string input(data, data + size);
  std::array<std::string_view, 6> lines;
  std::string_view rest = input;
  for (auto& line : lines) {
    const auto end = &line == &lines.back() ? rest.size() : std::min(rest.find('\n'), rest.size());
    line = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  const auto& [target, pattern, host, origin, authorization, event] = lines;
  check_target(target, pattern);
  if (names_loopback(host)) TIDEGATE_CHECK(host.size() < 64);
  if (same_origin(origin, host)) TIDEGATE_CHECK(origin.ends_with(host) || origin.size() > host.size());
  if (!wrong_authorization(authorization, "token")) TIDEGATE_CHECK(authorization.contains("token"));
  TIDEGATE_CHECK(constant_time_equal(origin, host) == (origin == host));
  check_event(event);
  return 0;
}
