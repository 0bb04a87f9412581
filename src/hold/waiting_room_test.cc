#include "hold/waiting_room.h"

#include <gmock/gmock.h>

namespace tidegate {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;

WaitingPacket packet(std::uint32_t number, Protocol protocol, const char* client, std::uint16_t port,
                     std::uint32_t bytes = 60) {
  return {.number = number,
          .flow = {.source = {.address = IpAddress::parse(client).value(), .port = port},
                   .destination = {.address = IpAddress::parse("192.0.2.1").value(), .port = 80},
                   .protocol = protocol},
          .bytes = bytes,
          .since = Instant{} + std::chrono::seconds{number}};
}
WaitingPacket syn(std::uint32_t number, std::uint16_t port, const char* client = "192.0.2.7") {
  return packet(number, Protocol::tcp, client, port);
}
WaitingPacket datagram(std::uint32_t number, const char* client = "192.0.2.7", std::uint32_t bytes = 60) {
  return packet(number, Protocol::udp, client, 5000, bytes);
}

TEST(WaitingRoom, gives_packets_back_in_the_order_in_which_they_came) {
  WaitingRoom room;
  for (const std::uint32_t number : {3U, 1U, 2U}) EXPECT_TRUE(room.admit("a", datagram(number)).waits);
  EXPECT_TRUE(room.admit("b", datagram(4)).waits);
  EXPECT_EQ(room.clients("a"), 1U);
  EXPECT_THAT(room.take("a"), ElementsAre(3, 1, 2));
  EXPECT_FALSE(room.empty()) << "another service's waits on";
  EXPECT_THAT(room.take("b"), ElementsAre(4));
  EXPECT_TRUE(room.empty());
  EXPECT_EQ(room.clients("a"), 0U);
  EXPECT_EQ(room.counts("a").held, 3U);
}

TEST(WaitingRoom, gives_back_those_that_are_asked_for) {
  WaitingRoom room;
  for (std::uint32_t number = 1; number <= 4; ++number) EXPECT_TRUE(room.admit("a", datagram(number)).waits);
  EXPECT_THAT(room.take("a", [](const WaitingPacket& each) { return each.number % 2 == 0; }), ElementsAre(2, 4));
  EXPECT_THAT(room.take("a"), ElementsAre(1, 3));
}

TEST(WaitingRoom, has_the_last_try_of_a_connection_wait) {
  WaitingRoom room;
  EXPECT_TRUE(room.admit("a", syn(1, 1000)).waits);
  EXPECT_TRUE(room.admit("a", syn(2, 1001)).waits);
  const auto again = room.admit("a", syn(3, 1000));
  EXPECT_TRUE(again.waits);
  EXPECT_EQ(again.instead_of, 1U);
  EXPECT_THAT(room.take("a"), ElementsAre(2, 3));
  EXPECT_EQ(room.counts("a").repeated, 1U);
  EXPECT_EQ(room.counts("a").held, 2U);
  EXPECT_FALSE(room.admit("a", syn(4, 1000)).instead_of) << "the earlier one does not wait any more";
}

TEST(WaitingRoom, keeps_every_datagram_of_a_flow) {
  WaitingRoom room;
  EXPECT_TRUE(room.admit("a", datagram(1)).waits);
  EXPECT_FALSE(room.admit("a", datagram(2)).instead_of);
  EXPECT_THAT(room.take("a"), ElementsAre(1, 2));
}

TEST(WaitingRoom, has_room_for_so_many_of_a_client_a_service_and_all) {
  WaitingRoom room{
      {.packets = 6, .service_packets = 4, .service_bytes = 1000, .client_packets = 2, .client_bytes = 200}};
  EXPECT_TRUE(room.admit("a", datagram(1, "192.0.2.1")).waits);
  EXPECT_TRUE(room.admit("a", datagram(2, "192.0.2.1")).waits);
  EXPECT_FALSE(room.admit("a", datagram(3, "192.0.2.1")).waits) << "the client's share";
  EXPECT_TRUE(room.admit("a", datagram(4, "192.0.2.2", 150)).waits);
  EXPECT_FALSE(room.admit("a", datagram(5, "192.0.2.2", 51)).waits) << "its bytes";
  EXPECT_TRUE(room.admit("a", datagram(6, "192.0.2.3")).waits);
  EXPECT_FALSE(room.admit("a", datagram(7, "192.0.2.4")).waits) << "the service's packets";
  EXPECT_TRUE(room.admit("b", datagram(8, "192.0.2.4")).waits);
  EXPECT_TRUE(room.admit("b", datagram(9, "192.0.2.5")).waits);
  EXPECT_FALSE(room.admit("c", datagram(10, "192.0.2.6")).waits) << "all of them";
  EXPECT_EQ(room.counts("a").dropped_full, 3U);
  EXPECT_THAT(room.take("a"), ElementsAre(1, 2, 4, 6)) << "who was there first stays";
  EXPECT_TRUE(room.admit("c", datagram(11, "192.0.2.6")).waits);
}

TEST(WaitingRoom, has_room_for_so_many_bytes_of_a_service) {
  WaitingRoom room{{.service_bytes = 150, .client_bytes = 100}};
  EXPECT_TRUE(room.admit("a", datagram(1, "192.0.2.1", 100)).waits);
  EXPECT_FALSE(room.admit("a", datagram(2, "192.0.2.2", 51)).waits);
  EXPECT_TRUE(room.admit("a", datagram(3, "192.0.2.2", 50)).waits);
}

TEST(WaitingRoom, has_a_connection_take_its_own_place_though_all_is_full) {
  WaitingRoom room{{.service_packets = 1}};
  EXPECT_TRUE(room.admit("a", syn(1, 1000)).waits);
  EXPECT_FALSE(room.admit("a", syn(2, 1001)).waits);
  const auto again = room.admit("a", syn(3, 1000));
  EXPECT_TRUE(again.waits);
  EXPECT_EQ(again.instead_of, 1U);
}

TEST(WaitingRoom, forgets_a_service_for_which_nobody_waits) {
  WaitingRoom room;
  EXPECT_TRUE(room.admit("a", datagram(1)).waits);
  room.forget("a");
  EXPECT_EQ(room.waiting("a").size(), 1U);
  EXPECT_THAT(room.take("a"), ElementsAre(1));
  room.forget("a");
  EXPECT_EQ(room.counts("a").held, 0U);
  EXPECT_TRUE(room.take("nobody").empty());
}

}  // namespace
}  // namespace tidegate
