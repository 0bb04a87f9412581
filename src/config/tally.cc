// One tally of the file, and `privacy`; see tally.h.
#include "config/tally.h"

#include <utility>

#include "base/text.h"
#include "config/config.h"

namespace tidegate {
namespace {

constexpr Word<Privacy> kPrivacyWords[] = {
    {"none", Privacy::none}, {"hash", Privacy::hash}, {"prefix", Privacy::prefix}};

// "tcp/22", "tcp/8000-8010" or "22": only TCP has connections.
Result<PortRange> parse_tcp_ports(std::string_view text) {
  const auto ports = parse_ports(text);
  if (!ports) return std::unexpected{ports.error()};
  if (ports->front().protocol != Protocol::tcp) {
    return failure("\"{}\" is not TCP, and what is counted is TCP connections", printable(text));
  }
  return ports->front();  // of a bare port, which is both TCP and UDP, the TCP one
}

void read_tally_ports(const Value& value, TallySettings& tally) {
  for (const Value& item : value.items(Value::Empty::refused)) {
    PortRange ports;
    if (item.read(ports, parse_tcp_ports)) tally.ports.push_back(ports);
  }
}

constexpr Key<TallySettings> kTallyKeys[] = {
    {"name", [](const Value& value, TallySettings& tally) { read_name(value, tally.name); }},
    {"interface", [](const Value& value, TallySettings& tally) { read_name(value, tally.interface); }},
    {"ports", read_tally_ports},
    {"privacy",
     [](const Value& value, TallySettings& tally) {
       Privacy privacy{};
       if (read_word(value, kPrivacyWords, privacy)) tally.privacy = privacy;
     }},
    {"syn_packets", [](const Value& value, TallySettings& tally) { read_flag(value, tally.syn_packets); }},
    {"sources",
     [](const Value& value, TallySettings& tally) {
       std::uint32_t sources = 0;
       read_number(value, 1, TallySettings::kMostSources, sources);
       if (sources != 0) tally.sources = sources;
     }},
};

constexpr Key<PrivacySettings> kPrivacyKeys[] = {
    {"mode", [](const Value& value, PrivacySettings& privacy) { read_word(value, kPrivacyWords, privacy.mode); }},
    {"key_file", [](const Value& value, PrivacySettings& privacy) { read_text(value, privacy.key_file); }},
};

}  // namespace

TallySettings read_tally(const Value& value) {
  TallySettings tally;
  read_map(value, kTallyKeys, tally);
  return tally;
}

void read_privacy(const Value& value, PrivacySettings& into) { read_map(value, kPrivacyKeys, into); }

std::vector<std::string> tally_keys() {
  std::vector<std::string> keys;
  append_keys(keys, "", names_of(kTallyKeys));
  return keys;
}

std::vector<std::string> privacy_keys() {
  std::vector<std::string> keys;
  append_keys(keys, "", names_of(kPrivacyKeys));
  return keys;
}

}  // namespace tidegate
