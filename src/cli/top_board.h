// What `tidegate top` shows: the daemon's answers, one after the other, as a view. Pure.
#pragma once

#include <boost/json/object.hpp>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "cli/rates.h"
#include "cli/top_answers.h"
#include "console/view.h"

namespace tidegate::cli {

class TopBoard {
 public:
  // The daemon's name in the title: its control socket.
  explicit TopBoard(std::string daemon) : daemon_{std::move(daemon)} {}

  void take(TopAnswers answers, Now now);

  // The daemon did not answer, and why; until it does again.
  void miss(std::string trouble) { trouble_ = std::move(trouble); }

  void reset();        // sums count from now on
  void next_window();  // the period of the rates: since the last answer, ten seconds, a minute

  [[nodiscard]] console::View view() const;

  // The newest answers as one object, with the rates of services, forwards and clients beside their sums.
  [[nodiscard]] boost::json::object object() const;

  // Services, forwards and clients, a line each; what the lines hold.
  [[nodiscard]] std::vector<std::string> csv() const;
  static constexpr std::string_view kCsvTitles =
      "at,kind,name,state,clients,bytes_in,bytes_out,in_per_second,out_per_second";

 private:
  // What moves both ways: a service, a forward, a client of a forward, or all together.
  struct Flow {
    Rates in;
    Rates out;
    double base_in = 0;  // what was counted when it was reset
    double base_out = 0;
    double sum_in = 0;
    double sum_out = 0;
    bool there = false;  // in the newest answer
  };

  // The key of all together: the sum of what moved from answer to answer, so that a service or forward that comes or
  // goes makes no traffic of what it has counted.
  static constexpr std::string_view kAll = "all";

  // Since the answer before; nothing where that did not tell of it, or counted more: what was counted till now is a
  // base.
  struct Moved {
    double in = 0;
    double out = 0;
  };

  Moved count(const std::string& key, double in, double out);
  [[nodiscard]] const Flow& flow(const std::string& key) const;
  [[nodiscard]] console::Section services() const;
  [[nodiscard]] console::Section forwards() const;
  [[nodiscard]] console::Section clients() const;
  [[nodiscard]] std::vector<console::Message> events() const;
  [[nodiscard]] std::string losses() const;
  void add_figures(console::View& view) const;
  void add_flow(std::vector<console::Cell>& cells, const Flow& flow) const;

  std::string daemon_;
  TopAnswers answers_;
  Now now_{};
  std::string trouble_;
  std::size_t window_ = 0;
  std::map<std::string, Flow> flows_;  // of what the newest answer tells of
};

}  // namespace tidegate::cli
