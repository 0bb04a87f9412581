// What a forward carried in one hour, day or month of local time: a bar of its history, and a row of the store.
#pragma once

#include <cstdint>
#include <string>

#include "model/quota.h"

namespace tidegate {

struct UsageBucket {
  QuotaPeriod period = QuotaPeriod::hour;  // hour, day or month
  std::string label;                       // "2026-11-21T14", "2026-11-21", "2026-11": sorts by time
  std::uint64_t upload = 0;                // bytes
  std::uint64_t download = 0;              // bytes
  std::uint64_t connections = 0;
  std::uint64_t sessions = 0;
  std::uint64_t errors = 0;
  bool operator==(const UsageBucket&) const = default;
};

}  // namespace tidegate
