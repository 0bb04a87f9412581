#include "meter/handshakes.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <list>
#include <optional>
#include <random>
#include <utility>

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
  EXPECT_TRUE(handshakes.syn(connection(1), kStart).fresh);
  EXPECT_FALSE(handshakes.syn(connection(1), kStart + seconds{1}).fresh);
  EXPECT_EQ(handshakes.size(), 1u);
  EXPECT_TRUE(handshakes.end(connection(1)));
  EXPECT_FALSE(handshakes.end(connection(1)));
  EXPECT_EQ(handshakes.size(), 0u);
  EXPECT_TRUE(handshakes.syn(connection(1), kStart + seconds{2}).fresh);
}

TEST(Handshakes, give_the_one_whose_last_syn_is_the_oldest) {
  const Handshakes::Connection first{{test::ip("203.0.113.1"), 1}, {}};
  const Handshakes::Connection second{{test::ip("203.0.113.2"), 2}, {}};
  Handshakes handshakes{4};
  handshakes.syn(first, kStart).slot = 11;
  handshakes.syn(second, kStart + seconds{1}).slot = 22;
  handshakes.syn(first, kStart + seconds{2});
  EXPECT_EQ(handshakes.take_oldest(kStart), std::nullopt);
  EXPECT_EQ(handshakes.take_oldest(kStart + seconds{1}), (Handshakes::Origin{test::ip("203.0.113.2"), 22}));
  EXPECT_EQ(handshakes.take_oldest(kStart + seconds{1}), std::nullopt);
  EXPECT_EQ(handshakes.take_oldest(), (Handshakes::Origin{test::ip("203.0.113.1"), 11}));
  EXPECT_EQ(handshakes.take_oldest(), std::nullopt);
}

TEST(Handshakes, make_way_for_a_new_one_at_their_capacity) {
  Handshakes handshakes{2};
  EXPECT_FALSE(handshakes.syn(connection(1), kStart).gave_way);
  handshakes.syn(connection(2), kStart).slot = 2;
  EXPECT_FALSE(handshakes.syn(connection(1), kStart).gave_way);  // what is known needs no room
  EXPECT_EQ(handshakes.syn(connection(3), kStart).gave_way, (Handshakes::Origin{test::ip("203.0.113.1"), 2}));
  EXPECT_EQ(handshakes.size(), 2u);
  EXPECT_FALSE(handshakes.end(connection(2)));
}

// Against a list that is searched from one end to the other.
TEST(Handshakes, do_what_a_plain_list_does) {
  constexpr std::size_t kCapacity = 50;
  std::mt19937 random{3};
  Handshakes handshakes{kCapacity, 99};
  std::list<std::pair<Handshakes::Connection, std::uint32_t>> plain;  // the oldest SYN first
  const auto take = [&plain](auto known) {
    const Handshakes::Origin origin{known->first.initiator.address, known->second};
    plain.erase(known);
    return origin;
  };
  for (std::uint32_t step = 0; step < 50'000; ++step) {
    const auto one = connection(static_cast<std::uint16_t>(random() % 80));
    const auto known = std::ranges::find(plain, one, [](const auto& kept) { return kept.first; });
    const bool fresh = known == plain.end();
    std::optional<Handshakes::Origin> expected;
    switch (random() % 4) {
      case 0:
        if (!fresh) expected = take(known);
        ASSERT_EQ(handshakes.end(one), expected);
        break;
      case 1:
        if (random() % 4 != 0) break;
        if (!plain.empty()) expected = take(plain.begin());
        ASSERT_EQ(handshakes.take_oldest(), expected);
        break;
      default: {
        if (fresh && plain.size() == kCapacity) expected = take(plain.begin());
        const auto syn = handshakes.syn(one, kStart + seconds{step});
        ASSERT_EQ(syn.fresh, fresh);
        ASSERT_EQ(syn.gave_way, expected);
        if (fresh) {
          syn.slot = step;
        } else {
          ASSERT_EQ(syn.slot, known->second);
          plain.erase(known);
        }
        plain.emplace_back(one, syn.slot);
        break;
      }
    }
    ASSERT_EQ(handshakes.size(), plain.size());
  }
}

}  // namespace
}  // namespace tidegate
