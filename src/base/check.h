// TIDEGATE_CHECK(condition): a broken promise inside the program ends it, with the place. Never for input.
#pragma once

namespace tidegate {

// Prints the place and the broken condition on standard error and aborts.
[[noreturn]] void check_failed(const char* file, int line, const char* condition);

}  // namespace tidegate

#define TIDEGATE_CHECK(condition) \
  ((condition) ? static_cast<void>(0) : ::tidegate::check_failed(__FILE__, __LINE__, #condition))
