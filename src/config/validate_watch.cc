// What must hold of watches with their alerts, of tallies and of privacy; see validate.h.
#include <algorithm>
#include <cmath>
#include <map>

#include "base/text.h"
#include "base/units.h"
#include "config/validate.h"
#include "model/http_url.h"

namespace tidegate {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kMostWatches = 100;
constexpr std::size_t kMostTallies = 100;
constexpr std::size_t kMostWatchPorts = 64;  // of a watch
constexpr std::size_t kMostWindows = 8;      // of a watch
constexpr std::size_t kMostAlerts = 100;     // of a watch
constexpr std::size_t kMostActions = 16;     // of an alert
constexpr Duration kShortest = 1s;           // of windows, which are counted by the second
constexpr Duration kLongest = 1h;

constexpr std::string_view kNoWhen =
    " (try requests >= 20/s; \"requests >= 0/s\" always holds, and is as good as none)";

template <class T>
void validate_count(const std::string& path, const std::vector<T>& list, std::size_t most, std::string_view nouns,
                    Problems& problems) {
  if (list.size() > most) problems.add(path, fmt::format("has {} {} (at most {})", list.size(), nouns, most));
}

// Each name once. `path` is the list's.
template <class T>
void validate_names(const std::string& path, const std::vector<T>& list, Problems& problems) {
  std::map<std::string_view, std::size_t> first;
  for (std::size_t i = 0; i < list.size(); ++i) {
    const std::string& name = list[i].name;
    if (name.empty()) continue;
    validate_name(fmt::format("{}[{}].name", path, i), name, problems);
    if (const auto [at, is_first] = first.try_emplace(name, i); !is_first) {
      problems.add(fmt::format("{}[{}].name", path, i),
                   fmt::format("\"{}\" is the name of {}[{}] already", printable(name), path, at->second));
    }
  }
}

void validate_window(std::string path, Duration window, Problems& problems) {
  if (window >= kShortest && window <= kLongest && window % 1s == Duration::zero()) return;
  problems.add(std::move(path), fmt::format("{} is not from {} to {} in whole seconds", config_duration(window),
                                            config_duration(kShortest), config_duration(kLongest)));
}

void validate_level(const std::string& path, const AlertLevel& level, Problems& problems) {
  if (!std::isfinite(level.value) || level.value < 0) return problems.add(path, "is below nothing");
  const std::string text = level.to_string();
  if (level.value == 0 && level.above == level.or_equal) {
    problems.add(path, fmt::format("\"{}\" {} holds", text, level.above ? "always" : "never"));
  }
  if (level.quantity == AlertQuantity::errors && level.value > 1) {
    problems.add(path, fmt::format("\"{}\" is more than every response (at most 100%)", text));
  }
  if (level.quantity == AlertQuantity::errors && level.value == 1 && level.above != level.or_equal) {
    problems.add(path, fmt::format("\"{}\" {} holds (at most {} 100%)", text, level.above ? "never" : "always",
                                   level.above ? ">=" : "<"));
  }
  if (level.quantity == AlertQuantity::latency && (level.percentile <= 0 || level.percentile >= 1)) {
    problems.add(path, fmt::format("\"{}\": a percentile is above p0 and below p100", text));
  }
}

// Raised and cleared at once, it would do neither.
void validate_clear(const std::string& path, const AlertLevel& when, const AlertLevel& clear, Problems& problems) {
  if (clear.quantity != when.quantity || clear.total != when.total || clear.percentile != when.percentile) {
    return problems.add(
        path, fmt::format("\"{}\" looks at something else than when (\"{}\")", clear.to_string(), when.to_string()));
  }
  const bool apart = when.above ? clear.value < when.value : clear.value > when.value;
  const bool meets = clear.value == when.value && !(clear.or_equal && when.or_equal);
  if (clear.above != when.above && (apart || meets)) return;
  problems.add(path, fmt::format("\"{}\" may hold together with when (\"{}\")", clear.to_string(), when.to_string()));
}

class WatchValidator {
 public:
  WatchValidator(const Config& config, Problems& problems) : config_{config}, problems_{problems} {
    services_.reserve(config.services.size());
    for (const ServiceSettings& service : config.services) services_.push_back(service.name);
    forwards_.reserve(config.forwards.size());
    for (const ForwardSettings& forward : config.forwards) forwards_.push_back(forward.name);
  }

  void run() {
    for (std::size_t i = 0; i < config_.watches.size(); ++i) watch(fmt::format("watches[{}]", i), config_.watches[i]);
    validate_names("watches", config_.watches, problems_);
    for (std::size_t i = 0; i < config_.tallies.size(); ++i) tally(fmt::format("tallies[{}]", i), config_.tallies[i]);
    validate_names("tallies", config_.tallies, problems_);
    if (config_.privacy.mode != Privacy::none && config_.privacy.key_file.empty()) {
      problems_.add("privacy", "has no key_file, without which no address can be hidden");
    }
  }

