#include "meter/top.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <random>
#include <string>
#include <utility>
#include <vector>

namespace tidegate {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using Words = Top<std::string>;

Words::Entry entry(std::string key, std::uint64_t count, std::uint64_t error, bool certain) {
  return {std::move(key), count, error, certain};
}

// A skewed stream: key k comes about twice as often as key 2k. The same every time.
std::vector<std::uint32_t> skewed(std::size_t length) {
  std::minstd_rand random{7};
  std::uniform_real_distribution<double> uniform{0.0, 1.0};
  std::vector<std::uint32_t> keys(length);
  for (auto& key : keys) key = static_cast<std::uint32_t>(1.0 / (uniform(random) + 1e-4));
  return keys;
}

IpAddress address(std::uint32_t number) {
  std::array<std::uint8_t, 16> bytes{0x20, 0x01, 0x0d, 0xb8};
  for (std::size_t i = 0; i < 4; ++i) bytes[12 + i] = static_cast<std::uint8_t>(number >> (24 - 8 * i));
  return IpAddress::v6(bytes);
}

TEST(Top, counts_exactly_while_there_is_room) {
  Words top{4};
  top.add("/b");
  top.add("/a");
  top.add("/b");
  top.add("/c", 5);
  EXPECT_THAT(top.heaviest(9), ElementsAre(entry("/c", 5, 0, true), entry("/b", 2, 0, true), entry("/a", 1, 0, true)));
  EXPECT_EQ(top.total(), 8U);
  EXPECT_EQ(top.floor(), 0U);
}

TEST(Top, shows_keys_of_equal_count_by_name) {
  Words top{8};
  for (const auto* key : {"/z", "/m", "/a"}) top.add(key);
  EXPECT_THAT(top.heaviest(2), ElementsAre(entry("/a", 1, 0, true), entry("/m", 1, 0, true)));
}

TEST(Top, gives_a_new_key_the_place_of_the_lightest_and_its_count_as_error) {
  Words top{2};
  top.add("/heavy", 10);
  top.add("/light", 3);
  const auto kept = top.add("/new");
  EXPECT_TRUE(kept.fresh);
  EXPECT_FALSE(top.find("/light"));
  EXPECT_THAT(top.heaviest(2), ElementsAre(entry("/heavy", 10, 0, true), entry("/new", 4, 3, false)));
  EXPECT_EQ(top.floor(), 4U);
}

TEST(Top, lets_the_key_go_that_was_lightest_for_longest) {
  Words top{3};
  for (const auto* key : {"/1", "/2", "/3"}) top.add(key);
  top.add("/4");
  EXPECT_FALSE(top.find("/1"));
  EXPECT_TRUE(top.find("/2"));
  EXPECT_TRUE(top.find("/3"));
}

TEST(Top, says_a_rank_is_certain_only_where_no_other_key_can_be_above) {
  Words top{2};
  top.add("/a", 5);
  top.add("/b", 4);
  top.add("/c", 3);  // takes the place of /b: 3 to 7
  EXPECT_THAT(top.heaviest(2), ElementsAre(entry("/c", 7, 4, false), entry("/a", 5, 0, true)));
  EXPECT_THAT(top.heaviest(1), ElementsAre(entry("/c", 7, 4, false)));
}

TEST(Top, places_a_key_without_counting_it_while_there_is_room) {
  Words top{2};
  const auto placed = top.place("/quiet");
  ASSERT_TRUE(placed);
  EXPECT_TRUE(placed->fresh);
  EXPECT_EQ(top.count(placed->slot), 0U);
  top.add("/loud");
  EXPECT_FALSE(top.place("/third"));
  EXPECT_FALSE(top.place("/quiet")->fresh);
  EXPECT_TRUE(top.add("/third").fresh);
  EXPECT_FALSE(top.find("/quiet"));
}

TEST(Top, keeps_a_slot_as_long_as_its_key) {
  Words top{3};
  const auto slot = top.add("/a", 100).slot;
  for (int i = 0; i < 100; ++i) top.add("/" + std::to_string(i));
  EXPECT_EQ(top.find("/a"), slot);
  EXPECT_EQ(top.key(slot), "/a");
  EXPECT_EQ(top.count(slot), 100U);
  EXPECT_EQ(top.error(slot), 0U);
}

TEST(Top, cuts_long_keys_with_a_mark_and_counts_those_that_begin_alike_as_one) {
  Words top{4};
  const std::string whole(TopTraits<std::string>::kMostBytes, 'x');
  top.add(whole);
  top.add(whole + "1", 2);
  top.add(whole + "22", 2);
  EXPECT_THAT(top.heaviest(4), ElementsAre(entry(whole + "…", 4, 0, true), entry(whole, 1, 0, true)));
  EXPECT_TRUE(top.find(whole + "3"));
}

TEST(Top, begins_anew_when_cleared) {
  Words top{2};
  for (const auto* key : {"/a", "/b", "/c"}) top.add(key, 4);
  top.clear();
  EXPECT_THAT(top.heaviest(2), IsEmpty());
  EXPECT_EQ(top.total(), 0U);
  EXPECT_EQ(top.floor(), 0U);
  EXPECT_FALSE(top.find("/c"));
  top.add("/c");
  EXPECT_THAT(top.heaviest(2), ElementsAre(entry("/c", 1, 0, true)));
}

TEST(Top, holds_the_truth_between_its_bounds_whatever_the_stream) {
  Top<IpAddress> top{64};
  std::map<std::uint32_t, std::uint64_t> truth;
  std::uint64_t total = 0;
  for (const auto key : skewed(100'000)) {
    const std::uint64_t weight = 1 + key % 3;
    top.add(address(key), weight);
    truth[key] += weight;
    total += weight;
  }
  EXPECT_EQ(top.total(), total);
  EXPECT_LE(top.floor(), total / top.capacity());
  std::size_t kept = 0;
  for (const auto& [key, count] : truth) {
    const auto slot = top.find(address(key));
    if (!slot) {
      EXPECT_LE(count, top.floor());
      continue;
    }
    ++kept;
    EXPECT_LE(count, top.count(*slot));
    EXPECT_GE(count, top.count(*slot) - top.error(*slot));
    EXPECT_LE(top.error(*slot), top.floor());
  }
  EXPECT_EQ(kept, top.capacity());
}

TEST(Top, ranks_the_heaviest_first_and_certainly_where_the_stream_is_skewed) {
  Top<IpAddress> top{256};
  for (const auto key : skewed(100'000)) top.add(address(key));
  const auto first = top.heaviest(3);
  ASSERT_EQ(first.size(), 3U);
  for (std::uint32_t i = 0; i < 3; ++i) {
    EXPECT_EQ(first[i].key, address(i + 1));
    EXPECT_TRUE(first[i].certain);
  }
}

TEST(Top, shows_the_same_whatever_the_seed) {
  Top<IpAddress> one{32, 1};
  Top<IpAddress> two{32, 0xfeedULL};
  for (const auto key : skewed(20'000)) {
    one.add(address(key));
    two.add(address(key));
  }
  EXPECT_EQ(one.heaviest(32), two.heaviest(32));
}

TEST(KeyHash, differs_by_every_byte_the_length_and_the_seed) {
  const std::string text(40, 'a');
  for (std::size_t length = 0; length <= text.size(); ++length) {
    const auto hash = hash_bytes({text.data(), length}, 1);
    EXPECT_NE(hash, hash_bytes({text.data(), length}, 2));
    if (length > 0) EXPECT_NE(hash, hash_bytes({text.data(), length - 1}, 1));
    for (std::size_t i = 0; i < length; ++i) {
      auto other = text.substr(0, length);
      other[i] = 'b';
      EXPECT_NE(hash, hash_bytes(other, 1)) << "byte " << i << " of " << length;
    }
  }
}

TEST(KeyHash, tells_an_IPv4_address_from_the_IPv6_address_of_the_same_bytes) {
  const std::array<std::uint8_t, 4> four{0x20, 0x01, 0x0d, 0xb8};
  std::array<std::uint8_t, 16> sixteen{0x20, 0x01, 0x0d, 0xb8};
  EXPECT_NE(hash_address(IpAddress::v4(four), 1), hash_address(IpAddress::v6(sixteen), 1));
}

}  // namespace
}  // namespace tidegate
