// What a configuration would have done with a savefile: the same meters and gates, driven by the packets' time, with
// actions that succeed at once. Deterministic.
#pragma once

#include <functional>
#include <string>

#include "base/error.h"
#include "config/config.h"
#include "model/event.h"
#include "privacy/pseudonyms.h"
#include "sensor/replay.h"

namespace tidegate {

// Replays the savefile ("-": standard input) and gives each event to `tell`, in order. Services see packets to any
// address unless they name their own. After the last packet time goes on until every gate is at rest. Addresses in
// events are shown by `names`, but for those that the services name: which are this host's a savefile does not tell.
[[nodiscard]] Result<ReplayCount> simulate(const Config& config, const Pseudonyms& names, const std::string& savefile,
                                           const std::function<void(const Event&)>& tell);

}  // namespace tidegate
