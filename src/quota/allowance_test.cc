#include "quota/allowance.h"

#include <gtest/gtest.h>

#include <future>
#include <map>
#include <random>
#include <vector>

namespace tidegate {
namespace {

TEST(Allowance, gives_no_more_than_there_is) {
  Allowance allowance{100};
  EXPECT_EQ(allowance.take(60), 60U);
  EXPECT_EQ(allowance.take(60), 40U);
  EXPECT_EQ(allowance.take(60), 0U);
  allowance.give_back(5, allowance.generation());
  EXPECT_EQ(allowance.left(), 5U);
}

TEST(Allowance, what_belongs_to_an_old_generation_is_void) {
  Allowance allowance{100};
  const auto old = allowance.generation();
  EXPECT_EQ(allowance.take(60, old), 60U);
  allowance.reset(10);
  allowance.give_back(60, old);
  EXPECT_EQ(allowance.take(1, old), 0U);
  EXPECT_EQ(allowance.left(), 10U);
  EXPECT_EQ(allowance.take(1, allowance.generation()), 1U);
}

TEST(Allowance, tells_a_generation_from_one_much_older) {
  Allowance allowance{100};
  const auto old = allowance.generation();
  for (int i = 0; i < 256; ++i) allowance.reset(100);
  EXPECT_EQ(allowance.take(1, old), 0U);
  allowance.give_back(1, old);
  EXPECT_EQ(allowance.left(), 100U);
}

TEST(Allowance, counts_a_number_that_it_cannot_hold_as_the_largest_it_can) {
  Allowance allowance{~std::uint64_t{0}};
  EXPECT_EQ(allowance.left(), Allowance::kMost);
  allowance.reset(~std::uint64_t{0});
  EXPECT_EQ(allowance.left(), Allowance::kMost);
  EXPECT_EQ(allowance.generation(), 1U);
}

TEST(Lease, grows_smaller_towards_the_end) {
  Allowance allowance{800};
  Lease lease{allowance};
  EXPECT_EQ(lease.reserve(10), 10U);
  EXPECT_EQ(lease.held(), 90U);  // an eighth, less what is reserved
  EXPECT_EQ(allowance.left(), 700U);
  EXPECT_EQ(lease.reserve(500), 500U);  // at least what is wanted
  EXPECT_EQ(allowance.left(), 290U);
  EXPECT_EQ(lease.reserve(1000), 290U);
  EXPECT_EQ(lease.reserve(1), 0U);
}

TEST(Lease, holds_no_more_than_its_most) {
  Allowance allowance{std::uint64_t{1} << 40};
  Lease lease{allowance};
  EXPECT_EQ(lease.reserve(1), 1U);
  EXPECT_EQ(lease.held(), Lease::kMost - 1);
  EXPECT_EQ(lease.reserve(2 * Lease::kMost), Lease::kMost);
}

TEST(Lease, what_was_released_may_be_reserved_again) {
  Allowance allowance{100};
  Lease lease{allowance};
  EXPECT_EQ(lease.reserve(100), 100U);
  lease.settle(30);
  lease.release(70);
  EXPECT_EQ(lease.reserved(), 0U);
  EXPECT_EQ(lease.reserve(100), 70U);
}

TEST(Lease, gives_up_what_is_not_reserved) {
  Allowance allowance{800};
  Lease lease{allowance};
  EXPECT_EQ(lease.reserve(10), 10U);
  lease.give_up();
  EXPECT_EQ(allowance.left(), 790U);
  EXPECT_EQ(lease.held(), 0U);
}

TEST(Lease, gives_back_all_that_was_not_delivered_when_it_ends) {
  Allowance allowance{800};
  {
    Lease lease{allowance};
    EXPECT_EQ(lease.reserve(10), 10U);
    lease.settle(4);
  }
  EXPECT_EQ(allowance.left(), 796U);
}

TEST(Lease, reserves_again_from_a_new_generation_what_is_not_yet_delivered) {
  Allowance allowance{800};
  Lease lease{allowance};
  EXPECT_EQ(lease.reserve(10), 10U);
  allowance.reset(1000);
  lease.settle(4);
  EXPECT_EQ(allowance.left(), 990U);
  EXPECT_EQ(lease.reserved(), 6U);
  EXPECT_EQ(lease.held(), 0U);
  lease.release(6);
  lease.give_up();
  EXPECT_EQ(allowance.left(), 996U);
}

TEST(Lease, finds_what_a_new_generation_has_though_it_was_empty) {
  Allowance allowance{0};
  Lease lease{allowance};
  EXPECT_EQ(lease.reserve(10), 0U);
  allowance.reset(100);
  EXPECT_EQ(lease.reserve(10), 10U);
}

TEST(Lease, hands_out_nothing_until_a_debt_is_repaid) {
  Allowance allowance{100};
  Lease debtor{allowance};
  Lease other{allowance};
  EXPECT_EQ(debtor.reserve(50), 50U);
  allowance.reset(30);
  EXPECT_EQ(other.reserve(20), 20U);
  debtor.settle(50);  // 10 were there for it
  EXPECT_EQ(debtor.debt(), 40U);
  other.release(20);
  other.give_up();
  EXPECT_EQ(debtor.reserve(1), 0U);
  EXPECT_EQ(debtor.debt(), 20U);
  EXPECT_EQ(allowance.left(), 0U);
  allowance.reset(5);  // who sets the new number knows what was delivered
  EXPECT_EQ(debtor.reserve(10), 5U);
  EXPECT_EQ(debtor.debt(), 0U);
}

TEST(Lease, a_release_repays_a_debt_first) {
  Allowance allowance{100};
  Lease lease{allowance};
  EXPECT_EQ(lease.reserve(50), 50U);
  allowance.reset(30);
  lease.release(25);
  EXPECT_EQ(lease.debt(), 0U);
  EXPECT_EQ(lease.held(), 5U);
  EXPECT_EQ(lease.reserved(), 25U);
}

// What a thread delivered in each generation, and the debt that it was last seen to have in it.
struct Delivered {
  std::map<std::uint32_t, std::uint64_t> bytes;
  std::map<std::uint32_t, std::uint64_t> debt;
  std::uint64_t sum = 0;
};

Delivered deliver(Allowance& allowance, unsigned seed, const std::atomic<bool>& stop) {
  std::mt19937 random{seed};
  Delivered delivered;
  Lease lease{allowance};
  const auto settle = [&](std::uint64_t bytes) {
    lease.settle(bytes);
    delivered.bytes[lease.generation()] += bytes;
    delivered.debt[lease.generation()] = lease.debt();
    delivered.sum += bytes;
  };
  unsigned dry = 0;
  while (!stop || dry < 100) {
    const std::uint64_t got = lease.reserve(1 + random() % 3000);
    dry = got == 0 ? dry + 1 : 0;
    const std::uint64_t part = got == 0 ? 0 : random() % (got + 1);
    settle(part);
    if (random() % 4 == 0) {
      lease.release(got - part);
    } else {
      settle(got - part);
    }
    if (random() % 16 == 0) lease.give_up();
  }
  return delivered;
}

TEST(Lease, four_threads_deliver_exactly_what_there_was) {
  constexpr std::uint64_t kBytes = 300'000'017;
  Allowance allowance{kBytes};
  const std::atomic<bool> stop{true};
  std::vector<std::future<Delivered>> threads;
  threads.reserve(4);
  for (unsigned seed = 0; seed < 4; ++seed) {
    threads.push_back(std::async(std::launch::async, deliver, std::ref(allowance), seed, std::cref(stop)));
  }
  std::uint64_t sum = 0;
  for (auto& thread : threads) sum += thread.get().sum;
  EXPECT_EQ(sum + allowance.left(), kBytes);
  EXPECT_LT(allowance.left(), 4 * Lease::kMost);  // a thread may have stopped while another held the rest
}

TEST(Lease, four_threads_never_deliver_more_in_a_generation_than_it_had) {
  std::mt19937 random{99};
  std::vector<std::uint64_t> had{1'000'000};
  Allowance allowance{had[0]};
  std::atomic<bool> stop{false};
  std::vector<std::future<Delivered>> threads;
  threads.reserve(4);
  for (unsigned seed = 0; seed < 4; ++seed) {
    threads.push_back(std::async(std::launch::async, deliver, std::ref(allowance), seed, std::cref(stop)));
  }
  for (int i = 0; i < 500; ++i) {
    had.push_back(random() % 8 == 0 ? random() % 1000 : random() % 1'000'000);
    allowance.reset(had.back());
    if (random() % 2 == 0) {
      while (allowance.left() > had.back() / 2) std::atomic_thread_fence(std::memory_order_seq_cst);
    }
  }
  stop = true;
  std::vector<std::uint64_t> delivered(had.size());
  std::vector<std::uint64_t> debt(had.size());
  for (auto& thread : threads) {
    const auto of_thread = thread.get();
    for (const auto& [generation, bytes] : of_thread.bytes) delivered.at(generation) += bytes;
    for (const auto& [generation, bytes] : of_thread.debt) debt.at(generation) += bytes;
  }
  ASSERT_EQ(allowance.generation(), had.size() - 1);
  for (std::size_t generation = 0; generation < had.size(); ++generation) {
    ASSERT_LE(delivered[generation], had[generation] + debt[generation]) << "in generation " << generation;
  }
  EXPECT_EQ(delivered.back() + allowance.left(), had.back() + debt.back());
}

}  // namespace
}  // namespace tidegate
