// Where the errors of a spawned task go.
#pragma once

#include <exception>
#include <string>
#include <utility>

#include "base/log.h"

namespace tidegate {

// For co_spawn: logs the exception that ended the task, if one did: "palworld: reading its output: Bad file
// descriptor".
[[nodiscard]] inline auto log_failure_of(std::string task) {
  return [task = std::move(task)](const std::exception_ptr& thrown) {
    if (!thrown) return;
    try {
      std::rethrow_exception(thrown);
    } catch (const std::exception& e) {
      log::error("{}: {}", task, e.what());
    }
  };
}

}  // namespace tidegate
