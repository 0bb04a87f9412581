// tidegate check: the configuration, validated as a whole.
#include "cli/command.h"
#include "cli/print.h"
#include "daemon/load.h"

namespace tidegate::cli {

namespace {

// "1 service", "2 services and 1 forward".
std::string contents(const Config& config) {
  const auto some = [](std::size_t count, std::string_view noun) {
    return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
  };
  if (config.forwards.empty()) return some(config.services.size(), "service");
  const auto forwards = some(config.forwards.size(), "forward");
  return config.services.empty() ? forwards : some(config.services.size(), "service") + " and " + forwards;
}

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
  print_line(fmt::format("{}: right, {}", file, contents(*config)));
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
