#include "console/rescue.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>

#include "base/check.h"

namespace tidegate::console {

namespace {

// Those of a broken program are always ours; the others only while they would end the process by default.
constexpr std::array kFatal = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGSYS, SIGTRAP};
constexpr std::array kEnding = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGXCPU, SIGUSR1, SIGUSR2, SIGALRM};
constexpr std::size_t kSignals = kFatal.size() + kEnding.size();
constexpr std::size_t kStackSize = 65'536;

// What the handler reads; written only while none of its signals is ours.
struct Saved {
  int descriptor = -1;
  termios line{};
  std::array<char, Rescue::kLongestFarewell> farewell{};
  std::size_t length = 0;
  std::array<struct sigaction, kSignals> before{};
  std::array<bool, kSignals> ours{};
};
Saved saved;                               // NOLINT(readability-identifier-naming): one in a process, as signals are
volatile std::sig_atomic_t is_needed = 0;  // NOLINT(readability-identifier-naming): likewise

constexpr int signal_at(std::size_t i) { return i < kFatal.size() ? kFatal[i] : kEnding[i - kFatal.size()]; }

extern "C" void rescue_terminal(int signal) {
  if (is_needed != 0) {
    is_needed = 0;
    // Nothing can be done about a terminal that does not take it.
    [[maybe_unused]] const auto written = ::write(saved.descriptor, saved.farewell.data(), saved.length);
    ::tcsetattr(saved.descriptor, TCSANOW, &saved.line);
  }
  for (std::size_t i = 0; i < kSignals; ++i) {
    if (signal_at(i) == signal) ::sigaction(signal, &saved.before[i], nullptr);
  }
  ::raise(signal);  // blocked until this returns, and then what it would have been
}

bool is_ours(const struct sigaction& action) {
  return (action.sa_flags & SA_SIGINFO) == 0 && action.sa_handler == rescue_terminal;
}

// A stack that has run over has no room for the handler.
void provide_stack() {
  static std::array<char, kStackSize> memory;
  stack_t now{};
  if (::sigaltstack(nullptr, &now) == 0 && (now.ss_flags & SS_DISABLE) != 0) {
    const stack_t other{.ss_sp = memory.data(), .ss_flags = 0, .ss_size = memory.size()};
    ::sigaltstack(&other, nullptr);
  }
}

}  // namespace

Rescue::Rescue(int descriptor, const termios& line, std::string_view farewell) {
  TIDEGATE_CHECK(saved.descriptor < 0);
  saved.descriptor = descriptor;
  saved.line = line;
  saved.length = std::min(farewell.size(), saved.farewell.size());
  std::copy_n(farewell.begin(), saved.length, saved.farewell.begin());
  set_needed(true);
  provide_stack();
  struct sigaction action{};
  action.sa_handler = rescue_terminal;
  action.sa_flags = SA_ONSTACK;
  ::sigemptyset(&action.sa_mask);
  ::sigaddset(&action.sa_mask, SIGTTOU);  // else a program in the background is stopped by setting the line
  for (std::size_t i = 0; i < kSignals; ++i) {
    auto& before = saved.before[i];
    ::sigaction(signal_at(i), nullptr, &before);
    saved.ours[i] = i < kFatal.size() || before.sa_handler == SIG_DFL;
    if (saved.ours[i]) ::sigaction(signal_at(i), &action, nullptr);
  }
}

Rescue::~Rescue() {
  for (std::size_t i = 0; i < kSignals; ++i) {
    struct sigaction now{};
    ::sigaction(signal_at(i), nullptr, &now);
    if (saved.ours[i] && is_ours(now)) ::sigaction(signal_at(i), &saved.before[i], nullptr);
  }
  set_needed(false);
  saved.descriptor = -1;
}

void Rescue::set_needed(bool needed) { is_needed = needed ? 1 : 0; }

}  // namespace tidegate::console
