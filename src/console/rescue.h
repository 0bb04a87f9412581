// Puts a terminal back as it was when the program is ended by a signal that nobody handles: the settings of the line
// (termios(3)) and a text that leaves the alternate screen, by functions that are safe in a signal handler
// (signal-safety(7)). Only SIGKILL is beyond it.
#pragma once

#include <termios.h>

#include <string_view>

namespace tidegate::console {

// One at a time in a process: a signal handler finds nothing but what is global.
class Rescue {
 public:
  static constexpr std::size_t kLongestFarewell = 256;

  // From now on: a fatal signal (SIGSEGV, SIGABRT …), or one that ends a process by default and that nobody handles,
  // first writes `farewell` to `descriptor` (open as long as this lives), sets `line`, and then takes its course.
  Rescue(int descriptor, const termios& line, std::string_view farewell);

  // What handled the signals before does so again; those that somebody has taken over meanwhile are left alone.
  ~Rescue();
  Rescue(const Rescue&) = delete;
  Rescue& operator=(const Rescue&) = delete;

  // Without the farewell while the terminal is given back for a while (suspended).
  static void set_needed(bool needed);
};

}  // namespace tidegate::console
