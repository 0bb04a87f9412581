// Random HTTP conversations, seeded: cut into segments anywhere, reordered within a flight, sent and captured twice,
// they give the same messages as whole and in order. A failure prints the seed.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "http/reader.h"
#include "http/traffic_for_tests.h"

namespace tidegate {
namespace {

// What one side says before the other one answers.
struct Flight {
  bool from_client;
  std::string text;
};

class Generator {
 public:
  explicit Generator(std::uint64_t seed) : random_{seed} {}

  std::size_t below(std::size_t bound) { return random_() % bound; }
  bool chance(unsigned percent) { return random_() % 100 < percent; }
  std::mt19937_64& random() { return random_; }

  std::vector<Flight> conversation() {
    std::vector<Flight> flights;
    const auto turns = 1 + below(4);
    for (std::size_t turn = 0; turn < turns; ++turn) {
      const auto pipelined = chance(70) ? 1 : 1 + below(4);
      Flight requests{.from_client = true, .text = {}};
      Flight responses{.from_client = false, .text = {}};
      for (std::size_t i = 0; i < pipelined; ++i) {
        const bool last = turn + 1 == turns && i + 1 == pipelined;
        const auto method = pick({"GET", "POST", "HEAD", "PROPFIND", "x-odd"});
        requests.text += request(method);
        responses.text += response(method, last);
      }
      flights.push_back(std::move(requests));
      flights.push_back(std::move(responses));
    }
    return flights;
  }

 private:
  std::string_view pick(std::initializer_list<std::string_view> from) { return from.begin()[below(from.size())]; }
  std::string_view eol() { return chance(80) ? "\r\n" : "\n"; }

  // Any bytes, and often such as look like a message.
  std::string bytes() {
    std::string text;
    for (auto parts = below(4); parts > 0; --parts) {
      text += pick({"GET /no HTTP/1.1\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\n", "\r\n\r\n", "0\r\n\r\n", "\n", "x"});
      for (auto size = below(20); size > 0; --size) text += static_cast<char>(random_());
    }
    return text;
  }

  std::string fields() {
    std::string text;
    for (auto count = below(4); count > 0; --count) {
      text +=
          pick({"Accept: */*", "Cookie: GET / HTTP/1.1", "X-Odd:\t\xff\x01", "Connection: keep-alive", "Host2: no"});
      text += eol();
    }
    return text;
  }

  // The end of the head, and the body.
  std::string framed(bool may_close) {
    const auto body = bytes();
    std::string text;
    if (may_close && chance(50)) return text.append(eol()) + body;
    if (chance(50)) {
      text = "Content-Length: " + std::to_string(body.size());
      return text.append(eol()).append(eol()) + body;
    }
    if (chance(30)) text.append("Content-Length: 7").append(eol());
    text.append("transfer-encoding: chunked").append(eol()).append(eol());
    for (std::size_t at = 0; at < body.size();) {
      const auto size = std::min(body.size() - at, 1 + below(30));
      text += fmt::format("{:x}{}", size, pick({"", ";a=b", " ;\"x\""}));
      text.append(eol()).append(body, at, size).append(eol());
      at += size;
    }
    text.append("0").append(eol());
    if (chance(30)) text.append("Trailer: x").append(eol());
    return text.append(eol());
  }

  std::string request(std::string_view method) {
    std::string text;
    if (chance(20)) text.append(eol());
    text += fmt::format("{} {} HTTP/1.1", method, pick({"/", "/a", "/a/b?c=/d/", "http://h:80/x/y", "/\xfe \x02/z"}));
    text.append(eol()).append(fields());
    if (chance(80)) text.append("Host: ").append(pick({"example.com", "[::1]:8080", ""})).append(eol());
    const bool has_body = method == "POST" || method == "x-odd";
    return has_body ? text + framed(false) : text.append(eol());
  }

  std::string response(std::string_view method, bool last) {
    std::string text;
    while (chance(10)) text.append("HTTP/1.1 100 Continue").append(eol()).append(fields()).append(eol());
    const auto status = pick({"200 OK", "204 No", "304 Not", "404 \xff", "503"});
    text.append("HTTP/1.1 ").append(status).append(eol()).append(fields());
    const bool empty = method == "HEAD" || status.starts_with("204") || status.starts_with("304");
    if (!empty) return text + framed(last);
    if (chance(50)) text.append("Content-Length: 99").append(eol());
    return text.append(eol());
  }

  std::mt19937_64 random_;
};

// Sends packets to a reader of its own, without building frames.
class Capture {
 public:
  Capture(std::uint32_t client_start, std::uint32_t server_start)
      : reader_{story_, {.ports = {80}, .connections = 16}}, next_{client_start, server_start} {}

  struct Packet {
    packet::Headers headers;
    std::string payload;
  };

