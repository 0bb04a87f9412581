// What the front ends share.
#pragma once

#include <CLI/CLI.hpp>
#include <optional>
#include <string>

#include "model/service.h"

namespace tidegate::compat {

inline constexpr int kDone = 0;
inline constexpr int kFailed = 1;
inline constexpr int kUsage = 2;

// Parses; a status: help, version or an error was printed, and the program is to end with it.
[[nodiscard]] std::optional<int> parse(CLI::App& app, int argc, char** argv);

// Prints "TOOL: TEXT" on standard error and gives `status` back.
int complain(const std::string& tool, const std::string& text, int status);

// A service as the older tools see one: every packet counts, whoever sent it and why; nothing is asked whether it is
// ready, and what runs already is none of theirs.
[[nodiscard]] ServiceSettings every_packet_service(const std::string& name);

}  // namespace tidegate::compat
