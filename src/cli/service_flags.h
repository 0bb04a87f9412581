// The flags that say how a service starts and stops, shared by the commands that make one: `wake` and `forward`.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "cli/flag_table.h"
#include "model/service.h"

namespace tidegate::cli {

// What the flags say before they are put together.
struct ServiceWish {
  ServiceSettings service;
  std::vector<ActionSettings> actions;
  std::optional<Command> stop;
  bool ready = false;  // it says when it counts as ready
};

[[nodiscard]] std::span<const Flag<ServiceWish>> service_flags();

// Gives the service the one action that was asked for. Its probe, where none was given, is left to the caller.
[[nodiscard]] Result<> assemble_service(ServiceWish& wish);

}  // namespace tidegate::cli
