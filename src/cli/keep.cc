// tidegate keep NAME FOR: awake until then, traffic or not.
#include <boost/json.hpp>

#include "base/units.h"
#include "cli/client.h"
#include "cli/command.h"
#include "cli/fields.h"
#include "cli/print.h"

namespace tidegate::cli {

namespace {

int keep(const ClientFlags& flags, const std::string& name, const std::string& how_long) {
  const auto duration = parse_duration(how_long);
  if (!duration) return complain("keep: " + duration.error().what, kUsage);
  const auto seconds = std::chrono::duration<double>{*duration}.count();
  return flags.ask(
      {{"command", "keep"}, {"name", name}, {"for_seconds", seconds}}, [&](const boost::json::object& service) {
        print_line(seconds > 0 ? fmt::format("{} is {}, and stays so until {} at least", text_of(service, "name"),
                                             text_of(service, "state"), time_of_day_in(seconds))
                               : fmt::format("{} is {}, and kept by nobody", text_of(service, "name"),
                                             text_of(service, "state")));
      });
}

}  // namespace

void add_keep(CLI::App& app, int& status) {
  struct Flags {
    ClientFlags client;
    std::string name;
    std::string how_long;
  };
  auto flags = std::make_shared<Flags>();  // shared with the callback, which outlives this function
  auto* command = app.add_subcommand("keep", "Keep a service awake for a time, starting it where it sleeps");
  command->add_option("NAME", flags->name, "the service")->required();
  command->add_option("FOR", flags->how_long, "how long: 90s, 2h, 1h30m; 0 takes it back")->required();
  flags->client.add_to(*command);
  command->footer("Examples:\n  tidegate keep palworld 2h\n  tidegate keep palworld 0");
  command->callback([flags, &status] { status = keep(flags->client, flags->name, flags->how_long); });
}

}  // namespace tidegate::cli
