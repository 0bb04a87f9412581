// The chains of engine kernel that are there whatever the forwards are, and lead to theirs; see kernel_rules.h.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <string_view>

#include "netfilter/rule_set.h"

namespace tidegate {

inline constexpr std::string_view kTurnAway = "turn_away";  // the chain that tells a sender so

// The mark of connections of that number, as nft has it.
[[nodiscard]] std::string mark_text(std::uint16_t number, bool masqueraded = false);

// Adds those chains around what the forwards have put into the maps by which they lead on; of an empty map nobody asks
// anything. `ended` as for kernel_rules(); `guards_localnet`: what
// route_localnet opens is closed again to packets from outside.
void write_frame(RuleSet& rules, const std::set<std::uint16_t>& ended, bool guards_localnet);

}  // namespace tidegate
