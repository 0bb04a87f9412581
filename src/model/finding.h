// What this host can do for tidegate, or cannot and why: a line of `tidegate doctor`.
#pragma once

#include <cstdint>
#include <string>

namespace tidegate {

struct Finding {
  enum class Verdict : std::uint8_t { yes, partly, no };

  std::string what;  // in the words of the configuration: "sensor kernel", "hold queue", "engine kernel"
  Verdict verdict = Verdict::no;
  std::string detail;  // how, or what failed: "by iptables-nft, as this kernel has no queue expression"
  std::string remedy;  // what to do about it; empty: nothing has to be done
};

}  // namespace tidegate
