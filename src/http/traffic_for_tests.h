// Captured traffic between a client and a server for the tests of HttpReader, and what the reader makes of it:
//
//     Traffic traffic;
//     traffic.handshake();
//     traffic.client("GET /a/b HTTP/1.1\r\n\r\n");
//     traffic.server("HTTP/1.1 204 No Content\r\n\r\n");
//     EXPECT_THAT(traffic.story(), ElementsAre("> GET /a/b", "< 204 GET /a"));
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "http/reader.h"
#include "packet/decode.h"
#include "tests/support/packet_builder.h"

namespace tidegate::test {

// A request, and a response without a body.
inline std::string get(std::string_view target) { return fmt::format("GET {} HTTP/1.1\r\nHost: h\r\n\r\n", target); }
inline constexpr std::string_view kEmpty = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

// Tells every message in a line, and keeps what the lines do not say.
class HttpStory final : public HttpSink {
 public:
  struct Request {
    Now at;
    Endpoint client;
    Endpoint server;
    std::string host;
    std::string section;
  };

  void on_request(const HttpRequest& request) override {
    lines.push_back(fmt::format("> {} {}", request.method, request.target));
    requests.push_back({.at = request.at,
                        .client = request.client,
                        .server = request.server,
                        .host = std::string{request.host},
                        .section = std::string{request.section}});
  }
  void on_exchange(const HttpExchange& exchange) override {
    lines.push_back(fmt::format("< {} {} {}{}", exchange.status, exchange.method.empty() ? "-" : exchange.method,
                                exchange.section, exchange.complete ? "" : " (incomplete)"));
    exchanges.push_back(exchange);
    exchanges.back().method = exchanges.back().host = exchanges.back().section = {};  // they do not live on
  }

  std::vector<std::string> lines;
  std::vector<Request> requests;
  std::vector<HttpExchange> exchanges;
};

struct TestPacket {
  bool from_client = true;
  std::uint32_t sequence = 0;
  std::uint32_t acknowledgement = 0;
  std::uint8_t flags = tcp_flag::kAck;
  std::string payload;
  std::size_t captured = 65'536;  // of the payload, at most
};

class Traffic {
 public:
  static constexpr std::uint32_t kClientStart = 1'000;
  static constexpr std::uint32_t kServerStart = 0xffff'ff00;  // wraps early

  explicit Traffic(const HttpReaderSettings& settings = {.ports = {80}}) : reader{story_, settings} {}

  // --- packets as they would be sent; each counts its bytes as sent

  TestPacket make(bool from_client, std::string_view payload, std::uint8_t flags = tcp_flag::kAck) {
    auto& next = from_client ? client_next : server_next;
    TestPacket packet{.from_client = from_client,
                      .sequence = next,
                      .acknowledgement = (flags & tcp_flag::kAck) == 0 ? 0
                                         : from_client                 ? server_next
                                                                       : client_next,
                      .flags = flags,
                      .payload = std::string{payload}};
    next += static_cast<std::uint32_t>(payload.size());
    if ((flags & (tcp_flag::kSyn | tcp_flag::kFin)) != 0) ++next;
    return packet;
  }
  TestPacket from_client(std::string_view payload) { return make(true, payload); }
  TestPacket from_server(std::string_view payload) { return make(false, payload); }

  // --- packets that are captured, a millisecond apart

  void capture(const TestPacket& packet) {
    pass(std::chrono::milliseconds{1});
    PacketBuilder builder;
    builder.ethernet();
    const auto c = client_end();
    const auto s = server_end();
    if (packet.from_client) {
      builder.ipv4(c.address.to_string(), s.address.to_string());
    } else {
      builder.ipv4(s.address.to_string(), c.address.to_string());
    }
    const PacketBuilder::Tcp tcp{.sequence = packet.sequence, .acknowledgement = packet.acknowledgement};
    builder.tcp(packet.from_client ? c.port : s.port, packet.from_client ? s.port : c.port, packet.flags, tcp);
    const auto frame = builder.payload(std::string_view{packet.payload}).bytes(60);
    add(frame, frame.size() - packet.payload.size() + std::min(packet.captured, packet.payload.size()));
  }
  // The first `captured` bytes of a frame.
  void add(const Bytes& frame, std::size_t captured) {
    const auto bytes = std::span{frame}.first(std::min(captured, frame.size()));
    const auto headers =
        packet::decode(bytes, packet::LinkType::ethernet, static_cast<std::uint32_t>(frame.size())).value();
    reader.add(now, headers, bytes);
  }
  void client(std::string_view payload) { capture(from_client(payload)); }
  void server(std::string_view payload) { capture(from_server(payload)); }
  void client_ack() { capture(make(true, "")); }
  void server_ack() { capture(make(false, "")); }
  // All is acknowledged, and time enough passes for what did not come to be given up.
  void settle() {
    client_ack();
    server_ack();
    pass(TcpStream::kDisorder);
    client_ack();
    server_ack();
  }
  void handshake() {
    capture(make(true, "", tcp_flag::kSyn));
    capture(make(false, "", tcp_flag::kSyn | tcp_flag::kAck));
    client_ack();
  }
  void client_closes() { capture(make(true, "", tcp_flag::kFin | tcp_flag::kAck)); }
  void server_closes() { capture(make(false, "", tcp_flag::kFin | tcp_flag::kAck)); }

  void pass(Duration time) {
    now.instant += time;
    now.wall += time;
  }

  // Another connection, from another port of the client.
  void reconnect(std::uint16_t port) {
    client_port = port;
    client_next = kClientStart;
    server_next = kServerStart;
  }

  [[nodiscard]] Endpoint client_end() const {
    return {.address = IpAddress::parse("192.0.2.1").value(), .port = client_port};
  }
  [[nodiscard]] Endpoint server_end() const {
    return {.address = IpAddress::parse("192.0.2.10").value(), .port = server_port};
  }

  [[nodiscard]] const std::vector<std::string>& story() const { return story_.lines; }
  [[nodiscard]] const HttpStory& told() const { return story_; }
  // The last exchange.
  [[nodiscard]] const HttpExchange& exchange() const { return story_.exchanges.back(); }
  [[nodiscard]] const HttpLosses& losses() const { return reader.losses(); }

  std::uint16_t client_port = 40'000;
  std::uint16_t server_port = 80;
  std::uint32_t client_next = kClientStart;
  std::uint32_t server_next = kServerStart;
  Now now{.instant = Instant{std::chrono::hours{1}}, .wall = WallTime{std::chrono::hours{480'000}}};

 private:
  HttpStory story_;

 public:
  HttpReader reader;
};

}  // namespace tidegate::test
