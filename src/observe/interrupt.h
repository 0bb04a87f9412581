// Signals as marks, for what reads savefiles from first to last and has no event loop.
#pragma once

#include <signal.h>

#include <array>

namespace tidegate {

// While it lives, SIGINT, SIGTERM and SIGUSR1 leave a mark. The first two also end a read from standard input on which
// nothing comes. One at a time in a process.
class Interrupt {
 public:
  Interrupt();
  ~Interrupt();
  Interrupt(const Interrupt&) = delete;
  Interrupt& operator=(const Interrupt&) = delete;

  [[nodiscard]] bool came() const;       // SIGINT or SIGTERM
  [[nodiscard]] bool take_usr1() const;  // SIGUSR1, since the last call

 private:
  static constexpr std::array kNumbers = {SIGINT, SIGTERM, SIGUSR1};
  std::array<struct sigaction, kNumbers.size()> before_{};
};

}  // namespace tidegate
