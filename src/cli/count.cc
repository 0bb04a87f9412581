// tidegate count: TCP connections by source and port, from an interface or from savefiles.
#include "observe/count.h"

#include <algorithm>
#include <array>

#include "base/text.h"
#include "cli/command.h"
#include "cli/flag_table.h"
#include "cli/privacy_flags.h"

namespace tidegate::cli {

namespace {

constexpr Duration kLeastInterval = std::chrono::milliseconds{100};

struct CountWish {
  CountSettings count;
  std::optional<std::string> interface;
  PrivacyWish privacy;
};

Result<Duration> parse_positive(const std::string& text) {
  auto duration = parse_duration(text);
  if (duration && *duration == Duration::zero()) return failure("must be above zero");
  return duration;
}

// "22", "1000-2000", "tcp/22", several with commas in between.
Result<> add_ports(const std::string& text, std::vector<PortRange>& ports) {
  const auto words = split(text, ',');
  if (words.empty() || std::ranges::find(words, "") != words.end()) {
    return failure("\"{}\" lacks a port", printable(text));
  }
  for (const auto word : words) {
    const auto range =
        PortRange::parse(word.find('/') == std::string_view::npos ? fmt::format("tcp/{}", word) : std::string{word});
    if (!range) return std::unexpected{range.error()};
    if (range->protocol != Protocol::tcp) return failure("\"{}\" is not of TCP, and connections are", printable(word));
    ports.push_back(*range);
  }
  return {};
}

Result<CountFormat> parse_count_format(std::string_view text) {
  if (text == "text") return CountFormat::text;
  if (text == "json") return CountFormat::json;
  if (text == "prometheus") return CountFormat::prometheus;
  return failure("\"{}\" is not known (allowed: text, json or prometheus)", printable(text));
}

constexpr std::array kCountFlags = {
    Flag<CountWish>{"-d,--device,-i,--interface", "NAME",
                    "the interface to listen on, or any; connections that come in count",
                    [](CountWish& w, const std::string& t) -> Result<> {
                      w.interface = t;
                      return {};
                    }},
    Flag<CountWish>{"-r,--read", "SAVEFILE",
                    "a pcap or pcapng savefile in place of the network, - for standard input; may be repeated",
                    [](CountWish& w, const std::string& t) -> Result<> {
                      w.count.savefiles.push_back(t);
                      return {};
                    },
                    Occurs::repeatedly},
    Flag<CountWish>{"-c,--connection-limit", "N", "end after N connections; default: none",
                    [](CountWish& w, const std::string& t) {
                      return put_in(parse_number(t, UINT64_MAX), w.count.most_connections);
                    }},
    Flag<CountWish>{"-t,--time-limit", "TIME",
                    "end after so long (60, 90s, 15m), of a savefile's own time; default: none",
                    [](CountWish& w, const std::string& t) { return put_in(parse_positive(t), w.count.most_time); }},
    Flag<CountWish>{"--interval", "TIME", "a digest of all so far every so often, too; at least 100ms; default: none",
                    [](CountWish& w, const std::string& t) -> Result<> {
                      if (const auto set = put_in(parse_duration(t), w.count.interval); !set) return set;
                      if (w.count.interval < kLeastInterval) return failure("must be at least 100ms");
                      return {};
                    }},
    Flag<CountWish>{"--ports", "PORTS", "only connections to these: 22, 8000-8999, 22,80,443; may be repeated",
                    [](CountWish& w, const std::string& t) { return add_ports(t, w.count.tally.ports); },
                    Occurs::repeatedly},
    Flag<CountWish>{"--filter", "FILTER", "only packets that pass this, in tcpdump syntax",
                    [](CountWish& w, const std::string& t) { return put_text(t, w.count.filter); }},
    Flag<CountWish>{"--sources", "N", "keep at most so many sources, the biggest; default 65536",
                    [](CountWish& w, const std::string& t) {
                      return put(parse_number(t, TallySettings::kMostSources),
                                 [&](std::uint64_t n) { w.count.tally.sources = n; });
                    }},
    Flag<CountWish>{"--format", "FORMAT", "text, json (an object a line and source) or prometheus; default text",
                    [](CountWish& w, const std::string& t) { return put_in(parse_count_format(t), w.count.format); }},
};

struct CountFlags {
  FlagValues<CountWish> values{kCountFlags};
  FlagValues<PrivacyWish> privacy{privacy_flags()};
  bool outcomes = false;
  bool syn_packets = false;
  bool no_privacy = false;
};

Result<CountWish> read_flags(const CountFlags& flags) {
  CountWish wish;
  wish.count.tally.name = "count";
  wish.count.outcomes = flags.outcomes;
  wish.count.tally.syn_packets = flags.syn_packets;
  if (auto read = flags.values.read(wish); !read) return std::unexpected{std::move(read.error())};
  if (auto read = flags.privacy.read(wish.privacy); !read) return std::unexpected{std::move(read.error())};
  if (flags.outcomes && flags.syn_packets)
    return failure("--outcomes are those of connections: not with --syn-packets");
  if (wish.interface.has_value() == !wish.count.savefiles.empty())
    return failure("give either an interface (--device) or savefiles (--read)");
  if (wish.interface) wish.count.tally.interface = *wish.interface;
  if (flags.no_privacy) {
    if (wish.privacy.privacy.value_or(Privacy::none) != Privacy::none)
      return failure("--no-privacy: --privacy says otherwise");
    wish.privacy.privacy = Privacy::none;
  }
  return wish;
}

int count_command(const CountFlags& flags) {
  const auto wish = read_flags(flags);
  if (!wish) return complain("count: " + wish.error().what, kUsage);
  const auto names = pseudonyms(wish->privacy, Privacy::hash);
  if (!names) return complain("count: " + names.error().what, kUsage);
  const auto done = count(wish->count, *names, print_digest,
                          [](std::string_view remark) { complain(fmt::format("count: {}", remark), kDone); });
  return done ? kDone : complain("count: " + done.error().what, kFailed);
}

}  // namespace

void add_count(CLI::App& app, int& status) {
  auto flags = std::make_shared<CountFlags>();  // shared with the callback, which outlives this function
  auto* command = app.add_subcommand("count", "TCP connections by source and port: a digest of who came, how often");
  flags->values.add_to(*command);
  flags->privacy.add_to(*command);
  command->add_flag("--outcomes", flags->outcomes,
                    "say what became of them: attempted, established, refused, unanswered, retransmitted");
  command->add_flag("--syn-packets", flags->syn_packets, "count each SYN, as pulso does, and not each connection once");
  command->add_flag("--no-privacy", flags->no_privacy, "addresses as they are, as --privacy none");
  command->footer(
      "Addresses are shown by their keyed hash unless --privacy says otherwise; the key is in the environment,\n"
      "PULSO_SECRET, or in --key-file. On SIGUSR1 it prints a digest and goes on; on SIGINT and SIGTERM it prints the "
      "last one and ends. Loopback shows each packet once, as coming in.\n"
      "Examples:\n"
      "  tidegate count -d eth0 -t 60 --key-file /etc/tidegate/privacy.key\n"
      "  tidegate count -r traffic.pcap --no-privacy --outcomes --format json");
  command->callback([flags, &status] { status = count_command(*flags); });
}

}  // namespace tidegate::cli
