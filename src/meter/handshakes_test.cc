#include "meter/handshakes.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <list>
#include <random>

#include "tests/support/samples.h"

namespace tidegate {
namespace {

using std::chrono::seconds;

constexpr Instant kStart{};

Handshakes::Connection connection(std::uint16_t from) {
  return {{test::ip("203.0.113.1"), from}, {test::ip("192.0.2.1"), 80}};
}

TEST(Handshakes, begin_once_and_end_once) {
  Handshakes handshakes{4};
  EXPECT_TRUE(handshakes.syn(connection(1), kStart));
  EXPECT_FALSE(handshakes.syn(connection(1), kStart + seconds{1}));
  EXPECT_TRUE(handshakes.knows(connection(1)));
  EXPECT_EQ(handshakes.size(), 1u);
  EXPECT_TRUE(handshakes.end(connection(1)));
  EXPECT_FALSE(handshakes.end(connection(1)));
  EXPECT_FALSE(handshakes.knows(connection(1)));
  EXPECT_TRUE(handshakes.syn(connection(1), kStart + seconds{2}));
}

TEST(Handshakes, give_the_one_whose_last_syn_is_the_oldest) {
  Handshakes handshakes{4};
  handshakes.syn({{test::ip("203.0.113.1"), 1}, {}}, kStart);
  handshakes.syn({{test::ip("203.0.113.2"), 2}, {}}, kStart + seconds{1});
  handshakes.syn({{test::ip("203.0.113.1"), 1}, {}}, kStart + seconds{2});
  EXPECT_EQ(handshakes.take_oldest(kStart), std::nullopt);
  EXPECT_EQ(handshakes.take_oldest(kStart + seconds{1}), test::ip("203.0.113.2"));
  EXPECT_EQ(handshakes.take_oldest(kStart + seconds{1}), std::nullopt);
  EXPECT_EQ(handshakes.take_oldest(), test::ip("203.0.113.1"));
  EXPECT_EQ(handshakes.take_oldest(), std::nullopt);
}

TEST(Handshakes, are_full_at_their_capacity_and_take_more_when_one_has_left) {
  Handshakes handshakes{2};
  handshakes.syn(connection(1), kStart);
  EXPECT_FALSE(handshakes.full());
  handshakes.syn(connection(2), kStart);
  EXPECT_TRUE(handshakes.full());
  EXPECT_FALSE(handshakes.syn(connection(2), kStart));  // what is known needs no room
  handshakes.take_oldest();
  EXPECT_TRUE(handshakes.syn(connection(3), kStart));
  EXPECT_FALSE(handshakes.knows(connection(1)));
}

// Against a list that is searched from one end to the other.
TEST(Handshakes, do_what_a_plain_list_does) {
  constexpr std::size_t kCapacity = 50;
  std::mt19937 random{3};
  Handshakes handshakes{kCapacity, 99};
  std::list<Handshakes::Connection> plain;  // the oldest SYN first
  for (int step = 0; step < 50'000; ++step) {
    const auto at = kStart + seconds{step};
    const auto one = connection(static_cast<std::uint16_t>(random() % 80));
    const auto known = std::ranges::find(plain, one);
    ASSERT_EQ(handshakes.knows(one), known != plain.end());
    switch (random() % 4) {
      case 0:
        ASSERT_EQ(handshakes.end(one), known != plain.end());
        if (known != plain.end()) plain.erase(known);
        break;
      case 1:
        if (random() % 4 != 0) break;
        ASSERT_EQ(handshakes.take_oldest().has_value(), !plain.empty());
        if (!plain.empty()) plain.pop_front();
        break;
      default:
        if (known == plain.end() && plain.size() == kCapacity) break;
        ASSERT_EQ(handshakes.syn(one, at), known == plain.end());
        if (known != plain.end()) plain.erase(known);
        plain.push_back(one);
        break;
    }
    ASSERT_EQ(handshakes.size(), plain.size());
    ASSERT_EQ(handshakes.full(), plain.size() == kCapacity);
  }
}

}  // namespace
}  // namespace tidegate
