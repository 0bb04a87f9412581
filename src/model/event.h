// One line of history.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/time.h"

namespace tidegate {

enum class EventKind : std::uint8_t {
  woke,          // a packet, an operator or a schedule asked for it, and the start began
  ready,         // it answers
  start_failed,  // with the reason, and when it is tried again
  stopping,      // the stop began, with the reason
  slept,         // the stop is done
  stop_failed,
  vetoed,         // idle, but the veto command said no
  found,          // it runs, though tidegate did not start it
  gone,           // it ended, though tidegate did not stop it
  kept,           // an operator asked to keep it awake
  forgot,         // the retry time after a failure passed without traffic
  quota_warned,   // so many per cent of a quota are used
  quota_reached,  // its last byte was delivered, and its action takes hold
  quota_renewed,  // a new period began, or it was reset or raised: what it had cut is taken up again
  target_down,    // a health check found it so
  target_up,
  trouble,  // a forward, or a device, could not do what it is for, with the reason
  stored,   // what was found about the store: a file that was damaged, and what was believed instead
  alert_raised,
  alert_recovered,
  held,  // its device, after trouble
};

[[nodiscard]] std::string_view to_string(EventKind kind);  // "woke", "start failed", …

struct Event {
  WallTime at;
  std::string service;  // or the forward, the quota's group: what it is about
  EventKind kind = EventKind::woke;
  std::string text;     // for people, without the service's name
  std::int64_t id = 0;  // ascending, over restarts as well; 0: there is no store to number it
};

}  // namespace tidegate
