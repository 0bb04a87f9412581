// What the named counters and quotas of a table have counted, by netlink (NFT_MSG_GETOBJ of nf_tables). A table that is
// not there has none. Blocks, for a second at most.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "base/error.h"
#include "netfilter/rule_set.h"

namespace tidegate {

struct CounterValue {
  std::uint64_t packets = 0;
  std::uint64_t bytes = 0;  // of IP packets, headers included; one header for all segments of a GSO packet
};

[[nodiscard]] Result<std::map<std::string, CounterValue>> read_counters(const RuleTable& table);

struct QuotaValue {
  std::uint64_t bytes = 0;     // its number
  std::uint64_t consumed = 0;  // of all packets it was asked about, those it stopped included
};

[[nodiscard]] Result<std::map<std::string, QuotaValue>> read_quotas(const RuleTable& table);

}  // namespace tidegate