  Packet make(bool from_client, std::string_view payload, std::uint8_t flags) {
    static const auto client = IpAddress::parse("192.0.2.1").value();
    static const auto server = IpAddress::parse("192.0.2.10").value();
    auto& next = next_[from_client ? 0 : 1];
    Packet packet{.headers = {.source = from_client ? client : server,
                              .destination = from_client ? server : client,
                              .protocol = Protocol::tcp,
                              .source_port = static_cast<std::uint16_t>(from_client ? 40'000 : 80),
                              .destination_port = static_cast<std::uint16_t>(from_client ? 80 : 40'000),
                              .tcp_flags = flags,
                              .tcp_sequence = next,
                              .tcp_acknowledgement = next_[from_client ? 1 : 0],
                              .payload = static_cast<std::uint32_t>(payload.size())},
                  .payload = std::string{payload}};
    next += static_cast<std::uint32_t>(payload.size());
    if ((flags & (tcp_flag::kSyn | tcp_flag::kFin)) != 0) ++next;
    return packet;
  }
  void add(const Packet& packet) {
    now_ += std::chrono::microseconds{10};
    reader_.add({.instant = now_, .wall = {}}, packet.headers,
                {reinterpret_cast<const std::uint8_t*>(packet.payload.data()), packet.payload.size()});
  }
  void send(bool from_client, std::string_view payload, std::uint8_t flags = tcp_flag::kAck) {
    add(make(from_client, payload, flags));
  }
  void handshake() {
    send(true, "", tcp_flag::kSyn);
    send(false, "", tcp_flag::kSyn | tcp_flag::kAck);
    send(true, "");
  }
  void close() {
    send(false, "", tcp_flag::kFin | tcp_flag::kAck);
    send(true, "", tcp_flag::kFin | tcp_flag::kAck);
    reader_.finish();
  }

  // What was told, each side's messages in order: which of two sides is heard first is a matter of timing.
  std::vector<std::string> messages() const {
    auto lines = story_.lines;
    std::ranges::stable_partition(lines, [](const std::string& line) { return line.starts_with('>'); });
    for (std::size_t i = 0; i < story_.requests.size(); ++i) {
      lines.push_back(fmt::format("{} {}", story_.requests[i].host, story_.requests[i].section));
    }
    for (const auto& exchange : story_.exchanges) {
      lines.push_back(fmt::format("{} {} {}", exchange.request_bytes, exchange.response_bytes, exchange.complete));
    }
    return lines;
  }
  std::size_t held() const { return reader_.held_bytes(); }
  const HttpLosses& losses() const { return reader_.losses(); }

 private:
  test::HttpStory story_;
  HttpReader reader_;
  std::uint32_t next_[2];
  Instant now_{std::chrono::hours{1}};
};

std::vector<std::string> in_order(const std::vector<Flight>& flights) {
  Capture capture{1, 1};
  capture.handshake();
  for (const auto& flight : flights) {
    capture.send(flight.from_client, flight.text);
    capture.send(!flight.from_client, "");
  }
  capture.close();
  EXPECT_EQ(capture.losses(), HttpLosses{});
  return capture.messages();
}

std::vector<std::string> mangled(const std::vector<Flight>& flights, Generator& generator) {
  Capture capture{static_cast<std::uint32_t>(generator.random()()), static_cast<std::uint32_t>(generator.random()())};
  const bool handshake = generator.chance(70);
  if (handshake) capture.handshake();
  const auto longest = generator.chance(20) ? 3 : 1 + generator.below(200);
  std::vector<Capture::Packet> old;
  bool first = true;
  for (std::size_t i = 0; i < flights.size(); ++i) {
    const auto& flight = flights[i];
    std::vector<Capture::Packet> packets;
    for (std::size_t at = 0; at < flight.text.size();) {
      const auto size = 1 + generator.below(longest);
      packets.push_back(
          capture.make(flight.from_client, std::string_view{flight.text}.substr(at, size), tcp_flag::kAck));
      at += size;
    }
    // A stream without handshake begins with what is seen first of it.
    const auto fixed = handshake || i > 1 ? 0 : 1;
    if (!first && generator.chance(30)) packets.push_back(old[generator.below(old.size())]);
    for (auto copies = generator.below(4); copies > 0; --copies)
      packets.push_back(packets[generator.below(packets.size())]);
    constexpr std::size_t kWindow = 12;
    if (generator.chance(80)) {
      for (auto at = packets.begin() + fixed; at < packets.end(); at += kWindow / 2) {
        std::shuffle(at, at + std::min<std::ptrdiff_t>(kWindow, packets.end() - at), generator.random());
      }
    }
    for (const auto& packet : packets) capture.add(packet);
    EXPECT_EQ(capture.losses().gap_bytes, 0u);
    capture.send(!flight.from_client, "");
    old.insert(old.end(), packets.begin(), packets.end());
    first = false;
  }
  capture.close();
  EXPECT_EQ(capture.losses(), HttpLosses{});
  EXPECT_EQ(capture.held(), 0u);
  return capture.messages();
}

TEST(HttpProperty, segments_do_not_matter) {
  for (std::uint64_t seed = 1; seed <= 3'000; ++seed) {
    Generator generator{seed};
    const auto flights = generator.conversation();
    const auto expected = in_order(flights);
    ASSERT_GE(expected.size(), 4u) << "seed " << seed;
    ASSERT_EQ(mangled(flights, generator), expected) << "seed " << seed;
    if (HasFailure()) FAIL() << "seed " << seed;
  }
}

}  // namespace
}  // namespace tidegate
