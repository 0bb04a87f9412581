// tidegate reload: the daemon reads its configuration again.
#include <boost/json.hpp>

#include "cli/client.h"
#include "cli/command.h"
#include "cli/fields.h"
#include "cli/print.h"

namespace tidegate::cli {

void add_reload(CLI::App& app, int& status) {
  auto flags = std::make_shared<ClientFlags>();  // shared with the callback, which outlives this function
  auto* command =
      app.add_subcommand("reload", "Let the daemon read its configuration again; on an error nothing changes");
  flags->add_to(*command);
  command->footer(
      "Unchanged services keep their state and timers.\n\nExamples:\n  tidegate reload\n"
      "  tidegate reload -c /etc/tidegate/tidegate.yaml");
  command->callback([flags, &status] {
    status = flags->ask({{"command", "reload"}}, [](const boost::json::object& answer) {
      print_line(fmt::format("reloaded: {:.0f} services", number_of(answer, "services").value_or(0)));
    });
  });
}

}  // namespace tidegate::cli
