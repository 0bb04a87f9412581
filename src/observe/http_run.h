// What watching HTTP on an interface and in savefiles have in common: the watch, and its figures as they are asked for.
#pragma once

#include <deque>
#include <string>
#include <string_view>

#include "console/state.h"
#include "console/view.h"
#include "observe/http.h"
#include "observe/print.h"
#include "observe/watch.h"

namespace tidegate {

class HttpRun {
 public:
  // Where alerts go when they are raised and when they recover; on the screen they are always.
  enum class Alerts : std::uint8_t { kept, printed, logged };

  // Borrows everything for as long as it lives. `seed` is anything that strangers do not know.
  HttpRun(const HttpCommand& command, const Pseudonyms& names, const HttpPrinter& print, std::uint64_t seed);

  Watch& watch() { return watch_; }

  // --- the screen
  [[nodiscard]] console::View view(Now now);
  void act(console::Action action);

  // Prints them in the command's format. False: nobody reads.
  [[nodiscard]] bool print_figures(Now now);

  void tell_alerts(Alerts where) { alerts_go_ = where; }
  void set_hand(AlertHand* hand) { hand_ = hand; }

  // What an alert could not do, or what else is wrong, once.
  void say(std::string text, WallTime at);
  // Why the figures are old; empty: they are not.
  void set_trouble(std::string trouble) { trouble_ = std::move(trouble); }

  [[nodiscard]] bool unread() const { return unread_; }  // nobody read an alert
  [[nodiscard]] std::unexpected<Error> print_failure() const { return printing_.failure("print the figures"); }

 private:
  void changed(const AlertSettings& alert, const AlertChange& change);
  void keep(console::Message message);
  std::string lines(Now now);
  std::string object(Now now);

  const HttpCommand& command_;
  const Pseudonyms& names_;
  Printing printing_;
  AlertHand* hand_ = nullptr;
  Alerts alerts_go_ = Alerts::kept;
  std::deque<console::Message> messages_;  // newest first
  std::string trouble_;
  std::size_t chosen_ = 0;  // the window on the screen
  bool titled_ = false;     // CSV
  bool unread_ = false;
  Watch watch_;
};

// "port 80 of 192.0.2.10 on eth0", "any port in a.pcap".
[[nodiscard]] std::string watched_in_words(const HttpCommand& command);

// Each until its end, as watch_http() says.
[[nodiscard]] Result<> watch_savefiles(const HttpCommand& command, HttpRun& run);
[[nodiscard]] Result<> watch_interface(const HttpCommand& command, HttpRun& run, const MakeAlertHand& make_hand);

}  // namespace tidegate
