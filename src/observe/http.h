// One watch on its own, from an interface or from savefiles, on the terminal, as lines or as objects: what `tidegate
// http` and traffic_watch run.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/time.h"
#include "console/glyph.h"
#include "model/alert.h"
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
  console::Charset charset = console::Charset::utf8;  // of lines of text
};

// Whole lines; false: nobody reads any more, which ends the watching.
using HttpPrinter = std::function<bool(std::string_view lines)>;

// Carries out what alerts are to do beyond being said. Lives on the watch's loop, and only there.
class AlertHand {
 public:
  AlertHand() = default;
  AlertHand(const AlertHand&) = delete;
  AlertHand& operator=(const AlertHand&) = delete;
  virtual ~AlertHand() = default;

  virtual void carry_out(const std::string& watch, const AlertSettings& alert, const AlertChange& change) = 0;

  // Ends what is under way, and completes when nothing is left.
  [[nodiscard]] virtual boost::asio::awaitable<void> close() = 0;
};

// A hand on that executor, which says what it could not do; the error: it cannot be made. Empty: nothing is done.
using MakeAlertHand = std::function<Result<std::unique_ptr<AlertHand>>(
    const boost::asio::any_io_executor& executor, std::function<void(const std::string& trouble)> say)>;

// Watches until the savefiles are at their end, the reader of the screen quits, or SIGINT or SIGTERM comes. Text goes
// to a screen where standard output is a terminal (and not `once`); all else is printed, at each interval and at the
// end. Alerts are printed among lines of text as they come; beside objects from an interface they go to the log.
//
// In savefiles time is the packets', and the figures are those of the moment of the last: the same savefiles give the
// same text every time. One that is cut short gives what it has, and a warning. Alerts are said, and do nothing.
//
// The error, with nothing printed: the interface is not there, capturing is not permitted, the filter does not compile,
// no savefile can be read. With the figures of the others printed: one of them cannot be read. And what keeps it from
// printing: EPIPE where nobody reads. Blocks, and takes over the signals meanwhile.
[[nodiscard]] Result<> watch_http(const HttpCommand& command, const Pseudonyms& names, const HttpPrinter& print,
                                  const MakeAlertHand& make_hand);

}  // namespace tidegate
