// The values of single keys, from text; shared by the file and the flags.
#include <algorithm>
#include <array>
#include <optional>

#include "base/ascii.h"
#include "base/text.h"
#include "base/units.h"
#include "config/config.h"
#include "config/reader.h"

namespace tidegate {
namespace {

constexpr std::uint32_t kMostPackets = 1000;  // what a source's recent packets may take of memory

template <class T>
struct Named {
  std::string_view name;
  T value;
};

constexpr std::array<Named<std::uint8_t>, 6> kFlagNames{{{"fin", tcp_flag::kFin},
                                                         {"syn", tcp_flag::kSyn},
                                                         {"rst", tcp_flag::kRst},
                                                         {"psh", tcp_flag::kPsh},
                                                         {"ack", tcp_flag::kAck},
                                                         {"urg", tcp_flag::kUrg}}};

constexpr std::array<Named<Noise>, 6> kNoiseNames{{{"broadcast", Noise::broadcast},
                                                   {"multicast", Noise::multicast},
                                                   {"neighbour", Noise::neighbour},
                                                   {"icmp", Noise::icmp},
                                                   {"rst", Noise::rst},
                                                   {"arp", Noise::arp}}};

constexpr std::array<std::string_view, 7> kDays{"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"};

template <class Table>
auto find_named(const Table& table, std::string_view name) {
  return std::ranges::find(table, name, [](const auto& entry) { return entry.name; });
}

bool same_word(std::string_view a, std::string_view b) { return std::ranges::equal(a, b, {}, lower_case, lower_case); }

std::optional<unsigned> day_of(std::string_view name) {
  const auto found = std::ranges::find_if(kDays, [&](std::string_view day) { return same_word(day, name); });
  if (found == kDays.end()) return std::nullopt;
  return static_cast<unsigned>(found - kDays.begin());
}

// "Mon-Fri", "Sat", "Mon,Wed,Fri", "Fri-Mon", "daily" as bits.
std::optional<std::uint8_t> days_of(std::string_view text) {
  if (same_word(text, "daily")) return std::uint8_t{0x7f};
  unsigned days = 0;
  for (const std::string_view piece : split(text, ',')) {
    const auto dash = piece.find('-');
    const auto first = day_of(piece.substr(0, dash));
    const auto last = dash == std::string_view::npos ? first : day_of(piece.substr(dash + 1));
    if (!first || !last) return std::nullopt;
    for (unsigned day = *first;; day = (day + 1) % 7) {
      days |= 1U << day;
      if (day == *last) break;
    }
  }
  if (days == 0) return std::nullopt;
  return static_cast<std::uint8_t>(days);
}

// "18:00"; hours may have one digit, minutes have two. 24:00 is the end of the day.
std::optional<std::chrono::minutes> minute_of_day(std::string_view text) {
  const auto colon = text.find(':');
  if (colon == std::string_view::npos || colon > 2 || text.size() != colon + 3) return std::nullopt;
  const auto hour = whole_number<unsigned>(text.substr(0, colon));
  const auto minute = whole_number<unsigned>(text.substr(colon + 1));
  if (!hour || !minute || *minute > 59 || *hour * 60 + *minute > 24 * 60) return std::nullopt;
  return std::chrono::hours{*hour} + std::chrono::minutes{*minute};
}

}  // namespace

Result<std::vector<PortRange>> parse_ports(std::string_view text) {
  if (const auto port = whole_number<std::uint16_t>(trim(text)); port && *port > 0) {
    return std::vector<PortRange>{{.protocol = Protocol::tcp, .first = *port, .last = *port},
                                  {.protocol = Protocol::udp, .first = *port, .last = *port}};
  }
  const auto range = PortRange::parse(text);
  if (!range) return std::unexpected{range.error()};
  return std::vector{*range};
}

Result<PortSensor> parse_port_sensor(std::string_view text) {
  static constexpr Word<PortSensor> kWords[] = {{"kernel", PortSensor::kernel}, {"pcap", PortSensor::pcap}};
  return parse_word(text, kWords);
}

Result<NflogSource> parse_nflog_group(std::string_view text) {
  const auto group = whole_number<std::uint16_t>(text);
  if (!group) return failure("\"{}\" is not a number from 0 to 65535", printable(text));
  return NflogSource{.group = *group};
}

Result<PacketRate> parse_packet_rate(std::string_view text) {
  const auto slash = text.find('/');
  const auto packets = whole_number<std::uint32_t>(trim(text.substr(0, slash)));
  if (slash == std::string_view::npos || !packets) {
    return failure("\"{}\" is not a number of packets in a time (try 3/10s)", printable(text));
  }
  if (*packets == 0 || *packets > kMostPackets) {
    return failure("\"{}\": the packets must be from 1 to {}", printable(text), kMostPackets);
  }
  const auto within = parse_duration(trim(text.substr(slash + 1)));
  if (!within) return std::unexpected{within.error()};
  if (*within <= Duration::zero()) return failure("\"{}\": the time must be longer than nothing", printable(text));
  return PacketRate{.packets = *packets, .within = *within};
}

Result<TcpFlags> parse_tcp_flags(std::string_view text) {
  if (trim(text) == "any") return TcpFlags{};
  const auto wrong = [&] {
    return failure(
        "\"{}\" is no list of TCP flags (try syn,!ack; allowed: any, or fin, syn, rst, psh, ack and urg, with ! where "
        "it must be clear)",
        printable(text));
  };
  unsigned set = 0;
  unsigned clear = 0;
  for (std::string_view word : split(text, ',')) {
    const bool negated = word.starts_with('!');
    if (negated) word.remove_prefix(1);
    const auto* const flag = find_named(kFlagNames, word);
    if (flag == kFlagNames.end()) return wrong();
    (negated ? clear : set) |= flag->value;
  }
  if ((set | clear) == 0) return wrong();
  if ((set & clear) != 0) return failure("\"{}\" wants a flag both set and clear", printable(text));
  return TcpFlags{.set = static_cast<std::uint8_t>(set), .clear = static_cast<std::uint8_t>(clear)};
}

Result<std::uint8_t> parse_noise(std::string_view text) {
  const auto* const noise = find_named(kNoiseNames, text);
  if (noise != kNoiseNames.end()) return static_cast<std::uint8_t>(noise->value);
  std::array<std::string_view, kNoiseNames.size()> names;
  std::ranges::transform(kNoiseNames, names.begin(), &Named<Noise>::name);
  return failure("\"{}\" is no kind of noise (allowed: {})", printable(text), join_words(names, "or"));
}

Result<unsigned> parse_weekday(std::string_view text) {
  if (const auto day = day_of(text)) return *day;
  return unknown_word(text, kDays);
}

Result<ScheduleWindow> parse_schedule_window(std::string_view text) {
  const auto wrong = [&] {
    return failure(
        "\"{}\" is not a weekly time (try \"Mon-Fri 18:00-23:00\", \"Sat,Sun 10:00-24:00\" or \"daily 22:00-02:00\")",
        printable(text));
  };
  const std::string_view words = trim(text);
  const auto space = words.find_last_of(' ');
  if (space == std::string_view::npos) return wrong();
  const auto days = days_of(trim(words.substr(0, space)));
  const std::string_view times = words.substr(space + 1);
  const auto dash = times.find('-');
  if (!days || dash == std::string_view::npos) return wrong();
  const auto from = minute_of_day(times.substr(0, dash));
  const auto to = minute_of_day(times.substr(dash + 1));
  if (!from || !to || *from == std::chrono::hours{24}) return wrong();
  if (*from == *to) return failure("\"{}\" begins when it ends (the whole day is 00:00-24:00)", printable(text));
  return ScheduleWindow{.days = *days, .from = *from, .to = *to};
}

}  // namespace tidegate
