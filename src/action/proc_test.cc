#include "action/proc.h"

#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace tidegate {
namespace {

// A child of the test that ends at once and is not reaped yet, in a group of its own.
class Zombie {
 public:
  Zombie() : pid_{::fork()} {
    if (pid_ == 0) {
      ::setpgid(0, 0);
      ::_exit(0);
    }
    siginfo_t info{};
    ::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOWAIT);
  }
  Zombie(const Zombie&) = delete;
  Zombie& operator=(const Zombie&) = delete;
  ~Zombie() { ::waitpid(pid_, nullptr, 0); }
  [[nodiscard]] pid_t pid() const { return pid_; }

 private:
  const pid_t pid_;
};

TEST(Proc, knows_a_process_whatever_its_name) {
  const std::string name = "a) Z 1 (b";
  ASSERT_EQ(::prctl(PR_SET_NAME, name.c_str()), 0);
  const auto stat = read_process_stat(::getpid());
  ASSERT_TRUE(stat) << stat.error().what;
  EXPECT_EQ(stat->state, 'R');
  EXPECT_FALSE(stat->ended());
  EXPECT_EQ(stat->group, ::getpgrp());
  EXPECT_GT(stat->start_time, 0U);
}

TEST(Proc, knows_that_a_process_has_ended) {
  const Zombie zombie;
  const auto stat = read_process_stat(zombie.pid());
  ASSERT_TRUE(stat) << stat.error().what;
  EXPECT_TRUE(stat->ended());
  EXPECT_EQ(stat->group, zombie.pid());
}

TEST(Proc, knows_that_there_is_no_process) {
  pid_t pid = 0;
  {
    const Zombie zombie;
    pid = zombie.pid();
  }
  EXPECT_FALSE(read_process_stat(pid));
}

TEST(Proc, tells_the_living_members_of_a_group_from_the_ended) {
  const Zombie zombie;
  EXPECT_TRUE(group_has_living_member(::getpgrp()));
  EXPECT_FALSE(group_has_living_member(zombie.pid()));
}

}  // namespace
}  // namespace tidegate
