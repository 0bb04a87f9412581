// tidegate start NAME, tidegate stop NAME: ask, wait for the outcome, say it in a line.
#include <boost/json.hpp>

#include "cli/client.h"
#include "cli/command.h"
#include "cli/fields.h"
#include "cli/print.h"

namespace tidegate::cli {

namespace {

void show_service(const boost::json::object& service) {
  print_line(fmt::format("{} is {}", text_of(service, "name"), text_of(service, "state")));
}

void add_act(CLI::App& app, int& status, const std::string& verb, const std::string& description) {
  auto flags = std::make_shared<ClientFlags>();  // shared with the callback, which outlives this function
  auto name = std::make_shared<std::string>();   // likewise
  auto* command = app.add_subcommand(verb, description);
  command->add_option("NAME", *name, "the service")->required();
  flags->add_to(*command);
  command->footer(fmt::format(
      "Examples:\n  tidegate {0} palworld\n  tidegate {0} palworld --control /run/tidegate/control.sock", verb));
  command->callback([=, &status] { status = flags->ask({{"command", verb}, {"name", *name}}, show_service); });
}

}  // namespace

void add_start(CLI::App& app, int& status) {
  add_act(app, status, "start", "Start a service by hand, and wait until it is ready");
}

void add_stop(CLI::App& app, int& status) {
  add_act(app, status, "stop", "Stop a service by hand, and wait until it has stopped; traffic wakes it again");
}

}  // namespace tidegate::cli
