#include "daemon/background.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace tidegate {

Result<Background> Background::begin() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return system_failure("pipe");
  Fd reading{ends[0]};
  Fd writing{ends[1]};
  const pid_t child = ::fork();
  if (child < 0) return system_failure("fork");
  if (child > 0) {
    writing.reset();
    char byte = 0;
    const bool well = ::read(reading.get(), &byte, 1) == 1;  // ends with the child at the latest
    int status = 0;
    if (!well) ::waitpid(child, &status, 0);
    ::_exit(well ? 0 : WIFEXITED(status) && WEXITSTATUS(status) != 0 ? WEXITSTATUS(status) : 1);
  }
  ::setsid();
  return Background{std::move(writing)};
}

void Background::ready() {
  if (const Fd null{::open("/dev/null", O_RDWR | O_CLOEXEC)}) {
    for (const int standard : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) ::dup2(null.get(), standard);
  }
  [[maybe_unused]] const int moved = ::chdir("/");
  [[maybe_unused]] const auto written = ::write(parent_.get(), "r", 1);
  parent_.reset();
}

}  // namespace tidegate
