// The file as a whole; see config.h.
#include "config/config.h"

#include <algorithm>

#include "config/api.h"
#include "config/forward.h"
#include "config/keys.h"
#include "config/quota.h"
#include "config/reader.h"
#include "config/service.h"
#include "config/tally.h"
#include "config/validate.h"
#include "config/watch.h"
#include "config/yaml.h"

namespace tidegate {
namespace {

constexpr Key<Config> kLogKeys[] = {
    {"level", [](const Value& value, Config& config) { value.read(config.log_level, log::parse_level); }},
    {"format", [](const Value& value, Config& config) { value.read(config.log_format, log::parse_format); }},
};

void read_services(const Value& value, Config& config) {
  if (!value.is_list()) return value.fail("a list of services belongs here");
  for (const Value& item : value.items(Value::Empty::refused)) config.services.push_back(read_service(item));
}

// `forwards` and `proxies` are one list under two names; both may be there, and what stands first comes first.
void read_forwards(const Value& value, Config& config) {
  if (!value.is_list()) return value.fail(fmt::format("a list of {} belongs here", value.path()));
  for (const Value& item : value.items(Value::Empty::refused)) {
    config.forwards.push_back(read_forward(item, fmt::format("forwards[{}]", config.forwards.size())));
  }
}

void read_quotas(const Value& value, Config& config) {
  if (!value.is_list()) return value.fail("a list of quotas belongs here");
  for (const Value& item : value.items(Value::Empty::allowed)) {
    read_quota(item, config.quotas.emplace_back());
    if (item.is_map() && !item.gives("group")) item.fail("has no group");
  }
}

void read_watches(const Value& value, Config& config) {
  if (!value.is_list()) return value.fail("a list of watches belongs here");
  for (const Value& item : value.items(Value::Empty::refused)) config.watches.push_back(read_watch(item));
}

void read_tallies(const Value& value, Config& config) {
  if (!value.is_list()) return value.fail("a list of tallies belongs here");
  for (const Value& item : value.items(Value::Empty::refused)) config.tallies.push_back(read_tally(item));
}

void read_data_threads(const Value& value, Config& config) {
  std::uint32_t threads = 0;
  read_number(value, 1, kMostDataThreads, threads);
  if (threads != 0) config.data_threads = threads;
}

constexpr Key<Config> kTopKeys[] = {
    {"store", [](const Value& value, Config& config) { read_text(value, config.store); }},
    {"log", [](const Value& value, Config& config) { read_map(value, kLogKeys, config); }},
    {"data_threads", read_data_threads},
    {"manage_sysctl", [](const Value& value, Config& config) { read_flag(value, config.manage_sysctl); }},
    {"control", [](const Value& value, Config& config) { read_text(value, config.control); }},
    {"api", [](const Value& value, Config& config) { read_api(value, config.api); }},
    {"services", read_services},
    {"forwards", read_forwards},
    {"proxies", read_forwards},
    {"quotas", read_quotas},
    {"tallies", read_tallies},
    {"watches", read_watches},
    {"privacy", [](const Value& value, Config& config) { read_privacy(value, config.privacy); }},
    {"data_file", [](const Value& value, Config& config) { read_text(value, config.data_file); }},
};

// What a service leaves out and only the forwards can tell.
void finish_services(Config& config, const Findings& findings) {
  for (std::size_t i = 0; i < config.services.size(); ++i) {
    ServiceSettings& service = config.services[i];
    if (!findings.stands(fmt::format("services[{}].ready", i))) service.ready = default_ready(service, config.forwards);
  }
}

void check_filters(const Config& config, const FilterCheck& check, Findings& findings) {
  for (std::size_t i = 0; i < config.services.size(); ++i) {
    const auto& sensors = config.services[i].sensors;
    for (std::size_t j = 0; j < sensors.size(); ++j) {
      const auto* const pcap = std::get_if<PcapSource>(&sensors[j]);
      if (pcap == nullptr || pcap->filter.empty()) continue;
      if (const auto checked = check(pcap->filter); !checked) {
        findings.add_from_settings(fmt::format("services[{}].sensors[{}].pcap.filter", i, j), checked.error().what);
      }
    }
  }
}

}  // namespace

std::string ConfigError::to_string() const {
  std::string text = file;
  if (line > 0) text += fmt::format("{}{}:{}", text.empty() ? "" : ":", line, column);
  for (const std::string& part : {path, what}) {
    if (!part.empty()) text += fmt::format("{}{}", text.empty() ? "" : ": ", part);
  }
  return text;
}

std::expected<Config, std::vector<ConfigError>> parse_config(std::string_view text, const std::string& file,
                                                             const FilterCheck& filter_check) {
  Findings findings{file};
  Config config;
  const auto document = YamlDocument::parse(text);
  if (!document) {
    findings.add(document.error().mark, {}, document.error().what);
  } else if (document->root() == nullptr || document->root()->kind == YamlNode::Kind::null) {
    findings.add({}, {}, "is empty (services or forwards belong here)");
  } else {
    const Value top{*document->root(), {}, findings};
    read_map(top, kTopKeys, config);
    constexpr std::string_view kPurposes[] = {"services", "forwards", "proxies", "tallies", "watches", "api"};
    if (top.is_map() && std::ranges::none_of(kPurposes, [&](std::string_view key) { return top.gives(key); })) {
      top.fail("has neither services nor forwards, so there is nothing to do");
    }
    finish_services(config, findings);
    for (const ConfigError& error : validate(config)) findings.add_from_settings(error.path, error.what);
    if (filter_check) check_filters(config, filter_check, findings);
  }
  auto errors = findings.take();
  if (!errors.empty()) return std::unexpected{std::move(errors)};
  return config;
}

std::expected<ForwardSettings, std::vector<ConfigError>> parse_forward(std::string_view text) {
  Findings findings{{}};
  ForwardSettings forward;
  const auto document = YamlDocument::parse(text);
  if (!document) {
    findings.add(document.error().mark, {}, document.error().what);
  } else if (document->root() == nullptr) {
    findings.add({}, {}, "is empty (a forward belongs here)");
  } else {
    forward = read_forward(Value{*document->root(), {}, findings}, {});
    Problems problems;
    validate_forward({}, forward, problems);
    for (const ConfigError& error : problems.take()) findings.add_from_settings(error.path, error.what);
  }
  auto errors = findings.take();
  if (!errors.empty()) return std::unexpected{std::move(errors)};
  return forward;
}

std::vector<std::string> known_keys() {
  std::vector<std::string> keys;
  append_keys(keys, "", names_of(kTopKeys));
  append_keys(keys, "log", names_of(kLogKeys));
  append_keys(keys, "api", api_keys());
  append_keys(keys, "services", service_keys());
  append_keys(keys, "forwards", forward_keys());
  append_keys(keys, "quotas", quota_keys());
  append_keys(keys, "tallies", tally_keys());
  append_keys(keys, "watches", watch_keys());
  append_keys(keys, "privacy", privacy_keys());
  return keys;
}

}  // namespace tidegate
