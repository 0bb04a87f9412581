#include "forward/udp_sessions.h"

#include <sys/resource.h>

#include "forward/test_udp.h"

namespace tidegate {
namespace {

using test::Peer;
using test::Udp;
using testing::ElementsAre;
using testing::SizeIs;

// --- sessions

TEST_F(Udp, ends_a_session_after_silence_and_not_before) {
  settings_.timeouts.udp = std::chrono::milliseconds{200};
  start();
  auto client = this->client();
  const auto begun = std::chrono::steady_clock::now();
  exchange(client);
  EXPECT_TRUE(eventually([&] { return life_->open_sessions == 0; }));
  EXPECT_GE(std::chrono::steady_clock::now() - begun, settings_.timeouts.udp);
  settle();
  EXPECT_EQ(runtime_->targets.all()[0]->open, 0U);
  exchange(client);
  EXPECT_EQ(counters_.sessions.get(), 2U);
}

TEST_F(Udp, survives_icmp_errors_until_its_target_is_there) {
  const Endpoint address = target_.endpoint();
  target_ = Peer{};  // nobody has that port now
  start();
  auto client = this->client();
  for (int i = 0; i < 10; ++i) {
    client.send("anyone?");
    settle();
  }
  EXPECT_EQ(life_->open_sessions, 1);
  EXPECT_EQ(counters_.errors.get(), 0U);
  target_ = Peer{address};
  exchange(client);
  EXPECT_EQ(counters_.sessions.get(), 1U);
}

TEST_F(Udp, moves_to_another_target_after_refusals) {
  Endpoint gone;
  {
    const Peer nobody;
    gone = nobody.endpoint();
  }
  settings_.targets = {target_at(gone), target_at(target_.endpoint())};
  start();
  for (int i = 0; i < 2; ++i) {  // one of them goes to either target first
    auto client = this->client();
    int tries = 0;
    while (target_.receive_all().empty() && ++tries < 10) {
      client.send("anyone?");
      settle();
    }
    EXPECT_LT(tries, 8);
  }
  EXPECT_EQ(life_->open_sessions, 2);
  EXPECT_EQ(runtime_->targets.all()[0]->open, 0U);
  EXPECT_EQ(runtime_->targets.all()[1]->open, 2U);
}

TEST_F(Udp, says_when_no_target_can_be_reached) {
  settings_.targets[0].host = "not-resolved-yet.example.net";
  start();
  auto client = this->client();
  client.send("hello");
  settle();
  EXPECT_EQ(counters_.errors.get(), 1U);
  EXPECT_EQ(counters_.dropped.get(), 1U);
  EXPECT_EQ(life_->open_sessions, 0);
  EXPECT_THAT(trouble_, ElementsAre("no target can be reached by UDP"));
}

TEST_F(Udp, lets_unanswered_sessions_go_first_when_there_is_no_room) {
  settings_.udp_sessions = 3;
  start();
  auto known = client();
  const Endpoint as = exchange(known);
  for (int i = 0; i < 10; ++i) {
    auto stranger = client();
    stranger.send("knock");
    EXPECT_EQ(target_.receive(), "knock");
    settle();
  }
  EXPECT_EQ(life_->open_sessions, 3);
  EXPECT_EQ(exchange(known), as) << "its session is the same";
}

TEST_F(Udp, lets_the_idlest_session_of_a_client_go_when_that_has_too_many) {
  settings_.udp_sessions_each_client = 2;
  start();
  auto other = client("127.0.0.9");
  const Endpoint other_as = exchange(other);
  auto first = client();
  auto second = client();
  auto third = client();
  const Endpoint first_as = exchange(first);
  const Endpoint second_as = exchange(second);
  EXPECT_EQ(exchange(first), first_as);
  exchange(third);
  EXPECT_EQ(life_->open_sessions, 3);
  EXPECT_EQ(exchange(first), first_as);
  EXPECT_EQ(exchange(other), other_as);
  EXPECT_NE(exchange(second), second_as) << "it was idle for longest, and begins anew";
}

TEST_F(Udp, lets_a_client_have_one_session_at_a_time) {
  settings_.udp_sessions_each_client = 1;
  start();
  auto first = client();
  auto second = client();
  for (int i = 0; i < 3; ++i) {
    exchange(first);
    exchange(second);
  }
  EXPECT_EQ(life_->open_sessions, 1);
  EXPECT_EQ(counters_.sessions.get(), 6U);
}

TEST_F(Udp, serves_a_live_session_through_a_flood_from_made_up_sources) {
  settings_.udp_sessions = 200;
  start();
  auto live = client();
  const Endpoint as = exchange(live);
  exchange(live);
  for (std::uint32_t i = 0; i < 10'000; ++i) {
    const std::array<std::uint8_t, 4> source{127, 1, static_cast<std::uint8_t>(i >> 8), static_cast<std::uint8_t>(i)};
    Peer stranger{Endpoint{IpAddress::v4(source), 0}};
    stranger.send_to(here_, "flood");
    if (i % 100 == 0) {
      settle();
      target_.receive_all();
      EXPECT_EQ(exchange(live), as);
      ASSERT_LE(life_->open_sessions, 200);
    }
  }
}

TEST_F(Udp, makes_room_among_strangers_when_descriptors_run_out) {
  start();
  auto live = client();
  const Endpoint as = exchange(live);
  std::vector<Peer> strangers;
  strangers.reserve(20);
  for (int i = 0; i < 20; ++i) strangers.push_back(client());
  ASSERT_NE(system_failure("a sanitizer's first look at an error takes descriptors", EMFILE).error().what, "");
  rlimit before{};
  ::getrlimit(RLIMIT_NOFILE, &before);
  const rlimit few{.rlim_cur = static_cast<rlim_t>(strangers.back().fd()) + 5, .rlim_max = before.rlim_max};
  ::setrlimit(RLIMIT_NOFILE, &few);
  for (auto& stranger : strangers) stranger.send("knock");
  settle();
  settle();
  ::setrlimit(RLIMIT_NOFILE, &before);
  EXPECT_THAT(target_.receive_all(), SizeIs(20));
  EXPECT_LT(life_->open_sessions, 10);
  EXPECT_EQ(exchange(live), as);
}

TEST_F(Udp, ends_the_sessions_of_a_listener_that_is_closed) {
  start();
  auto client = this->client();
  exchange(client);
  in_loop([this] { forward_->close_listener(descriptor_); });
  EXPECT_EQ(life_->open_sessions, 0);
  EXPECT_EQ(::send(client.fd(), "x", 1, 0), 1);
  EXPECT_EQ(::send(client.fd(), "x", 1, 0), -1);
  EXPECT_EQ(errno, ECONNREFUSED);
}

TEST_F(Udp, lets_sessions_go_on_under_the_settings_they_began_with) {
  start();
  auto old_client = client();
  exchange(old_client);
  Peer other_target;
  settings_.targets = {target_at(other_target.endpoint())};
  const auto old_runtime = runtime_;
  runtime_ = make_runtime();
  in_loop([this] { forward_->replace(runtime_); });
  exchange(old_client);
  auto new_client = client();
  new_client.send("hi");
  EXPECT_EQ(other_target.receive(), "hi");
  settle();
  EXPECT_EQ(old_runtime->targets.all()[0]->open, 1U);
}

}  // namespace
}  // namespace tidegate
