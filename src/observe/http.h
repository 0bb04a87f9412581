// One watch on its own, from an interface or from savefiles, on the terminal, as lines or as objects: what `tidegate
// http` and traffic_watch run.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/time.h"
#include "model/watch.h"
#include "privacy/pseudonyms.h"

namespace tidegate {

enum class HttpFormat : std::uint8_t { text, json, csv };

struct HttpCommand {
  WatchSettings watch;                 // with the interface to listen on, and the alerts
  std::vector<std::string> savefiles;  // read one after the other in place of the interface; "-": standard input
  std::string filter;                  // of savefiles, in tcpdump syntax: only what passes it
  HttpFormat format = HttpFormat::text;
  bool once = false;  // print once, at the savefiles' end or after an interval, and end
  std::optional<Duration>
      interval;           // between two prints; none: a second on a screen, else ten; of savefiles: no prints
  std::size_t most = 20;  // rows of a list
};

// Watches until the savefiles are at their end, the reader of the screen quits, or SIGINT or SIGTERM comes. Text goes
// to a screen where standard output is a terminal (and not `once`); elsewhere it is printed as lines, alerts as they
// come. Printed once more at the end. In savefiles time is the packets', and the figures are those of the moment of the
// last. A savefile that is cut short gives what it has, and a remark on standard error.
//
// The error: the interface is not there, capturing is not permitted, the filter does not compile, a savefile cannot be
// read; EPIPE where nobody reads. Blocks, and takes over the signals meanwhile.
[[nodiscard]] Result<> watch_http(const HttpCommand& command, const Pseudonyms& names);

}  // namespace tidegate
