// Command lines as Python's argparse reads them, where CLI11 reads them otherwise: long options behind one dash.
#pragma once

#include <CLI/CLI.hpp>
#include <initializer_list>
#include <optional>
#include <string_view>

namespace tidegate::compat {

// As parse() of front_end.h, but "-NAME" and "-NAME=VALUE" of each of these names mean "--NAME", by which the option is
// to be declared. Where one of them is wanted as it is, "--" stands before it, as ever.
[[nodiscard]] std::optional<int> parse_argparse(CLI::App& app, int argc, char** argv,
                                                std::initializer_list<std::string_view> names);

}  // namespace tidegate::compat