 private:
  void watch(const std::string& path, const WatchSettings& watch) {
    std::vector<std::string_view> missing;
    if (watch.name.empty()) missing.emplace_back("name");
    if (watch.ports.empty()) missing.emplace_back("port (or ports)");
    if (!missing.empty()) problems_.add(path, fmt::format("has no {}", join_words(missing)));
    validate_interface(path + ".interface", watch.interface, problems_);
    validate_count(path + ".ports", watch.ports, kMostWatchPorts, "ports", problems_);
    if (std::ranges::find(watch.ports, 0) != watch.ports.end()) problems_.add(path + ".ports", "0 is no port");
    if (watch.address) validate_host_address(path + ".address", *watch.address, problems_);
    if (watch.windows.empty()) problems_.add(path + ".windows", "has no window");
    validate_count(path + ".windows", watch.windows, kMostWindows, "windows", problems_);
    for (const Duration window : watch.windows) validate_window(path + ".windows", window, problems_);
    validate_count(path + ".alerts", watch.alerts, kMostAlerts, "alerts", problems_);
    for (std::size_t i = 0; i < watch.alerts.size(); ++i) {
      alert(fmt::format("{}.alerts[{}]", path, i), watch.alerts[i]);
    }
    validate_names(path + ".alerts", watch.alerts, problems_);
  }

  void alert(const std::string& path, const AlertSettings& alert) {
    std::vector<std::string_view> missing;
    if (alert.name.empty()) missing.emplace_back("name");
    const bool has_when = alert.when != AlertLevel{};
    if (!has_when) missing.emplace_back("when");
    if (!missing.empty()) {
      // A level of nothing cannot be told from none.
      problems_.add(path, fmt::format("has no {}{}", join_words(missing), has_when ? "" : kNoWhen));
    }
    if (has_when) validate_level(path + ".when", alert.when, problems_);
    validate_window(path + ".over", alert.over, problems_);
    if (alert.clear) {
      validate_level(path + ".clear", *alert.clear, problems_);
      if (has_when) validate_clear(path + ".clear", alert.when, *alert.clear, problems_);
    }
    validate_count(path + ".do", alert.actions, kMostActions, "actions", problems_);
    for (std::size_t i = 0; i < alert.actions.size(); ++i) {
      std::visit([&](const auto& action) { this->action(fmt::format("{}.do[{}]", path, i), action); },
                 alert.actions[i]);
    }
  }

  void action(const std::string& path, const AlertCommand& command) {
    if (command.command.empty()) problems_.add(path, "is an empty command");
  }

  void action(const std::string& path, const AlertWebhook& webhook) {
    if (webhook.url.empty()) return problems_.add(path + ".webhook", "has no url");
    if (const auto url = HttpUrl::parse(webhook.url); !url) problems_.add(path + ".webhook", url.error().what);
  }

  void action(const std::string& path, const AlertStart& start) {
    if (start.service.empty()) problems_.add(path, "names no service");
    validate_reference(path + ".start", start.service, "service", services_, problems_);
  }

  void action(const std::string& path, const AlertThrottle& throttle) {
    std::vector<std::string_view> missing;
    if (throttle.forward.empty()) missing.emplace_back("forward");
    if (throttle.to == 0) missing.emplace_back("to");
    if (!missing.empty()) problems_.add(path + ".throttle", fmt::format("has no {}", join_words(missing)));
    validate_reference(path + ".throttle.forward", throttle.forward, "forward", forwards_, problems_);
  }

  void tally(const std::string& path, const TallySettings& tally) {
    if (tally.name.empty()) problems_.add(path, "has no name");
    validate_interface(path + ".interface", tally.interface, problems_);
    if (tally.sources == 0) problems_.add(path + ".sources", "must be at least 1");
    for (const PortRange& ports : tally.ports) {
      if (ports.protocol != Protocol::tcp) problems_.add(path + ".ports", ports.to_string() + " is not TCP");
    }
    if (tally.privacy && *tally.privacy != Privacy::none && config_.privacy.key_file.empty()) {
      problems_.add(path + ".privacy", "needs a key (privacy: {key_file: …})");
    }
  }

  const Config& config_;
  Problems& problems_;
  std::vector<std::string_view> services_;
  std::vector<std::string_view> forwards_;
};

}  // namespace

void validate_watches(const Config& config, Problems& problems) {
  const bool few = config.watches.size() <= kMostWatches && config.tallies.size() <= kMostTallies;
  validate_count("watches", config.watches, kMostWatches, "watches", problems);
  validate_count("tallies", config.tallies, kMostTallies, "tallies", problems);
  if (few) WatchValidator{config, problems}.run();
}

}  // namespace tidegate
