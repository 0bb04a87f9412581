#include "observe/interrupt.h"

#include <atomic>

namespace tidegate {

namespace {

// All that a signal handler can reach (signal-safety(7)).
std::atomic<bool> ending{false};
std::atomic<bool> asked{false};
static_assert(std::atomic<bool>::is_always_lock_free);

extern "C" void on_signal(int number) { (number == SIGUSR1 ? asked : ending) = true; }

}  // namespace

Interrupt::Interrupt() {
  ending = false;
  asked = false;
  for (std::size_t i = 0; i < kNumbers.size(); ++i) {
    struct sigaction action{};
    action.sa_handler = on_signal;
    action.sa_flags = kNumbers[i] == SIGUSR1 ? SA_RESTART : 0;
    ::sigaction(kNumbers[i], &action, &before_[i]);
  }
}

Interrupt::~Interrupt() {
  for (std::size_t i = 0; i < kNumbers.size(); ++i) ::sigaction(kNumbers[i], &before_[i], nullptr);
}

bool Interrupt::came() const { return ending.load(); }
bool Interrupt::take_usr1() const { return asked.exchange(false); }

}  // namespace tidegate
