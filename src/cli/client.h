// What the commands that talk to a running daemon share.
#pragma once

#include <CLI/CLI.hpp>
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <cstdint>
#include <functional>
#include <string>

#include "base/error.h"

namespace tidegate::cli {

// How many answers a request has at the least.
enum class LeastAnswers : std::uint8_t { none, one };

struct ClientFlags {
  std::string control;
  std::string file;
  bool json = false;
  void add_to(CLI::App& command);

  // Where the daemon's control socket is: as given, as configured, or where it is by default. The error: --config names
  // a file that cannot be read.
  [[nodiscard]] Result<std::string> socket_path() const;

  // Asks the daemon; each answer goes to `show`, or is printed as it came with --json. The exit status: that it failed,
  // too, where fewer answers come than `least`.
  int ask(const boost::json::object& request, const std::function<void(const boost::json::object&)>& show,
          LeastAnswers least = LeastAnswers::one) const;
};

}  // namespace tidegate::cli
