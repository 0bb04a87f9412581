// The one clock of the measurements: CLOCK_MONOTONIC, which all processes and network namespaces of a host share.
#pragma once

#include <stdint.h>
#include <time.h>

static const int64_t kSecond = 1000000000;

// In nanoseconds.
static inline int64_t monotonic_now(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * kSecond + now.tv_nsec;
}
