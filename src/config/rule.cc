// The rules `wake` and `keep`; see rule.h.
#include "config/rule.h"

#include "base/text.h"
#include "base/units.h"

namespace tidegate {
namespace {

void read_from(const Value& value, RuleDraft& draft) { read_networks_or_any(value, draft.rule.from); }

void read_not_from(const Value& value, RuleDraft& draft) { read_networks(value, draft.rule.not_from); }

void read_rule_ports(const Value& value, RuleDraft& draft) { read_ports(value, draft.rule.ports); }

void read_direction(const Value& value, RuleDraft& draft) {
  static constexpr Word<std::optional<Direction>> kWords[] = {
      {"in", Direction::in}, {"out", Direction::out}, {"both", std::nullopt}};
  draft.has_direction = read_word(value, kWords, draft.rule.direction);
}

// "syn,!ack", or the same as a list. A plain `!ack` is a YAML tag and told to be one.
void read_flags(const Value& value, RuleDraft& draft) {
  if (!value.is_list()) {
    draft.has_flags = value.read(draft.rule.flags, parse_tcp_flags);
    return;
  }
  std::string all;
  for (const Value& item : value.items(Value::Empty::refused)) {
    const auto word = item.text();
    if (!word) return;
    all += fmt::format("{}{}", all.empty() ? "" : ",", *word);
  }
  if (all.empty()) return;
  const auto flags = parse_tcp_flags(all);
  if (!flags) return value.fail(flags.error().what);
  draft.rule.flags = *flags;
  draft.has_flags = true;
}

void read_min_bytes(const Value& value, RuleDraft& draft) {
  value.read(draft.rule.min_bytes, [](std::string_view text) -> Result<std::uint32_t> {
    constexpr std::uint64_t kMost = 65535;  // more than a packet can carry would never match
    const auto bytes = parse_bytes(text);
    if (!bytes) return std::unexpected{bytes.error()};
    if (*bytes > kMost) return failure("\"{}\" is more than a packet can carry (at most {})", printable(text), kMost);
    return static_cast<std::uint32_t>(*bytes);
  });
}

void read_also(const Value& value, RuleDraft& draft) {
  unsigned kinds = 0;
  for (const Value& item : value.items(Value::Empty::allowed)) {
    std::uint8_t kind = 0;
    if (item.read(kind, parse_noise)) kinds |= kind;
  }
  draft.rule.also = static_cast<std::uint8_t>(kinds);
}

void read_packets(const Value& value, RuleDraft& draft) {
  PacketRate rate;
  if (value.read(rate, parse_packet_rate)) draft.rule.packets = rate;
}

// What of a TCP connection counts.
void read_after(const Value& value, RuleDraft& draft) {
  static constexpr Word<bool> kWords[] = {{"packet", false}, {"handshake", true}};
  read_word(value, kWords, draft.rule.handshake);
}

void read_ack_only(const Value& value, RuleDraft& draft) { read_flag(value, draft.rule.ack_only); }

constexpr Key<RuleDraft> kWakeKeys[] = {
    {"from", read_from},           {"not_from", read_not_from}, {"ports", read_rule_ports},
    {"direction", read_direction}, {"flags", read_flags},       {"min_bytes", read_min_bytes},
    {"packets", read_packets},     {"also", read_also},         {"after", read_after},
};

constexpr Key<RuleDraft> kKeepKeys[] = {
    {"from", read_from},   {"not_from", read_not_from},   {"ports", read_rule_ports},  {"direction", read_direction},
    {"flags", read_flags}, {"min_bytes", read_min_bytes}, {"ack_only", read_ack_only}, {"also", read_also},
};

std::vector<std::string> keys_of(const std::vector<std::string_view>& names) { return {names.begin(), names.end()}; }

}  // namespace

SampleRule RuleDraft::over(const SampleRule& defaults) const {
  SampleRule whole = rule;
  if (!has_direction) whole.direction = defaults.direction;
  if (!has_flags) whole.flags = defaults.flags;
  return whole;
}

void read_wake(const Value& value, RuleDraft& into) { read_map(value, kWakeKeys, into); }
void read_keep(const Value& value, RuleDraft& into) { read_map(value, kKeepKeys, into); }

std::vector<std::string> wake_keys() { return keys_of(names_of(kWakeKeys)); }
std::vector<std::string> keep_keys() { return keys_of(names_of(kKeepKeys)); }

}  // namespace tidegate
