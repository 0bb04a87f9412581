// A forward as engine kernel serves it; of kernel_engine.h, for its own sources.
#pragma once

#include "forward/kernel_engine.h"

namespace tidegate {

struct KernelEngine::Served {
  KernelForward forward;
  std::shared_ptr<ForwardRuntime> runtime;
  std::unique_ptr<TargetWatch> watch;
  ForwardTotals booked;  // of what the kernel's counters say
};

}  // namespace tidegate
