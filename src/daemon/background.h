// Going to the background as daemon(3) does, but not before everything is open: the parent ends with status 0 when the
// child says it is ready, and with 1 when the child ended before.
#pragma once

#include "base/error.h"
#include "base/fd.h"

namespace tidegate {

class Background {
 public:
  // Forks. Returns in the child only, which has a session of its own; to be called before any thread or descriptor that
  // must not be shared is made.
  [[nodiscard]] static Result<Background> begin();

  // Lets the parent end, and leaves the terminal and the folder it was started in.
  void ready();

 private:
  explicit Background(Fd parent) : parent_{std::move(parent)} {}
  Fd parent_;  // one byte through it lets the parent end well
};

}  // namespace tidegate
