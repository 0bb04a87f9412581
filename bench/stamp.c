// stamp: the action that bench/wake has started. The first thing it does is to look at the clock; then it writes the
// time, in nanoseconds and a line, into the FIFO that the environment variable STAMP_TO names, and ends.
//
// execve(2) has returned by then: what is measured with it includes the program's own loading.
#include <err.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "monotonic.h"

int main(void) {
  const int64_t now = monotonic_now();
  const char* const path = getenv("STAMP_TO");
  if (path == NULL) errx(2, "STAMP_TO does not say where to");
  const int fifo = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);  // whoever measures has it open
  if (fifo < 0) err(1, "open %s", path);
  if (dprintf(fifo, "%" PRId64 "\n", now) < 0) err(1, "write %s", path);
  return 0;
}
