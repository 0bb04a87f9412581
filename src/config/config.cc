// The file as a whole; see config.h.
#include "config/config.h"

#include "config/keys.h"
#include "config/reader.h"
#include "config/service.h"
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

constexpr Key<Config> kTopKeys[] = {
    {"log", [](const Value& value, Config& config) { read_map(value, kLogKeys, config); }},
    {"control", [](const Value& value, Config& config) { read_text(value, config.control); }},
    {"services", read_services},
};

void check_filters(const Config& config, const FilterCheck& check, Findings& findings) {
  for (std::size_t i = 0; i < config.services.size(); ++i) {
    const auto& captures = config.services[i].captures;
    for (std::size_t j = 0; j < captures.size(); ++j) {
      if (captures[j].filter.empty()) continue;
      if (const auto checked = check(captures[j].filter); !checked) {
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
    findings.add({}, {}, "is empty (a list of services belongs here)");
  } else {
    const Value top{*document->root(), {}, findings};
    read_map(top, kTopKeys, config);
    if (top.is_map() && !top.gives("services")) top.fail("has no services, so there is nothing to watch");
    for (const ConfigError& error : validate(config)) findings.add_from_settings(error.path, error.what);
    if (filter_check) check_filters(config, filter_check, findings);
  }
  auto errors = findings.take();
  if (!errors.empty()) return std::unexpected{std::move(errors)};
  return config;
}

std::vector<std::string> known_keys() {
  std::vector<std::string> keys;
  append_keys(keys, "", names_of(kTopKeys));
  append_keys(keys, "log", names_of(kLogKeys));
  append_keys(keys, "services", service_keys());
  return keys;
}

}  // namespace tidegate
