// HTTP as it would be captured, for the tests of watches: conversations between a client and a server, each packet with
// its time.
//
//     SavedTraffic traffic;
//     Conversation one{traffic, 40'000};
//     one.exchange("/fish/cod", 200, 20ms);
//     traffic.pass(1s);
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "model/sample.h"
#include "packet/decode.h"
#include "sensor/sensor.h"
#include "tests/support/packet_builder.h"
#include "tests/support/savefile_bytes.h"

namespace tidegate::test {

inline constexpr WallTime kTrafficBegins{std::chrono::sys_days{std::chrono::year{2026} / 11 / 21} +
                                         std::chrono::hours{12}};

class SavedTraffic {
 public:
  void pass(Duration time) { at += time; }
  void add(Bytes frame) {
    packets.push_back({.nanoseconds = at.time_since_epoch().count(), .frame = std::move(frame)});
  }

  // A packet of nobody's, that time has passed in the savefile too.
  void tick() { add(PacketBuilder{}.ethernet().ipv4("192.0.2.1", "192.0.2.10").udp(1000, 53).payload(10).bytes(60)); }

  // Calls sink(sample, frame) with each, as replay() does.
  template <class Sink>
  void play(Sink sink) const {
    for (const auto& packet : packets) {
      const auto wire = static_cast<std::uint32_t>(packet.frame.size());
      const auto headers = packet::decode(packet.frame, packet::LinkType::ethernet, wire).value();
      const Duration since{packet.nanoseconds};
      sink(packet::to_sample(headers, {.instant = Instant{since}, .wall = WallTime{since}}),
           Frame{.bytes = packet.frame, .wire_length = wire, .headers = &headers});
    }
  }

  WallTime at = kTrafficBegins;
  std::vector<SavedPacket> packets;
};

// One connection, kept open.
class Conversation {
 public:
  Conversation(SavedTraffic& traffic, std::uint16_t port, std::string_view client = "192.0.2.1",
               std::uint16_t server_port = 80)
      : traffic_{traffic}, port_{port}, client_{client}, server_port_{server_port} {
    send(true, "", 0x02);
    send(false, "", 0x12);
  }

  void client(std::string_view bytes) { send(true, bytes, 0x18); }
  void server(std::string_view bytes) { send(false, bytes, 0x18); }
  void close() {
    send(true, "", 0x11);
    send(false, "", 0x11);
  }

  void request(std::string_view target, std::string_view method = "GET") {
    client(fmt::format("{} {} HTTP/1.1\r\nHost: shop.example\r\n\r\n", method, target));
  }
  void answer(int status, std::string_view body = "ok") {
    server(fmt::format("HTTP/1.1 {} x\r\nContent-Length: {}\r\n\r\n{}", status, body.size(), body));
  }
  // The answer comes after that time.
  void exchange(std::string_view target, int status = 200, Duration after = std::chrono::milliseconds{1}) {
    request(target);
    traffic_.pass(after);
    answer(status);
  }

 private:
  void send(bool from_client, std::string_view bytes, std::uint8_t flags) {
    constexpr const char* kServer = "192.0.2.10";
    auto& next = from_client ? client_next_ : server_next_;
    PacketBuilder builder;
    builder.ethernet().ipv4(from_client ? client_ : kServer, from_client ? kServer : client_);
    builder.tcp(from_client ? port_ : server_port_, from_client ? server_port_ : port_, flags,
                {.sequence = next, .acknowledgement = from_client ? server_next_ : client_next_});
    traffic_.add(builder.payload(bytes).bytes(60));
    next += static_cast<std::uint32_t>(bytes.size()) + ((flags & 0x03) != 0 ? 1 : 0);
  }

  SavedTraffic& traffic_;
  std::uint16_t port_;
  std::string client_;
  std::uint16_t server_port_;
  std::uint32_t client_next_ = 1'000;
  std::uint32_t server_next_ = 0xffff'ff00;  // wraps early
};

// The functional test of Traffic Watch: its generator's 60 s at 20/s, 20 s at 100/s and 60 s at 20/s, over one
// connection; then silence, but for a packet of somebody else's two minutes later.
inline SavedTraffic functional_test_of_traffic_watch() {
  using std::chrono::seconds;
  SavedTraffic traffic;
  Conversation generator{traffic, 40'000};
  struct Step {
    int rate;
    int seconds;
  };
  for (const Step step : {Step{20, 60}, Step{100, 20}, Step{20, 60}}) {
    for (int sent = 0; sent < step.rate * step.seconds; ++sent) {
      const auto next = traffic.at + Duration{seconds{1}} / step.rate;
      generator.exchange(fmt::format("/foo/index.html{}", sent));
      traffic.at = next;
    }
  }
  traffic.pass(seconds{120});
  traffic.tick();
  return traffic;
}

}  // namespace tidegate::test
