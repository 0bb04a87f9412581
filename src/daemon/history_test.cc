#include "daemon/history.h"

#include <gtest/gtest.h>

namespace tidegate {
namespace {

Event event(const std::string& service, const std::string& text) { return {.service = service, .text = text}; }

TEST(History, gives_the_last_events_of_one_service_or_of_all) {
  History history;
  for (int i = 0; i < 5; ++i) history.add(event(i % 2 == 0 ? "even" : "odd", std::to_string(i)));
  const auto all = history.last(2, "");
  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(all[0].text, "3");
  EXPECT_EQ(all[1].text, "4");
  const auto even = history.last(2, "even");
  ASSERT_EQ(even.size(), 2U);
  EXPECT_EQ(even[0].text, "2");
  EXPECT_EQ(even[1].text, "4");
}

TEST(History, is_bounded) {
  History history;
  for (std::size_t i = 0; i < History::kMost + 10; ++i) history.add(event("a", std::to_string(i)));
  const auto all = history.last(2 * History::kMost, "");
  ASSERT_EQ(all.size(), History::kMost);
  EXPECT_EQ(all.front().text, "10");
}

TEST(History, tells_its_listeners_until_they_leave_even_in_the_middle_of_it) {
  History history;
  int first = 0;
  int second = 0;
  std::uint64_t number = 0;
  number = history.listen([&](const Event&) {
    ++first;
    history.ignore(number);
  });
  history.listen([&](const Event&) { ++second; });
  history.add(event("a", ""));
  history.add(event("a", ""));
  EXPECT_EQ(first, 1);
  EXPECT_EQ(second, 2);
}

}  // namespace
}  // namespace tidegate
