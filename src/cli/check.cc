// tidegate check: the configuration, validated as a whole.
#include <string>
#include <vector>

#include "cli/command.h"
#include "cli/print.h"
#include "daemon/load.h"

namespace tidegate::cli {

namespace {

// "2 services, 1 forward and 1 watch".
std::string contents(const Config& config) {
  std::vector<std::string> parts;
  const auto add = [&](std::size_t count, std::string_view noun, std::string_view nouns) {
    if (count > 0) parts.push_back(fmt::format("{} {}", count, count == 1 ? noun : nouns));
  };
  add(config.services.size(), "service", "services");
  add(config.forwards.size(), "forward", "forwards");
  add(config.watches.size(), "watch", "watches");
  add(config.tallies.size(), "tally", "tallies");
  if (parts.empty()) return "0 services";
  const auto last = std::move(parts.back());
  parts.pop_back();
  return parts.empty() ? last : fmt::format("{} and {}", fmt::join(parts, ", "), last);
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
