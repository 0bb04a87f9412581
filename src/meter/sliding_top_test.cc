#include "meter/sliding_top.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <random>
#include <string>
#include <utility>
#include <vector>

namespace tidegate {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using Words = SlidingTop<std::string>;

std::vector<Ranked<std::string>> shown(const Words& words, std::size_t seconds, std::size_t most = 10) {
  std::vector<Ranked<std::string>> ranked;
  for (auto& each : words.heaviest(seconds, most)) ranked.push_back(std::move(each.ranked));
  return ranked;
}

Ranked<std::string> entry(std::string key, std::uint64_t count, std::uint64_t error = 0, bool certain = true) {
  return {std::move(key), count, error, certain};
}

void add(Words& words, const std::string& key, int times = 1) {
  for (int i = 0; i < times; ++i) words.add(key);
}

TEST(SlidingTop, adds_the_seconds_of_a_window_to_the_running_one) {
  Words words{{.running = 8, .kept = 8, .seconds = 5}};
  add(words, "/a", 3);
  words.close();
  add(words, "/b", 2);
  words.close();
  add(words, "/b", 2);
  EXPECT_THAT(shown(words, 2), ElementsAre(entry("/b", 4), entry("/a", 3)));
  EXPECT_THAT(shown(words, 1), ElementsAre(entry("/b", 4)));
  EXPECT_THAT(shown(words, 0), ElementsAre(entry("/b", 2)));
}

TEST(SlidingTop, forgets_what_is_older_than_the_seconds_it_keeps) {
  Words words{{.running = 8, .kept = 8, .seconds = 2}};
  add(words, "/old", 9);
  words.close();
  add(words, "/new");
  words.close();
  EXPECT_THAT(shown(words, 9), ElementsAre(entry("/old", 9), entry("/new", 1)));
  words.close();
  EXPECT_THAT(shown(words, 9), ElementsAre(entry("/new", 1)));
  words.close();
  EXPECT_THAT(shown(words, 9), IsEmpty());
}

TEST(SlidingTop, knows_a_key_again_that_was_forgotten) {
  Words words{{.running = 4, .kept = 4, .seconds = 1}};
  for (int i = 0; i < 100; ++i) {
    add(words, "/" + std::to_string(i % 7), 1 + i % 3);
    words.close();
  }
  EXPECT_THAT(shown(words, 1), ElementsAre(entry("/1", 1)));
}

TEST(SlidingTop, bounds_what_a_second_did_not_keep) {
  Words words{{.running = 8, .kept = 2, .seconds = 5}};
  add(words, "/a", 5);
  add(words, "/b", 4);
  add(words, "/c", 3);
  words.close();
  add(words, "/c", 2);
  EXPECT_THAT(shown(words, 1), ElementsAre(entry("/a", 5), entry("/c", 5, 3, false), entry("/b", 4)));
}

TEST(SlidingTop, has_what_was_placed_and_never_counted_last) {
  Words words{{.running = 8, .kept = 8, .seconds = 5}};
  words.place("/silent");
  words.close();
  add(words, "/loud");
  EXPECT_THAT(shown(words, 5), ElementsAre(entry("/loud", 1), entry("/silent", 0)));
}

TEST(SlidingTop, says_what_it_kept_of_a_second_heaviest_first) {
  Words words{{.running = 8, .kept = 2, .seconds = 5}};
  add(words, "/a");
  add(words, "/b", 3);
  add(words, "/c", 2);
  const auto kept = words.close();
  ASSERT_EQ(kept.size(), 2U);
  const auto found = words.heaviest(1, 2);
  EXPECT_EQ(found[0].ranked.key, "/b");
  EXPECT_EQ(found[0].id, kept[0].id);
  EXPECT_EQ(found[1].ranked.key, "/c");
  EXPECT_EQ(found[1].id, kept[1].id);
  EXPECT_FALSE(found[0].slot);
}

TEST(SlidingTop, cuts_long_keys_and_knows_them_again_in_other_seconds) {
  Words words{{.running = 4, .kept = 4, .seconds = 5}};
  const std::string whole(TopTraits<std::string>::kMostBytes, 'x');
  add(words, whole + "1");
  words.close();
  add(words, whole + "2");
  words.close();
  add(words, whole + "3");
  EXPECT_THAT(shown(words, 5), ElementsAre(entry(whole + "…", 3)));
}

TEST(SlidingTop, holds_the_truth_between_its_bounds_whatever_the_stream) {
  constexpr std::size_t kSeconds = 20;
  Words words{{.running = 48, .kept = 16, .seconds = kSeconds}};
  Words seeded{{.running = 48, .kept = 16, .seconds = kSeconds, .seed = 99}};
  std::deque<std::map<std::string, std::uint64_t>> truth(1);
  std::minstd_rand random{11};
  std::uniform_real_distribution<double> uniform{0.0, 1.0};
  for (int second = 0; second < 50; ++second) {
    for (int i = 0; i < 400; ++i) {
      const auto key = "/" + std::to_string(static_cast<int>(1.0 / (uniform(random) + 1e-3)));
      add(words, key);
      add(seeded, key);
      ++truth.back()[key];
    }
    if (second % 10 == 9) {
      std::map<std::string, std::uint64_t> window;
      for (const auto& part : truth) {
        for (const auto& [key, count] : part) window[key] += count;
      }
      const auto all = shown(words, kSeconds, 10'000);
      EXPECT_EQ(all, shown(seeded, kSeconds, 10'000));
      ASSERT_GE(all.size(), 16U);
      std::uint64_t heaviest = 0;
      for (const auto& [key, count] : window) heaviest = std::max(heaviest, count);
      EXPECT_EQ(window[all.front().key], heaviest);
      EXPECT_TRUE(all.front().certain);
      for (const auto& [key, count, error, certain] : all) {
        const auto truly = window[key];
        EXPECT_LE(truly, count) << key;
        EXPECT_GE(truly, count - error) << key;
        window.erase(key);
        if (!certain) continue;
        for (const auto& [other, times] : window) EXPECT_LE(times, truly) << other << " after " << key;
      }
    }
    words.close();
    seeded.close();
    truth.emplace_back();
    if (truth.size() > kSeconds + 1) truth.pop_front();
  }
}

}  // namespace
}  // namespace tidegate
