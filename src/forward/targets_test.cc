#include "forward/targets.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <thread>

namespace tidegate {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::IsEmpty;

constexpr Instant kStart{std::chrono::hours{1}};
constexpr std::uint16_t kPort = 10'001;

Target target(const std::string& text, std::uint32_t weight = 1) {
  Target parsed = *Target::parse(text);
  parsed.weight = weight;
  return parsed;
}

IpAddress ip(const std::string& text) { return *IpAddress::parse(text); }

IpAddress numbered_client(unsigned number) {
  const std::array<std::uint8_t, 4> bytes{10, static_cast<std::uint8_t>(number >> 16),
                                          static_cast<std::uint8_t>(number >> 8), static_cast<std::uint8_t>(number)};
  return IpAddress::v4(bytes);
}

// Three targets a, b and c, at 192.0.2.1 to .3.
std::vector<Target> three(std::uint32_t a = 1, std::uint32_t b = 1, std::uint32_t c = 1) {
  return {target("192.0.2.1:80", a), target("192.0.2.2:80", b), target("192.0.2.3:80", c)};
}

// The next choice of a new client as a letter; "-": none.
char chosen(Targets& targets, Instant now = kStart, std::uint64_t tried = 0,
            const IpAddress& client = ip("198.51.100.1")) {
  const auto choice = targets.choose(client, kPort, 0, tried, now);
  return choice ? static_cast<char>('a' + choice->index) : '-';
}

std::string several(Targets& targets, int count, Instant now = kStart) {
  std::string letters;
  for (int i = 0; i < count; ++i) letters += chosen(targets, now);
  return letters;
}

// Where a new client is led to.
std::string where(Targets& targets, Instant now = kStart, std::uint64_t tried = 0) {
  const auto choice = targets.choose(ip("198.51.100.1"), kPort, 0, tried, now);
  return choice ? choice->address.endpoint().to_string() : "-";
}

TEST(Targets, take_turns_smoothly_by_weight) {
  Targets equal{three(), Balance::round_robin};
  EXPECT_EQ(several(equal, 6), "abcabc");
  Targets two_to_one{{target("192.0.2.1:80", 2), target("192.0.2.2:80")}, Balance::round_robin};
  EXPECT_EQ(several(two_to_one, 6), "abaaba");
  Targets heavy{three(5, 1, 1), Balance::round_robin};
  EXPECT_EQ(several(heavy, 7), "aabacaa");
}

TEST(Targets, with_the_fewest_connections_for_their_weight_come_first) {
  Targets targets{three(2, 1, 1), Balance::least_connections};
  const auto& all = targets.all();
  all[0]->open = 4;
  all[1]->open = 3;
  all[2]->open = 1;
  EXPECT_EQ(chosen(targets), 'c');
  all[2]->open = 3;
  EXPECT_EQ(chosen(targets), 'a');  // 4 for a weight of 2
  all[0]->open = 6;
  const auto letters = several(targets, 8);  // all equal: round robin
  EXPECT_EQ(std::ranges::count(letters, 'a'), 4);
  EXPECT_EQ(std::ranges::count(letters, 'b'), 2);
  EXPECT_EQ(std::ranges::count(letters, 'c'), 2);
}

TEST(Targets, by_source_are_shared_out_by_weight_and_stay_the_clients) {
  Targets targets{three(2, 1, 1), Balance::source};
  std::map<char, int> shares;
  for (unsigned i = 0; i < 8000; ++i) {
    const char first = chosen(targets, kStart, 0, numbered_client(i));
    EXPECT_EQ(first, chosen(targets, kStart, 0, numbered_client(i)));
    ++shares[first];
  }
  EXPECT_NEAR(shares['a'], 4000, 200);
  EXPECT_NEAR(shares['b'], 2000, 200);
  EXPECT_NEAR(shares['c'], 2000, 200);
}

TEST(Targets, by_source_leave_the_clients_of_the_others_alone_when_one_goes_down) {
  Targets targets{three(), Balance::source};
  std::vector<char> before;
  before.reserve(1000);
  for (unsigned i = 0; i < 1000; ++i) before.push_back(chosen(targets, kStart, 0, numbered_client(i)));
  targets.all()[1]->checked_down = true;
  for (unsigned i = 0; i < 1000; ++i) {
    const char now = chosen(targets, kStart, 0, numbered_client(i));
    if (before[i] == 'b') {
      EXPECT_NE(now, 'b');
    } else {
      EXPECT_EQ(now, before[i]);
    }
  }
}

TEST(Targets, by_source_do_not_depend_on_the_order_they_are_written_in) {
  auto settings = three();
  Targets forwards{settings, Balance::source};
  std::ranges::reverse(settings);
  Targets backwards{settings, Balance::source};
  for (unsigned i = 0; i < 200; ++i) {
    const auto client = numbered_client(i);
    const auto one = forwards.choose(client, kPort, 0, 0, kStart);
    const auto other = backwards.choose(client, kPort, 0, 0, kStart);
    EXPECT_EQ(one->target->settings, other->target->settings);
  }
}

TEST(Targets, by_source_take_turns_for_clients_without_an_address) {
  Targets targets{three(), Balance::source};
  std::string letters;
  for (int i = 0; i < 3; ++i) letters += chosen(targets, kStart, 0, IpAddress{});
  EXPECT_EQ(letters, "abc");
}

TEST(Targets, that_were_tried_are_not_given_again) {
  Targets targets{three(), Balance::round_robin};
  EXPECT_EQ(chosen(targets, kStart, 0b001), 'b');
  EXPECT_EQ(chosen(targets, kStart, 0b011), 'c');
  EXPECT_EQ(chosen(targets, kStart, 0b111), '-');
}

TEST(Targets, that_failed_are_left_out_for_a_second_and_twice_as_long_each_time) {
  Targets targets{three(), Balance::round_robin};
  Instant now = kStart;
  for (const int expected : {1, 2, 4, 8, 16, 30, 30}) {
    targets.failed(0, now);
    EXPECT_FALSE(targets.is_up(0, now + seconds{expected} - milliseconds{1}));
    EXPECT_TRUE(targets.is_up(0, now + seconds{expected}));
    now += seconds{expected};
  }
  targets.failed(0, now);
  EXPECT_THAT(several(targets, 4, now), testing::Not(testing::HasSubstr("a")));
  targets.connected(0);
  EXPECT_TRUE(targets.is_up(0, now));
  targets.failed(0, now);
  EXPECT_TRUE(targets.is_up(0, now + seconds{1}));  // from the beginning again
}

TEST(Targets, that_fail_for_many_clients_at_once_are_marked_once) {
  Targets targets{three(), Balance::round_robin};
  for (int i = 0; i < 50; ++i) targets.failed(0, kStart);
  EXPECT_FALSE(targets.is_up(0, kStart + seconds{1} - milliseconds{1}));
  EXPECT_TRUE(targets.is_up(0, kStart + seconds{1}));
}

TEST(Targets, that_failed_longest_ago_are_tried_where_none_is_up) {
  Targets targets{three(), Balance::round_robin};
  targets.failed(1, kStart);
  targets.failed(2, kStart + milliseconds{1});
  targets.failed(0, kStart + milliseconds{2});
  const Instant now = kStart + milliseconds{3};
  EXPECT_EQ(several(targets, 3, now), "bbb");
  EXPECT_EQ(chosen(targets, now, 0b010), 'c');
  EXPECT_EQ(chosen(targets, now, 0b110), 'a');
}

TEST(Targets, that_the_active_check_found_down_are_skipped_while_others_are_up) {
  Targets targets{three(), Balance::round_robin};
  targets.all()[0]->checked_down = true;
  EXPECT_FALSE(targets.is_up(0, kStart));
  EXPECT_EQ(several(targets, 4), "bcbc");
  targets.all()[1]->checked_down = true;
  targets.all()[2]->checked_down = true;
  EXPECT_NE(chosen(targets), '-');
  targets.all()[0]->checked_down = false;
  EXPECT_EQ(several(targets, 2), "aa");
}

TEST(Targets, of_a_name_have_no_address_until_it_is_resolved) {
  Targets targets{{target("db.example.net:5432")}, Balance::round_robin};
  EXPECT_EQ(where(targets), "-");
  targets.set_addresses(0, {});
  EXPECT_EQ(where(targets), "-");
  targets.set_addresses(0, {ip("192.0.2.7")});
  EXPECT_EQ(where(targets), "192.0.2.7:5432");
  targets.set_addresses(0, {});  // it did not resolve any more
  EXPECT_THAT(targets.addresses(0), ElementsAre(ip("192.0.2.7")));
}

TEST(Targets, of_a_name_take_only_so_many_addresses) {
  Targets targets{{target("db.example.net:5432")}, Balance::round_robin};
  std::vector<IpAddress> many;
  many.reserve(100);
  for (unsigned i = 0; i < 100; ++i) many.push_back(numbered_client(i));
  targets.set_addresses(0, many);
  EXPECT_EQ(targets.addresses(0).size(), Targets::kMostAddresses);
}

TEST(Targets, of_a_name_are_tried_at_each_address_by_the_same_client) {
  Targets targets{{target("db.example.net:5432")}, Balance::round_robin};
  targets.set_addresses(0, {ip("2001:db8::1"), ip("192.0.2.1"), ip("192.0.2.2")});
  EXPECT_EQ(where(targets), "[2001:db8::1]:5432");
  targets.failed(0, kStart);
  EXPECT_TRUE(targets.is_up(0, kStart));
  EXPECT_EQ(where(targets, kStart, 1), "192.0.2.1:5432");
  targets.failed(0, kStart);
  EXPECT_EQ(where(targets, kStart, 1), "192.0.2.2:5432");
  targets.failed(0, kStart);
  EXPECT_FALSE(targets.is_up(0, kStart));
  EXPECT_EQ(where(targets, kStart, 1), "-");
  EXPECT_EQ(where(targets, kStart, 0), "[2001:db8::1]:5432");  // for the next client from the beginning
}

TEST(Targets, of_a_name_stay_with_the_address_that_answered) {
  Targets targets{{target("db.example.net:5432")}, Balance::round_robin};
  targets.set_addresses(0, {ip("2001:db8::1"), ip("192.0.2.1")});
  targets.failed(0, kStart);
  targets.connected(0);
  EXPECT_EQ(where(targets), "192.0.2.1:5432");
  targets.set_addresses(0, {ip("192.0.2.9"), ip("2001:db8::1"), ip("192.0.2.1")});
  EXPECT_EQ(where(targets), "192.0.2.1:5432");
  targets.set_addresses(0, {ip("192.0.2.9"), ip("192.0.2.8")});
  EXPECT_EQ(where(targets), "192.0.2.9:5432");
}

TEST(Targets, of_a_name_are_up_again_when_it_leads_elsewhere) {
  Targets targets{{target("db.example.net:5432")}, Balance::round_robin};
  targets.set_addresses(0, {ip("192.0.2.1")});
  targets.failed(0, kStart);
  targets.set_addresses(0, {ip("192.0.2.1")});
  EXPECT_FALSE(targets.is_up(0, kStart));
  targets.set_addresses(0, {ip("192.0.2.1"), ip("192.0.2.2")});
  EXPECT_TRUE(targets.is_up(0, kStart));
  EXPECT_EQ(where(targets), "192.0.2.2:5432");
}

TEST(Targets, ask_for_a_look_at_the_names_when_one_of_a_name_failed) {
  Targets targets{{target("192.0.2.1:80"), target("db.example.net:80"), target("unix:/run/x.sock")},
                  Balance::round_robin};
  targets.failed(0, kStart);
  targets.failed(2, kStart);
  EXPECT_FALSE(targets.take_stale());
  targets.failed(1, kStart);
  EXPECT_TRUE(targets.take_stale());
  EXPECT_FALSE(targets.take_stale());
}

TEST(Targets, with_address_literals_take_no_other_addresses) {
  Targets targets{{target("192.0.2.1:80")}, Balance::round_robin};
  targets.set_addresses(0, {ip("192.0.2.2")});
  EXPECT_THAT(targets.addresses(0), ElementsAre(ip("192.0.2.1")));
}

TEST(Targets, may_be_unix_sockets) {
  Targets targets{{target("unix:/run/app.sock")}, Balance::round_robin};
  const auto choice = targets.choose({}, kPort, 0, 0, kStart);
  ASSERT_TRUE(choice);
  EXPECT_EQ(choice->address.family(), AF_UNIX);
  EXPECT_STREQ(reinterpret_cast<const sockaddr_un*>(choice->address.get())->sun_path, "/run/app.sock");
  EXPECT_THAT(targets.addresses(0), IsEmpty());
}

TEST(Targets, map_ports) {
  const auto port = [](const Target& settings, std::uint16_t listened, std::uint16_t nth) {
    Targets targets{{settings}, Balance::round_robin};
    return targets.choose({}, listened, nth, 0, kStart)->address.endpoint().port;
  };
  EXPECT_EQ(port(target("192.0.2.1:80"), 10'003, 2), 80);
  EXPECT_EQ(port(target("192.0.2.1:20000-20009"), 10'003, 2), 20'002);
  EXPECT_EQ(port(target("[2001:db8::1]:20000-20009"), 10'009, 9), 20'009);
  Target same{.unix_path = {}, .host = "192.0.2.1"};
  EXPECT_EQ(port(same, 10'003, 2), 10'003);
}

TEST(Targets, beyond_the_63rd_share_a_bit) {
  std::vector<Target> many;
  for (int i = 1; i <= 70; ++i) many.push_back(target(fmt::format("192.0.2.{}:80", i)));
  Targets targets{many, Balance::round_robin};
  const auto below = targets.choose({}, kPort, 0, ~(std::uint64_t{1} << 63), kStart);
  ASSERT_TRUE(below);
  EXPECT_GE(below->index, 63U);
  EXPECT_FALSE(targets.choose({}, kPort, 0, ~std::uint64_t{0}, kStart));
}

TEST(Targets, may_be_chosen_by_several_threads_while_addresses_change) {
  Targets targets{{target("db.example.net:80"), target("192.0.2.1:80", 3)}, Balance::round_robin};
  targets.set_addresses(0, {ip("192.0.2.7")});
  std::array<std::atomic<int>, 2> counts{};
  const auto choose_many = [&] {
    for (int i = 0; i < 4000; ++i) {
      const auto choice = targets.choose(numbered_client(static_cast<unsigned>(i)), kPort, 0, 0, kStart);
      ASSERT_TRUE(choice);
      ++counts.at(choice->index);
      i % 7 == 6 ? targets.failed(0, kStart) : targets.connected(0);
    }
  };
  {
    const std::jthread one{choose_many};
    const std::jthread other{choose_many};
    for (unsigned i = 0; i < 500; ++i) targets.set_addresses(0, {numbered_client(i), numbered_client(i + 1)});
  }
  EXPECT_EQ(counts[0] + counts[1], 8000);
  EXPECT_GT(counts[0], 0);
}

}  // namespace
}  // namespace tidegate
