// A network namespace of a test's own, where rules and settings hurt nobody, until the test ends.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>

#include "base/fd.h"

namespace tidegate::test {

class OwnNetwork : public ::testing::Test {
 protected:
  void SetUp() override {
    if (::unshare(CLONE_NEWNET) != 0) GTEST_SKIP() << "a network namespace wants root";
  }
  void TearDown() override { EXPECT_EQ(::setns(home_.get(), CLONE_NEWNET), 0); }

 private:
  Fd home_{::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC)};
};

}  // namespace tidegate::test
