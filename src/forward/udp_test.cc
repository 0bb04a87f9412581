#include "forward/test_udp.h"

namespace tidegate {
namespace {

using test::ip;
using test::Peer;
using test::quota_of;
using test::Udp;
using testing::ElementsAre;
using testing::ElementsAreArray;
using testing::IsEmpty;
using testing::SizeIs;

// --- datagrams as they were

TEST_F(Udp, carries_datagrams_both_ways_and_counts_what_was_delivered) {
  start();
  auto client = this->client();
  const Endpoint first = exchange(client, "ping");
  EXPECT_EQ(exchange(client, "again"), first) << "one session, one socket towards the target";
  EXPECT_EQ(counters_.upload.get(), 9U);
  EXPECT_EQ(counters_.download.get(), 9U + 2 * std::strlen("you said "));
  EXPECT_EQ(counters_.datagrams_up.get(), 2U);
  EXPECT_EQ(counters_.datagrams_down.get(), 2U);
  EXPECT_EQ(counters_.sessions.get(), 1U);
  EXPECT_EQ(counters_.dropped.get(), 0U);
  EXPECT_EQ(life_->open_sessions, 1);
  const auto clients = life_->clients.biggest(2);
  ASSERT_THAT(clients, SizeIs(1));
  EXPECT_EQ(clients[0].upload, 9U);
  EXPECT_EQ(clients[0].open, 1U);
}

TEST_F(Udp, carries_ipv6_to_an_ipv6_target) {
  target_ = Peer{"::1"};
  settings_.targets = {target_at(target_.endpoint())};
  start(ip("::1"));
  auto client = this->client("::1");
  exchange(client);
  client.send_segments(std::string(1000, 'x'), 100);
  settle();
  EXPECT_THAT(target_.receive_all(), SizeIs(10));
}

TEST_F(Udp, carries_the_longest_datagram_whole) {
  start();
  auto client = this->client();
  const std::string longest = std::string(65'506, 'a') + "z";
  client.send(longest);
  EXPECT_EQ(target_.receive(), longest);
  target_.answer(longest);
  EXPECT_EQ(client.receive(), longest);
}

TEST_F(Udp, carries_datagrams_without_a_byte) {
  start();
  auto client = this->client();
  while_loop_stands([&] {
    for (const auto* const text : {"a", "", "", "b"}) client.send(text);
  });
  EXPECT_THAT(target_.receive_all(), ElementsAre("a", "", "", "b"));
  target_.send_to(target_.from(), "");
  EXPECT_EQ(client.receive(), "");
  settle();
  EXPECT_EQ(counters_.datagrams_up.get(), 4U);
  EXPECT_EQ(counters_.upload.get(), 2U);
  EXPECT_EQ(counters_.datagrams_down.get(), 1U);
}

TEST_F(Udp, keeps_order_and_boundaries_of_mixed_sizes) {
  start();
  auto client = this->client();
  std::vector<std::string> sent;
  for (std::size_t i = 0; i < 60; ++i) {
    constexpr std::size_t kSizes[] = {100, 100, 100, 40, 100, 0, 41, 41, 1, 1500, 1500, 1500, 1400, 1500, 9000};
    sent.emplace_back(kSizes[i % std::size(kSizes)], static_cast<char>('0' + i));
  }
  while_loop_stands([&] {
    for (const auto& text : sent) client.send(text);
  });
  EXPECT_THAT(target_.receive_all(), ElementsAreArray(sent));
  const Endpoint session = target_.from();
  while_loop_stands([&] {
    for (const auto& text : sent) target_.send_to(session, text);
  });
  EXPECT_THAT(client.receive_all(), ElementsAreArray(sent));
  EXPECT_EQ(counters_.upload.get(), counters_.download.get());
}

TEST_F(Udp, passes_every_segment_of_a_sender_that_uses_segmentation) {
  start();
  auto client = this->client();
  std::string text;
  std::vector<std::string> segments;
  for (char c = 0; c < 50; ++c) text += segments.emplace_back(1200, static_cast<char>('0' + c));
  text += segments.emplace_back("the last is shorter");
  client.send_segments(text, 1200);
  settle();
  EXPECT_THAT(target_.receive_all(), ElementsAreArray(segments));
  target_.connect(target_.from());
  target_.send_segments(text, 1200);
  settle();
  EXPECT_THAT(client.receive_all(), ElementsAreArray(segments));
  EXPECT_EQ(counters_.datagrams_up.get(), 51U);
  EXPECT_EQ(counters_.datagrams_down.get(), 51U);
}

TEST_F(Udp, merges_datagrams_of_one_size_into_one_send) {
  start();
  auto client = this->client();
  auto other = this->client();
  set_option(target_.fd(), IPPROTO_UDP, UDP_GRO, 1);  // what was sent together arrives together
  while_loop_stands([&] {
    for (int i = 0; i < 8; ++i) {
      client.send(std::string(100, 'c'));
      other.send(std::string(100, 'o'));
    }
  });
  EXPECT_THAT(target_.receive_all(), ElementsAre(std::string(800, 'c'), std::string(800, 'o')));
  EXPECT_EQ(counters_.datagrams_up.get(), 16U);
}

TEST_F(Udp, carries_more_than_a_batch_of_many_clients_in_order) {
  start();
  std::vector<Peer> clients;
  clients.reserve(5);
  for (int i = 0; i < 5; ++i) clients.push_back(client());
  constexpr std::size_t kEach = DatagramReader::kSlots / 4;
  set_option(target_.fd(), IPPROTO_UDP, UDP_GRO, 1);
  while_loop_stands([&] {
    for (std::size_t i = 0; i < kEach; ++i) {
      for (std::size_t c = 0; c < clients.size(); ++c) clients[c].send(fmt::format("{}:{:04}", c, i));
    }
  });
  const auto arrived = target_.receive_all();
  EXPECT_LE(arrived.size(), 2 * clients.size()) << "at most two sends for each client: one of either batch";
  std::vector<std::string> all(clients.size());
  for (const auto& merged : arrived) all.at(static_cast<std::size_t>(merged.front() - '0')) += merged;
  for (std::size_t c = 0; c < clients.size(); ++c) {
    std::string sent;
    for (std::size_t i = 0; i < kEach; ++i) sent += fmt::format("{}:{:04}", c, i);
    EXPECT_EQ(all[c], sent);
  }
  EXPECT_EQ(counters_.datagrams_up.get(), kEach * clients.size());
}

TEST_F(Udp, answers_from_the_address_that_the_client_sent_to) {
  const std::uint16_t port = start(std::nullopt);
  for (const auto* const address : {"127.0.0.2", "127.0.0.3", "::1"}) {
    here_ = {ip(address), port};
    auto client = this->client(here_.address.is_v6() ? "::1" : "127.0.0.1");
    exchange(client);  // the client is connected, and takes answers from nobody else
    client.send_segments(std::string(300, 'x'), 100);
    settle();
    EXPECT_THAT(target_.receive_all(), SizeIs(3));
    target_.connect(target_.from());
    target_.send_segments(std::string(300, 'y'), 100);
    settle();
    EXPECT_THAT(client.receive_all(), SizeIs(3)) << address;
    target_ = Peer{target_.endpoint().address.to_string()};
    settings_.targets = {target_at(target_.endpoint())};
    runtime_ = make_runtime();
    in_loop([this] { forward_->replace(runtime_); });
  }
}

TEST_F(Udp, keeps_apart_what_a_client_sends_to_several_addresses) {
  const std::uint16_t port = start(std::nullopt);
  Peer client;
  client.send_to({ip("127.0.0.2"), port}, "two");
  EXPECT_EQ(target_.receive(), "two");
  const Endpoint first = target_.from();
  client.send_to({ip("127.0.0.3"), port}, "three");
  EXPECT_EQ(target_.receive(), "three");
  EXPECT_NE(target_.from(), first);
  target_.answer("from three");
  EXPECT_EQ(client.receive(), "from three");
  EXPECT_EQ(client.from(), (Endpoint{ip("127.0.0.3"), port}));
}

// --- who may come in

TEST_F(Udp, turns_away_who_is_not_allowed) {
  settings_.deny = {Cidr::parse("127.0.0.5").value()};
  start();
  auto denied = client("127.0.0.5");
  denied.send("let me in");
  settle();
  EXPECT_EQ(counters_.refused.get(), 1U);
  EXPECT_EQ(counters_.dropped.get(), 1U);
  auto welcome = client();
  exchange(welcome);
  EXPECT_EQ(life_->open_sessions, 1);
}

TEST_F(Udp, keeps_to_the_limits_on_sessions) {
  settings_.connections.each_client = 1;
  start();
  auto first = client();
  exchange(first);
  auto second = client();
  second.send("me too");
  settle();
  EXPECT_EQ(counters_.refused.get(), 1U);
  auto other = client("127.0.0.7");
  exchange(other);
}

// --- rates and quotas

TEST_F(Udp, drops_what_is_over_its_rate) {
  settings_.rate.each_connection = 65'536;
  start();
  auto client = this->client();
  constexpr std::size_t kSent = 200;
  for (std::size_t i = 0; i < kSent; ++i) client.send(std::string(1000, 'r'));
  for (int i = 0; i < 5; ++i) settle();
  const auto arrived = target_.receive_all().size();
  EXPECT_GE(arrived, 65U) << "the burst";
  EXPECT_LT(arrived, kSent);
  EXPECT_EQ(counters_.upload.get(), arrived * 1000);
  EXPECT_EQ(counters_.dropped.get(), kSent - arrived);
}

TEST_F(Udp, delivers_no_byte_beyond_a_quota_that_cuts) {
  quotas_ = {quota_of(LimitAction::cut, 10'500)};
  start();
  auto client = this->client();
  client.send_segments(std::string(20'000, 'q'), 1000);
  settle();
  EXPECT_THAT(target_.receive_all(), SizeIs(10)) << "whole datagrams only";
  EXPECT_EQ(counters_.upload.get(), 10'000U);
  EXPECT_EQ(counters_.dropped.get(), 10U);
  EXPECT_THAT(dry_, ElementsAre(std::pair{"test/limit", 1000U}));
  quotas_[0]->reached = true;
  in_loop([this] { forward_->quota_changed(*quotas_[0]); });
  EXPECT_EQ(life_->open_sessions, 0);
  client.send("x");
  settle();
  EXPECT_EQ(counters_.upload.get(), 10'000U);
  EXPECT_EQ(counters_.refused.get(), 1U);
}

TEST_F(Udp, passes_nothing_either_way_once_a_quota_rejects) {
  quotas_ = {quota_of(LimitAction::reject, 13)};
  start();
  auto client = this->client();
  client.send("0123456789012");
  EXPECT_EQ(target_.receive(), "0123456789012");
  settle();
  target_.answer("no");
  client.send("more");
  settle();
  EXPECT_EQ(counters_.dropped.get(), 2U);
  quotas_[0]->up->reset(1000);
  exchange(client);
}

// --- waiting for the service

class UdpHeld : public Udp {
 protected:
  UdpHeld() { settings_.service = "palworld"; }
};

TEST_F(UdpHeld, wakes_the_service_and_keeps_what_came_in_order) {
  start();
  auto client = this->client();
  for (const auto* const text : {"one", "", "two", "three"}) client.send(text);
  settle();
  EXPECT_EQ(life_->waiting, 1);
  EXPECT_THAT(target_.receive_all(), IsEmpty());
  ASSERT_THAT(wanted_, SizeIs(1));
  EXPECT_EQ(wanted_[0].flow.source, client.endpoint());
  EXPECT_EQ(wanted_[0].flow.destination, here_);
  EXPECT_EQ(wanted_[0].flow.protocol, Protocol::udp);
  EXPECT_EQ(wanted_[0].direction, Direction::in);
  EXPECT_EQ(wanted_[0].bytes, 31U);
  becomes_ready();
  EXPECT_THAT(target_.receive_all(), ElementsAre("one", "", "two", "three"));
  EXPECT_EQ(life_->waiting, 0);
  EXPECT_EQ(counters_.upload.get(), 11U);
  exchange(client);
  EXPECT_EQ(counters_.sessions.get(), 1U);
}

// A service without a probe counts as ready once it was started, and may open its port a little later.
TEST_F(UdpHeld, keeps_what_came_until_the_service_has_opened_its_port) {
  target_ = Peer{"127.0.0.7"};  // where no other test takes the port while it is free
  const Endpoint target = target_.endpoint();
  settings_.targets = {target_at(target)};
  target_ = Peer{};  // leaves it
  start();
  auto client = this->client();
  for (const auto* const text : {"one", "two", "three"}) client.send(text);
  settle();
  becomes_ready();
  client.send("four");
  settle();
  EXPECT_EQ(life_->waiting, 1);
  EXPECT_EQ(counters_.upload.get(), 0U) << "nothing was delivered";
  target_ = Peer{target};
  for (const auto* const text : {"one", "two", "three", "four"}) EXPECT_EQ(target_.receive(), text);
  settle();
  EXPECT_EQ(life_->waiting, 0);
  EXPECT_EQ(counters_.upload.get(), 15U);
  EXPECT_EQ(counters_.dropped.get(), 0U);
  EXPECT_EQ(counters_.errors.get(), 0U);
  exchange(client);
}

TEST_F(UdpHeld, asks_for_the_service_again_while_somebody_waits) {
  start();
  auto client = this->client();
  client.send("hello?");
  std::size_t asked = 0;
  EXPECT_TRUE(eventually([&] {
    in_loop([&] { asked = wanted_.size(); });
    return asked >= 2;
  }));
  EXPECT_GE(wanted_[1].at.instant - wanted_[0].at.instant, std::chrono::seconds{1});
}

TEST_F(UdpHeld, bounds_what_a_client_may_leave) {
  settings_.hold.udp_datagrams = 3;
  settings_.hold.udp_bytes = 10;
  start();
  auto many = client();
  auto much = client();
  for (const auto* const text : {"1", "2", "3", "4"}) many.send(text);
  for (const auto* const text : {"123456", "12345", "1234"}) much.send(text);
  settle();
  EXPECT_EQ(counters_.dropped.get(), 2U);
  becomes_ready();
  EXPECT_THAT(target_.receive_all(), testing::UnorderedElementsAre("1", "2", "3", "123456", "1234"));
}

TEST_F(UdpHeld, bounds_how_many_wait) {
  settings_.hold.clients = 2;
  start();
  std::vector<Peer> clients;
  clients.reserve(5);
  for (int i = 0; i < 5; ++i) {
    clients.push_back(client());
    clients.back().send("hello");
  }
  settle();
  EXPECT_EQ(life_->waiting, 2);
  EXPECT_EQ(life_->open_sessions, 2);
  EXPECT_EQ(counters_.refused.get(), 3U);
  EXPECT_EQ(counters_.dropped.get(), 3U);
}

TEST_F(UdpHeld, keeps_nothing_for_longer_than_it_says) {
  settings_.hold.duration = std::chrono::milliseconds{100};
  start();
  auto client = this->client();
  client.send("too late");
  settle();
  EXPECT_TRUE(eventually([&] { return life_->waiting == 0; }));
  settle();
  EXPECT_EQ(counters_.dropped.get(), 1U);
  becomes_ready();
  exchange(client, "in time");
  EXPECT_EQ(counters_.upload.get(), 7U);
}

TEST_F(UdpHeld, drops_what_waits_when_the_service_does_not_come) {
  start();
  auto client = this->client();
  client.send("hello");
  settle();
  in_loop([this] { forward_->turn_away(); });
  EXPECT_EQ(life_->waiting, 0);
  EXPECT_EQ(life_->open_sessions, 0);
  EXPECT_EQ(counters_.dropped.get(), 1U);
  EXPECT_EQ(counters_.refused.get(), 1U);
  client.send("hello again");
  settle();
  EXPECT_THAT(wanted_, SizeIs(2)) << "who comes then wakes it anew, at once";
}

TEST_F(UdpHeld, waits_again_with_an_old_session_when_the_service_was_stopped) {
  start();
  becomes_ready();
  auto client = this->client();
  const Endpoint before = exchange(client);
  runtime_->phase = ServicePhase::coming;
  client.send("are you there?");
  settle();
  EXPECT_EQ(life_->waiting, 1);
  EXPECT_EQ(life_->open_sessions, 1);
  EXPECT_THAT(wanted_, SizeIs(1));
  becomes_ready();
  EXPECT_EQ(target_.receive(), "are you there?");
  EXPECT_NE(target_.from(), before) << "by a new socket";
  target_.answer("yes");
  EXPECT_EQ(client.receive(), "yes");
}

}  // namespace
}  // namespace tidegate
