// The terminal: the one place that speaks to it, by ncurses (terminfo(5)).
#pragma once

#include <cstddef>
#include <memory>
#include <optional>

#include "base/error.h"
#include "console/grid.h"
#include "console/keys.h"

namespace tidegate::console {

// One at a time in a process; of one thread. Whatever ends the program but SIGKILL, the terminal is as it was before.
class Terminal {
 public:
  // Takes the controlling terminal over: the alternate screen, keys as they are pressed, no cursor. Fails where
  // standard output is not a terminal, where there is none to control, or where TERM names one that cannot place
  // characters; what is printed as plain lines then is up to the caller. Colours unless NO_COLOR says no; the locale
  // says whether it is UTF-8 (sets LC_CTYPE from the environment).
  [[nodiscard]] static Result<std::unique_ptr<Terminal>> open();
  ~Terminal();
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;

  // Readable when a key may be there.
  [[nodiscard]] int descriptor() const;

  // The next key; none: there is none now. Never waits for one (at most 25 ms for what follows an escape).
  [[nodiscard]] std::optional<Key> read();

  // Whether there is nobody at the other end any more.
  [[nodiscard]] bool gone() const;

  [[nodiscard]] Size size() const;
  [[nodiscard]] Charset charset() const;

  // Shows the grid; only what differs from what is shown is sent.
  void draw(const Grid& grid);

  // After SIGWINCH: looks how large it is now. Draw anew then.
  void resize();

  // After SIGTSTP: gives the terminal back and stops the process as that signal would; returns when it goes on, which
  // is at once where nobody is there to let it go on (setpgid(2): an orphaned process group). Draw anew then.
  void suspend();

  // After SIGCONT: takes the terminal over again, whatever was done to it meanwhile. Draw anew then.
  void resume();

 private:
  struct Impl;
  explicit Terminal(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace tidegate::console
