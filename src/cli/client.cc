#include "cli/client.h"

#include <boost/json.hpp>

#include "api/control.h"
#include "api/json_text.h"
#include "cli/command.h"
#include "cli/print.h"
#include "daemon/load.h"

namespace tidegate::cli {

void ClientFlags::add_to(CLI::App& command) {
  command
      .add_option("--control", control,
                  "the daemon's control socket; default: as configured, else " + default_control_path())
      ->type_name("PATH");
  command
      .add_option("-c,--config", file,
                  "the configuration that names it; default: ./tidegate.yaml, else /etc/tidegate/tidegate.yaml")
      ->type_name("FILE");
  command.add_flag("--json", json, "print the answer as JSON");
}

Result<std::string> ClientFlags::socket_path() const {
  if (!control.empty()) return control;
  const auto found = file.empty() ? find_config() : Result<std::string>{file};
  const auto config = found ? load_config(*found) : Result<Config>{Config{}};
  if (!file.empty() && !config) return std::unexpected{config.error()};
  return config && !config->control.empty() ? config->control : default_control_path();
}

int ClientFlags::ask(const boost::json::object& request, const std::function<void(const boost::json::object&)>& show,
                     LeastAnswers least) const {
  const auto path = socket_path();
  if (!path) return complain(path.error().what, kUsage);
  bool answered = least == LeastAnswers::none;
  const auto asked = ask_control(*path, request, [&](const boost::json::value& answer) {
    answered = true;
    if (json) return print_line(json_text(answer));
    show(answer.as_object());
    return true;
  });
  if (!asked) return complain(asked.error().what, kFailed);
  if (!answered) return complain(fmt::format("the tidegate at {} ended without an answer", *path), kFailed);
  return kDone;
}

}  // namespace tidegate::cli
