#include "forward/pipes.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <vector>

namespace tidegate {
namespace {

constexpr std::size_t kPages = Pipes::kCapacity / 4096;

TEST(PipeBudget, gives_so_many_pages_and_no_more) {
  PipeBudget budget{10};
  EXPECT_TRUE(budget.take(6));
  EXPECT_FALSE(budget.take(5));
  EXPECT_TRUE(budget.take(4));
  EXPECT_FALSE(budget.take(1));
  budget.give_back(4);
  EXPECT_TRUE(budget.take(4));
}

TEST(PipeBudget, follows_the_kernels_limit) {
  PipeBudget budget;
  EXPECT_TRUE(budget.take(1));
}

TEST(Pipes, are_made_within_the_budget) {
  PipeBudget budget{2 * kPages};
  Pipes pipes{budget};
  auto one = pipes.take();
  auto two = pipes.take();
  ASSERT_TRUE(one && two);
  EXPECT_FALSE(pipes.take());
  pipes.discard(std::move(*one));
  one = pipes.take();
  EXPECT_TRUE(one);
  pipes.discard(std::move(*one));
  pipes.discard(std::move(*two));
}

TEST(Pipes, say_how_much_they_hold) {
  PipeBudget budget{kPages};
  Pipes pipes{budget};
  auto pipe = pipes.take();
  ASSERT_TRUE(pipe);
  EXPECT_EQ(static_cast<int>(pipe->capacity), ::fcntl(pipe->read.get(), F_GETPIPE_SZ));
  EXPECT_TRUE((::fcntl(pipe->read.get(), F_GETFL) & O_NONBLOCK) != 0);
  EXPECT_TRUE((::fcntl(pipe->write.get(), F_GETFD) & FD_CLOEXEC) != 0);
  const std::array<char, 1> byte{'x'};
  EXPECT_EQ(::write(pipe->write.get(), byte.data(), 1), 1);
  pipes.discard(std::move(*pipe));
}

TEST(Pipes, that_are_given_back_are_used_again) {
  PipeBudget budget{kPages};
  Pipes pipes{budget};
  auto pipe = pipes.take();
  ASSERT_TRUE(pipe);
  const int descriptor = pipe->read.get();
  pipes.give_back(std::move(*pipe));
  pipe = pipes.take();
  ASSERT_TRUE(pipe);
  EXPECT_EQ(pipe->read.get(), descriptor);
  pipes.discard(std::move(*pipe));
}

TEST(Pipes, are_closed_beyond_the_spare_ones_and_when_the_pool_goes) {
  constexpr std::size_t kMany = Pipes::kSpare + 3;
  PipeBudget budget{kMany * kPages};
  {
    Pipes pipes{budget};
    std::vector<Pipe> taken;
    for (std::size_t i = 0; i < kMany; ++i) {
      auto pipe = pipes.take();
      ASSERT_TRUE(pipe);
      taken.push_back(std::move(*pipe));
    }
    EXPECT_FALSE(budget.take(1));
    for (auto& pipe : taken) pipes.give_back(std::move(pipe));
    EXPECT_TRUE(budget.take(3 * kPages));
    EXPECT_FALSE(budget.take(1));
    budget.give_back(3 * kPages);
  }
  EXPECT_TRUE(budget.take(kMany * kPages));
}

}  // namespace
}  // namespace tidegate
