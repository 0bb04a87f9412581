// What the control socket answers: one function for each command, in a table.
#pragma once

#include "api/control.h"

namespace tidegate {

class Daemon;

// Borrows the daemon, which outlives its control server.
[[nodiscard]] ControlServer::Handler make_control_handler(Daemon& daemon);

}  // namespace tidegate
