// tidegate events: what happened, and with -f what happens.
#include <boost/json.hpp>

#include "cli/client.h"
#include "cli/command.h"
#include "cli/fields.h"
#include "cli/print.h"

namespace tidegate::cli {

namespace {

struct EventFlags {
  ClientFlags client;
  std::string name;
  bool follow = false;
  std::size_t last = 100;
};

void show_event(const boost::json::object& event) {
  const auto text = text_of(event, "text");
  print_line(fmt::format("{}  {}  {}{}{}", local_time(text_of(event, "at")), text_of(event, "service"),
                         text_of(event, "event"), text.empty() ? "" : ": ", text));
}

}  // namespace

void add_events(CLI::App& app, int& status) {
  auto flags = std::make_shared<EventFlags>();  // shared with the callback, which outlives this function
  auto* command = app.add_subcommand("events", "What happened to the services, oldest first");
  command->add_option("NAME", flags->name, "only this service");
  command->add_flag("-f,--follow", flags->follow, "go on with what happens from now on");
  command->add_option("-n,--last", flags->last, "how many")->type_name("N");
  flags->client.add_to(*command);
  command->footer("Examples:\n  tidegate events -f\n  tidegate events palworld -n 20 --json");
  command->callback([flags, &status] {
    boost::json::object request{{"command", "events"}, {"last", flags->last}, {"follow", flags->follow}};
    if (!flags->name.empty()) request["name"] = flags->name;
    status = flags->client.ask(request, show_event, LeastAnswers::none);
  });
}

}  // namespace tidegate::cli
