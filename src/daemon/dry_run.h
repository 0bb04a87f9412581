// The action of `--dry-run`: says what would be done, does nothing, and succeeds.
#pragma once

#include <memory>
#include <string>

#include "action/action.h"

namespace tidegate {

[[nodiscard]] std::unique_ptr<Action> make_dry_run_action(std::string service, ActionSettings settings);

}  // namespace tidegate
