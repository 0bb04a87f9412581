// tidegate check: the configuration, validated as a whole.
#include "cli/command.h"
#include "cli/print.h"
#include "daemon/load.h"

namespace tidegate::cli {

namespace {

int check(std::string file) {
  if (file.empty()) {
    const auto found = find_config();
    if (!found) return complain(found.error().what, kUsage);
    file = *found;
  }
  const auto config = load_config(file);
  if (!config) {
    std::fprintf(stderr, "%s\n", config.error().what.c_str());
    return kUsage;
  }
  const auto count = config->services.size();
  print_line(fmt::format("{}: right, {} service{}", file, count, count == 1 ? "" : "s"));
  return kDone;
}

}  // namespace

void add_check(CLI::App& app, int& status) {
  auto file = std::make_shared<std::string>();  // shared with the callback, which outlives this function
  auto* command = app.add_subcommand("check", "The configuration: say everything that is wrong with it");
  command
      ->add_option("-c,--config", *file,
                   "the configuration; default: ./tidegate.yaml, else /etc/tidegate/tidegate.yaml")
      ->type_name("FILE");
  command->footer(
      "Exit status: 0 it is right, 2 it is not.\n\nExamples:\n  tidegate check\n  tidegate check -c "
      "/etc/tidegate/tidegate.yaml");
  command->callback([file, &status] { status = check(*file); });
}

}  // namespace tidegate::cli
