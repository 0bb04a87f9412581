#include "forward/clients.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <thread>

namespace tidegate {
namespace {

IpAddress numbered(std::size_t number) {
  const std::array<std::uint8_t, 4> bytes{10, static_cast<std::uint8_t>(number >> 16),
                                          static_cast<std::uint8_t>(number >> 8), static_cast<std::uint8_t>(number)};
  return IpAddress::v4(bytes);
}

constexpr auto kNoLimits = [](ForwardClient&) {};

TEST(ForwardClients, are_one_for_each_address) {
  ForwardClients clients;
  auto* const one = clients.acquire(numbered(1), kNoLimits);
  auto* const again = clients.acquire(numbered(1), kNoLimits);
  auto* const other = clients.acquire(numbered(2), kNoLimits);
  ASSERT_NE(one, nullptr);
  EXPECT_EQ(one, again);
  EXPECT_NE(one, other);
  EXPECT_EQ(one->address, numbered(1));
  EXPECT_EQ(one->open, 2U);
  clients.release(*one);
  EXPECT_EQ(one->open, 1U);
}

TEST(ForwardClients, get_their_limits_each_time) {
  ForwardClients clients;
  int made = 0;
  const auto make = [&](ForwardClient& client) {
    ++made;
    client.rate.set(1000, std::chrono::seconds{1}, 100);
  };
  auto* const client = clients.acquire(numbered(1), make);
  EXPECT_TRUE(client->rate.limits());
  EXPECT_EQ(clients.acquire(numbered(1), make), client);
  EXPECT_EQ(made, 2);
}

TEST(ForwardClients, that_moved_most_come_first) {
  ForwardClients clients;
  for (std::size_t i = 1; i <= 9; ++i) {
    auto* const client = clients.acquire(numbered(i), kNoLimits);
    client->upload += i * 7 % 10;
    client->download += 1;
    client->connections += i;
    clients.release(*client);
  }
  const auto biggest = clients.biggest(2);
  ASSERT_EQ(biggest.size(), 2U);
  EXPECT_EQ(biggest[0].address, numbered(7));  // 7 × 7 % 10 is 9
  EXPECT_EQ(biggest[0].upload, 9U);
  EXPECT_EQ(biggest[0].download, 1U);
  EXPECT_EQ(biggest[0].connections, 7U);
  EXPECT_EQ(biggest[0].open, 0U);
  EXPECT_EQ(biggest[1].address, numbered(4));  // 8
  EXPECT_EQ(clients.biggest(100).size(), 9U);
  EXPECT_TRUE(clients.biggest(0).empty());
}

TEST(ForwardClients, that_are_smallest_and_have_nothing_open_leave_a_full_table) {
  ForwardClients clients;
  auto* const busy = clients.acquire(numbered(0), kNoLimits);  // has moved nothing
  for (std::size_t i = 1; i < ForwardClients::kMost; ++i) {
    auto* const client = clients.acquire(numbered(i), kNoLimits);
    client->upload += i;
    clients.release(*client);
  }
  for (std::size_t i = 0; i < 1000; ++i) {
    auto* const stranger = clients.acquire(numbered(1'000'000 + i), kNoLimits);
    ASSERT_NE(stranger, nullptr);
    clients.release(*stranger);
  }
  const auto lines = clients.biggest(ForwardClients::kMost + 1);
  EXPECT_LE(lines.size(), ForwardClients::kMost);
  EXPECT_EQ(lines.front().address, numbered(ForwardClients::kMost - 1));
  const auto has = [&](std::size_t number) {
    return std::ranges::any_of(lines, [&](const auto& line) { return line.address == numbered(number); });
  };
  EXPECT_TRUE(has(0));
  EXPECT_EQ(busy->open, 1U);
  EXPECT_FALSE(has(1));
  EXPECT_TRUE(has(ForwardClients::kMost / 4));
}

TEST(ForwardClients, that_are_all_busy_let_nobody_else_in) {
  ForwardClients clients;
  std::vector<ForwardClient*> all;
  all.reserve(ForwardClients::kMost);
  for (std::size_t i = 0; i < ForwardClients::kMost; ++i) all.push_back(clients.acquire(numbered(i), kNoLimits));
  EXPECT_EQ(clients.acquire(numbered(1'000'000), kNoLimits), nullptr);
  EXPECT_EQ(clients.acquire(numbered(5), kNoLimits), all[5]);
  clients.release(*all[7]);
  EXPECT_NE(clients.acquire(numbered(1'000'000), kNoLimits), nullptr);
  EXPECT_EQ(clients.acquire(numbered(7), kNoLimits), nullptr);
}

TEST(ForwardClients, of_several_threads_come_and_go) {
  ForwardClients clients;
  constexpr std::size_t kEach = 30'000;
  const auto come_and_go = [&](std::size_t from) {
    auto* const mine = clients.acquire(numbered(from), kNoLimits);
    for (std::size_t i = 0; i < kEach; ++i) {
      auto* const client = clients.acquire(numbered(i), kNoLimits);  // the same for both
      ASSERT_NE(client, nullptr);
      client->upload += 1;
      mine->download += 1;
      clients.release(*client);
    }
    EXPECT_EQ(mine->download, kEach);
  };
  {
    const std::jthread one{come_and_go, 2'000'000};
    const std::jthread other{come_and_go, 3'000'000};
  }
  EXPECT_LE(clients.biggest(100'000).size(), ForwardClients::kMost);
  EXPECT_EQ(clients.biggest(1).front().download, kEach);
}

}  // namespace
}  // namespace tidegate
