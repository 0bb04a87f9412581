// What a gate has decided, for the daemon to carry out in order.
#pragma once

#include <cstdint>
#include <string>

#include "model/event.h"

namespace tidegate {

struct Decision {
  enum class Kind : std::uint8_t {
    start,         // run the start action, then wait until ready; answer with StartEnded
    cancel_start,  // end that attempt, children included; StartEnded still comes
    stop,          // run the stop action; answer with StopEnded
    ask_veto,      // run the veto command; answer with VetoAnswered
    tell,          // put `event` and `text` into the history
  };
  Kind kind = Kind::tell;
  EventKind event = EventKind::woke;  // of tell
  std::string text;                   // of tell: for people
};

}  // namespace tidegate
