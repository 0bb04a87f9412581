// One watch of the file; see watch.h.
#include "config/watch.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/text.h"
#include "config/config.h"

namespace tidegate {
namespace {

constexpr std::size_t kMostUrl = 2048;

void read_watch_ports(const Value& value, WatchSettings& watch) {
  for (const Value& item : value.items(Value::Empty::refused)) {
    std::uint32_t number = 0;
    read_number(item, 1, 65535, number);
    if (number == 0) continue;
    const auto port = static_cast<std::uint16_t>(number);
    if (std::ranges::find(watch.ports, port) != watch.ports.end()) {
      item.fail(fmt::format("{} stands here twice", port));
      continue;
    }
    watch.ports.push_back(port);
  }
}

void read_windows(const Value& value, WatchSettings& watch) {
  watch.windows.clear();
  for (const Value& item : value.items(Value::Empty::refused)) {
    Duration window{};
    read_duration(item, window);
    if (window == Duration::zero()) {
      item.fail("must be longer than nothing");
      continue;
    }
    if (std::ranges::find(watch.windows, window) != watch.windows.end()) {
      item.fail("stands here twice");
      continue;
    }
    watch.windows.push_back(window);
  }
}

constexpr Key<AlertThrottle> kThrottleKeys[] = {
    {"forward", [](const Value& value, AlertThrottle& throttle) { read_name(value, throttle.forward); }},
    {"to", [](const Value& value, AlertThrottle& throttle) { read_throttle(value, throttle.to); }},
};

void read_url(const Value& value, AlertWebhook& webhook) {
  if (const auto url = value.text(kMostUrl)) webhook.url = *url;
}

constexpr Key<AlertWebhook> kWebhookKeys[] = {
    {"url", read_url},
    {"ca_file", [](const Value& value, AlertWebhook& webhook) { read_text(value, webhook.ca_file); }},
};

constexpr Key<AlertAction> kActionKeys[] = {
    {"command",
     [](const Value& value, AlertAction& action) {
       if (const auto line = value.text(Value::kMostLongText)) action = AlertCommand{std::string{*line}};
     }},
    {"webhook",
     [](const Value& value, AlertAction& action) {
       auto& webhook = action.emplace<AlertWebhook>();
       value.is_map() ? read_map(value, kWebhookKeys, webhook) : read_url(value, webhook);
     }},
    {"start", [](const Value& value, AlertAction& action) { read_name(value, action.emplace<AlertStart>().service); }},
    {"throttle",
     [](const Value& value, AlertAction& action) { read_map(value, kThrottleKeys, action.emplace<AlertThrottle>()); }},
};

// Each item has its action, also where it is wrong, so that the settings have as many as the file.
void read_do(const Value& value, AlertSettings& alert) {
  const std::string one_of = fmt::format("(allowed: one of {})", join_words(names_of(kActionKeys), "or"));
  for (const Value& item : value.items(Value::Empty::allowed)) {
    item.findings().stands_for(fmt::format("{}[{}]", value.path(), alert.actions.size()), item.mark(), item.path());
    read_map(item, kActionKeys, alert.actions.emplace_back());
    const auto given = std::ranges::count_if(kActionKeys, [&](const auto& key) { return item.gives(key.name); });
    if (given > 1) item.fail(fmt::format("has more than one action {}", one_of));
    if (item.is_empty_map()) item.fail(fmt::format("names no action {}", one_of));
  }
}

constexpr Key<AlertSettings> kAlertKeys[] = {
    {"name", [](const Value& value, AlertSettings& alert) { read_name(value, alert.name); }},
    {"when", [](const Value& value, AlertSettings& alert) { value.read(alert.when, parse_alert_level); }},
    {"over", [](const Value& value, AlertSettings& alert) { read_duration(value, alert.over); }},
    {"clear",
     [](const Value& value, AlertSettings& alert) {
       AlertLevel level;
       if (value.read(level, parse_alert_level)) alert.clear = level;
     }},
    {"min_raised", [](const Value& value, AlertSettings& alert) { read_duration(value, alert.min_raised); }},
    {"min_clear", [](const Value& value, AlertSettings& alert) { read_duration(value, alert.min_clear); }},
    {"do", read_do},
};

void read_alerts(const Value& value, WatchSettings& watch) {
  if (!value.is_list()) return value.fail("a list of alerts belongs here");
  for (const Value& item : value.items(Value::Empty::allowed)) read_map(item, kAlertKeys, watch.alerts.emplace_back());
}

constexpr Key<WatchSettings> kWatchKeys[] = {
    {"name", [](const Value& value, WatchSettings& watch) { read_name(value, watch.name); }},
    {"interface", [](const Value& value, WatchSettings& watch) { read_name(value, watch.interface); }},
    {"port",
     [](const Value& value, WatchSettings& watch) {
       if (value.is_list()) return value.fail("a single port belongs here (ports: takes a list)");
       read_watch_ports(value, watch);
     }},
    {"ports", read_watch_ports},
    {"address",
     [](const Value& value, WatchSettings& watch) {
       IpAddress address;
       if (value.read(address, IpAddress::parse)) watch.address = address;
     }},
    {"windows", read_windows},
    {"alerts", read_alerts},
};

}  // namespace

WatchSettings read_watch(const Value& value) {
  WatchSettings watch;
  read_map(value, kWatchKeys, watch);
  if (value.is_map() && value.gives("port") && value.gives("ports")) {
    value.fail_at("port", "goes only without \"ports\"");
  }
  return watch;
}

std::vector<std::string> watch_keys() {
  std::vector<std::string> keys;
  append_keys(keys, "", names_of(kWatchKeys));
  append_keys(keys, "alerts", names_of(kAlertKeys));
  append_keys(keys, "alerts.do", names_of(kActionKeys));
  append_keys(keys, "alerts.do.throttle", names_of(kThrottleKeys));
  return keys;
}

}  // namespace tidegate
