#include "base/fd.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cerrno>

#include "base/error.h"

namespace tidegate {
namespace {

bool is_open(int fd) { return ::fcntl(fd, F_GETFD) != -1; }

TEST(Fd, closes_what_it_owns_once) {
  int raw = -1;
  {
    Fd first{::open("/dev/null", O_RDONLY | O_CLOEXEC)};
    raw = first.get();
    const Fd second{std::move(first)};
    EXPECT_TRUE(is_open(raw));
  }
  EXPECT_FALSE(is_open(raw));
}

TEST(Fd, gives_up_what_is_released) {
  Fd fd{::open("/dev/null", O_RDONLY | O_CLOEXEC)};
  const int raw = fd.release();
  fd.reset();
  EXPECT_TRUE(is_open(raw));
  ::close(raw);
}

TEST(SystemFailure, says_what_was_done_to_what) {
  const Result<> failed = system_failure("bind 0.0.0.0:53", EACCES);
  EXPECT_EQ(failed.error().what, "bind 0.0.0.0:53: Permission denied");
  EXPECT_EQ(failed.error().code, EACCES);
}

}  // namespace
}  // namespace tidegate
