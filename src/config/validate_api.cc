// What must hold of the API and of the data threads; see validate.h.
#include <algorithm>

#include "base/text.h"
#include "config/validate.h"

namespace tidegate {
namespace {

void validate_listen(Config& config, Problems& problems) {
  constexpr std::array<std::uint8_t, 4> kLoopback{127, 0, 0, 1};
  constexpr std::uint16_t kPort = 8080;
  auto& listen = config.api.listen;
  if (listen.empty()) {
    listen.push_back({.unix_path = {}, .address = IpAddress::v4(kLoopback), .first = kPort, .last = kPort});
  }
  for (std::size_t i = 0; i < listen.size(); ++i) {
    const std::string path = fmt::format("api.listen[{}]", i);
    if (listen[i].ports() != 1) problems.add(path, "the API listens on one port, not on a range");
    const auto earlier = std::ranges::find(listen.begin(), listen.begin() + static_cast<std::ptrdiff_t>(i), listen[i]);
    if (earlier != listen.begin() + static_cast<std::ptrdiff_t>(i)) {
      problems.add(path, fmt::format("{} stands here twice", printable(listen[i].to_string())));
    }
  }
}

}  // namespace

void validate_api(Config& config, Problems& problems) {
  if (config.data_threads && (*config.data_threads == 0 || *config.data_threads > kMostDataThreads)) {
    problems.add("data_threads", fmt::format("{} is not from 1 to {}", *config.data_threads, kMostDataThreads));
  }
  const ApiSettings& api = config.api;
  if (!api.enabled) return;
  validate_listen(config, problems);
  constexpr std::size_t kMostToken = 4096;
  const auto is_control = [](char c) { return (c >= '\0' && c < ' ') || c == '\x7f'; };
  if (api.token.size() > kMostToken || std::ranges::any_of(api.token, is_control)) {
    problems.add("api.token", fmt::format("is not a token (at most {} characters, none of them controls)", kMostToken));
  }
  if (!api.token.empty() && !api.token_file.empty()) problems.add("api.token_file", "goes only without \"token\"");
}

}  // namespace tidegate
