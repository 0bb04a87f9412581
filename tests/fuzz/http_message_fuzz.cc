// libFuzzer target: whatever two sides say to each other, HttpReader makes the same of it in one piece a turn and byte
// by byte, keeps to its bounds, and tells texts of bounded size. The input is what the sides say in turn, client first,
// with a 0xff before what the other one says, and a 0xfe for bytes that the capture missed.
#include <fmt/format.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "http/reader.h"

namespace tidegate {
namespace {

constexpr std::size_t kHead = 2'000;
constexpr std::size_t kLittle = 8'000;      // to be held
constexpr std::size_t kPlenty = 2'000'000;  // more than an input can come to
constexpr std::uint32_t kMissed = 5;

class Story final : public HttpSink {
 public:
  void on_request(const HttpRequest& request) override {
    TIDEGATE_CHECK(!request.method.empty() && request.method.size() <= Head::kMostMethod);
    TIDEGATE_CHECK(!request.target.empty() && request.target.size() <= kHead);
    TIDEGATE_CHECK(request.host.size() <= Conversation::kMostText);
    TIDEGATE_CHECK(request.section.starts_with('/') && request.section.size() <= Conversation::kMostText);
    told += fmt::format("{} {} {} {}\n", request.method, request.target, request.host, request.section);
  }
  void on_exchange(const HttpExchange& exchange) override {
    TIDEGATE_CHECK(exchange.status >= 101 && exchange.status <= 999);
    TIDEGATE_CHECK(exchange.method.empty() == !exchange.first_byte.has_value());
    told += fmt::format("{} {} {} {} {} {} {}\n", exchange.status, exchange.method, exchange.host, exchange.section,
                        exchange.request_bytes, exchange.response_bytes, exchange.complete);
  }
  std::string told;
};

// Reads the conversation in segments of at most `most` bytes; gives what was told and lost.
std::string told(std::string_view input, std::size_t most, std::size_t held) {
  Story story;
  HttpReader reader{story, {.connections = 4, .stream_bytes = held, .head_bytes = kHead, .held_bytes = held}};
  const auto client = IpAddress::v4(std::span<const std::uint8_t, 4>{{10, 0, 0, 1}});
  const auto server = IpAddress::v4(std::span<const std::uint8_t, 4>{{10, 0, 0, 2}});
  std::uint32_t next[2] = {0xffff'fff0, 7};
  Now now{.instant = Instant{std::chrono::hours{1}}, .wall = {}};
  const auto send = [&](std::size_t side, std::uint8_t flags, std::string_view payload) {
    reader.add(now,
               {.source = side == 0 ? client : server,
                .destination = side == 0 ? server : client,
                .protocol = Protocol::tcp,
                .source_port = static_cast<std::uint16_t>(side == 0 ? 40'000 : 80),
                .destination_port = static_cast<std::uint16_t>(side == 0 ? 80 : 40'000),
                .tcp_flags = flags,
                .tcp_sequence = next[side],
                .tcp_acknowledgement = next[side ^ 1u],
                .payload = static_cast<std::uint32_t>(payload.size())},
               {reinterpret_cast<const std::uint8_t*>(payload.data()), payload.size()});
    next[side] +=
        static_cast<std::uint32_t>(payload.size()) + ((flags & (tcp_flag::kSyn | tcp_flag::kFin)) != 0 ? 1 : 0);
    TIDEGATE_CHECK(reader.held_bytes() <= held);
  };
  send(0, tcp_flag::kSyn, "");
  send(1, tcp_flag::kSyn | tcp_flag::kAck, "");
  std::size_t side = 0;
  while (!input.empty()) {
    const auto end = input.find_first_of("\xff\xfe");
    for (auto turn = input.substr(0, end); !turn.empty(); turn.remove_prefix(std::min(most, turn.size()))) {
      send(side, tcp_flag::kAck, turn.substr(0, most));
    }
    if (end == std::string_view::npos) break;
    if (input[end] == '\xfe') {
      next[side] += kMissed;
    } else {
      side ^= 1u;
      send(side, tcp_flag::kAck, "");
    }
    now.instant += TcpStream::kDisorder;
    input.remove_prefix(end + 1);
  }
  send(1, tcp_flag::kFin | tcp_flag::kAck, "");
  reader.finish();
  TIDEGATE_CHECK(reader.held_bytes() == 0 && reader.connections() == 0);
  const auto& losses = reader.losses();
  return story.told + fmt::format("{} {} {} {} {}", losses.gap_bytes, losses.unanswered, losses.http2_connections,
                                  losses.tls_connections + losses.other_connections, losses.evicted_streams);
}

}  // namespace
}  // namespace tidegate

// NOLINTNEXTLINE(readability-identifier-naming): the name is libFuzzer's
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace tidegate;
  std::string_view input;
  if (size > 0) input = {reinterpret_cast<const char*>(data), size};
  const auto whole = told(input, size + 1, kPlenty);
  const auto bytewise = told(input, 1, kPlenty);
  // Beyond the bound of a head it matters what came together.
  if (size <= kHead) TIDEGATE_CHECK(whole == bytewise);
  TIDEGATE_CHECK(!told(input, 1, kLittle).empty());
  return 0;
}
