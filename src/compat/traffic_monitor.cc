// traffic-monitor: forwards TCP and UDP, counts what flows, limits it, and tells of it over HTTP. Its configuration is
// tidegate's (`proxies` is `forwards`), so that all there is to do here is to give it the defaults of the original.
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/log.h"
#include "base/text.h"
#include "base/units.h"
#include "compat/compat.h"
#include "compat/front_end.h"
#include "config/yaml.h"
#include "daemon/daemon.h"
#include "sensor/pcap.h"

namespace tidegate::compat {

namespace {

constexpr const char* kTrafficMonitor = "traffic-monitor";

struct MonitorFlags {
  std::string config = "config.yaml";
  bool help = false;
};

// As Go's package flag reads them: one dash or two, the value behind = or as the next argument.
Result<MonitorFlags> read_flags(int argc, char** argv) {
  const std::vector<std::string_view> words(argv + 1, argv + argc);
  MonitorFlags flags;
  for (std::size_t i = 0; i < words.size(); ++i) {
    std::string_view name = words[i];
    if (!name.starts_with('-') || name == "-") return failure("unexpected argument: {}", printable(name));
    name.remove_prefix(name.starts_with("--") ? 2 : 1);
    const auto equals = name.find('=');
    const bool has_value = equals != std::string_view::npos;
    const auto value = has_value ? name.substr(equals + 1) : std::string_view{};
    name = name.substr(0, equals);
    if ((name == "h" || name == "help") && !has_value) {
      flags.help = true;
      return flags;
    }
    if (name != "config") return failure("flag provided but not defined: -{}", printable(name));
    if (!has_value && i + 1 == words.size()) return failure("flag needs an argument: -config");
    flags.config = has_value ? value : words[++i];
  }
  return flags;
}

void print_usage() {
  std::fprintf(stderr,
               "Usage of %s:\n  -config string\n    \tpath to config file (default \"config.yaml\")\n"
               "tidegate " TIDEGATE_VERSION " reads it as tidegate.yaml, with the defaults of traffic-monitor.\n",
               kTrafficMonitor);
}

bool gives(const YamlNode& map, std::string_view key) {
  return std::ranges::any_of(map.entries, [&](const YamlNode::Entry& entry) { return entry.key->text == key; });
}

// An open connection goes on beyond the limit, unless its forward says something else. `text` is what `config` was
// read from; only it tells what was said.
void reject_at_limits(std::string_view text, Config& config) {
  const auto document = YamlDocument::parse(text);
  if (!document || document->root() == nullptr) return;
  auto forward = config.forwards.begin();
  for (const auto& [key, list] : document->root()->entries) {
    if (key->text != "proxies" && key->text != "forwards") continue;
    for (const auto* const item : list->items) {
      if (forward == config.forwards.end()) return;
      if (!gives(*item, "limit_action")) forward->limit_action = LimitAction::reject;
      ++forward;
    }
  }
}

std::string joined(const std::vector<ConfigError>& errors) {
  std::string text;
  for (const auto& error : errors) text += (text.empty() ? "" : "\n") + error.to_string();
  return text;
}

Result<Config> load(const std::string& path) {
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored)) return system_failure("read " + path, EISDIR);
  std::ifstream file{path, std::ios::binary};
  if (!file) return system_failure("open " + path);
  const std::string text{std::istreambuf_iterator<char>{file}, {}};
  auto config = parse_config(text, path, check_filter);
  if (!config) return failure("{}", joined(config.error()));
  reject_at_limits(text, *config);
  if (config->data_file.empty()) config->data_file = "./traffic_data.json";
  config->api.enabled = true;  // also where the file does not speak of it
  if (const auto errors = validate(*config); !errors.empty()) return failure("{}: {}", path, joined(errors));
  return std::move(*config);
}

// The original's state file is read once and never written: what is counted from then on stands beside it.
std::string store_beside(const std::string& data_file) {
  const auto store = std::filesystem::path{data_file}.replace_extension(".db").string();
  return store == data_file ? data_file + ".tidegate" : store;
}

// "[TCP] service1: listening on :10001 -> 127.0.0.1:10000", and what limits it.
void tell(const ForwardSettings& forward) {
  const auto& listen = forward.listen;
  auto where = listen.to_string();
  if (!listen.is_unix() && !listen.address) where.erase(0, 1);  // the original's ":10001" for "*:10001"
  for (const auto& [limit, word] : {std::pair{forward.limit, ""}, std::pair{forward.limit_monthly, " a month"}}) {
    if (limit > 0) log::info("[{}] Traffic limit: {}{}", forward.name, format_bytes(limit), word);
  }
  std::string targets;
  for (const auto& target : forward.targets) targets += (targets.empty() ? "" : ", ") + target.to_string();
  if (carries_tcp(forward.protocol)) log::info("[TCP] {}: listening on {} -> {}", forward.name, where, targets);
  if (carries_udp(forward.protocol)) log::info("[UDP] {}: listening on {} -> {}", forward.name, where, targets);
}

void tell(const ApiSettings& api) {
  for (const auto& listen : api.listen) {
    const bool only_here = listen.is_unix() || listen.address.is_loopback();
    log::info("[API] listening on {}{}", listen.to_string(),
              only_here ? ", for this host only (api.listen names another address)" : "");
  }
}

}  // namespace

int traffic_monitor(int argc, char** argv) {
  const auto flags = read_flags(argc, argv);
  if (!flags) {
    complain(kTrafficMonitor, flags.error().what, kUsage);
    print_usage();
    return kUsage;
  }
  if (flags->help) {
    print_usage();
    return kDone;
  }
  auto config = load(flags->config);
  if (!config) return complain(kTrafficMonitor, "Failed to load config: " + config.error().what, kFailed);
  log::configure({.level = config->log_level, .format = config->log_format});
  DaemonOptions options;
  options.control = config->control;
  options.store = config->store.empty() ? store_beside(config->data_file) : config->store;
  options.on_hangup = [](Daemon&) { log::warn("SIGHUP: the configuration is read again only at the next start"); };
  Daemon daemon{std::move(*config), std::move(options)};
  if (const auto opened = daemon.open(); !opened) return complain(kTrafficMonitor, opened.error().what, kFailed);
  for (const auto& forward : daemon.config().forwards) tell(forward);
  tell(daemon.config().api);
  daemon.run();
  log::info("Shutdown complete");
  return kDone;
}

}  // namespace tidegate::compat
