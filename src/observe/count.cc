#include "observe/count.h"

#include <fmt/ranges.h>

#include <algorithm>

#include "base/seed.h"
#include "observe/count_run.h"
#include "observe/tally_report.h"

namespace tidegate {
namespace {

// The ports in pcap-filter(7)'s words; empty: any. Replies come from them.
std::string named_ports(const CountSettings& settings) {
  std::vector<std::string> tests;
  tests.reserve(settings.tally.ports.size());
  const std::string_view to = settings.outcomes ? "" : "dst ";
  for (const auto& range : settings.tally.ports)
    tests.push_back(fmt::format("{}portrange {}-{}", to, range.first, range.last));
  return tests.empty() ? "" : fmt::format(" and ({})", fmt::join(tests, " or "));
}

constexpr std::size_t kMostPortsInFilter = 64;  // beyond, the kernel's program grows too long

}  // namespace

std::string count_filter(const CountSettings& settings) {
  const auto ports = settings.tally.ports.size() <= kMostPortsInFilter ? named_ports(settings) : "";
  // pcap-filter(7) knows TCP flags by name in IPv4 only; there it steps over options, and over all but first fragments.
  const auto plain = settings.tally.syn_packets && !settings.outcomes
                         ? fmt::format("((tcp[13] & 0x12 = 2 or (ip6[6] = 6 and ip6[53] & 0x12 = 2)){})", ports)
                         : fmt::format("(tcp{})", ports);
  // A program of the kernel's cannot follow a chain of extension headers, so all of them pass; so does what has a tag
  // that the kernel left in the packet.
  auto filter = fmt::format(
      "({} or ip proto 51 or (ip6 and (ip6[6] = 0 or ip6[6] = 43 or ip6[6] = 44 or ip6[6] = 51 or ip6[6] = 60 or "
      "ip6[6] = 135 or ip6[6] = 139 or ip6[6] = 140)) or ether proto 0x8100 or ether proto 0x88a8)",
      plain);
  if (!settings.filter.empty()) filter += fmt::format(" and ({})", settings.filter);
  return filter;
}

CountRun::CountRun(const CountSettings& settings, const Pseudonyms& names, const CountPrinter& print)
    : settings_{settings}, names_{names}, printing_{print}, tally_{settings.tally, random_seed()} {}

bool CountRun::digest(WallTime at) {
  using tally_report::Outcomes;
  const auto report = tally_.report();
  const auto outcomes = settings_.outcomes ? Outcomes::shown : Outcomes::left_out;
  std::string digest;
  if (printed_ && settings_.format != CountFormat::json) digest += '\n';  // between one and the next
  switch (settings_.format) {
    case CountFormat::text:
      digest += tally_report::text(report, names_, outcomes);
      break;
    case CountFormat::json:
      digest = tally_report::json(report, names_, outcomes, at);
      break;
    case CountFormat::prometheus: {
      MetricsText metrics;
      tally_report::add_metrics(metrics, settings_.tally.name, report, names_, outcomes);
      digest += metrics.text();
      break;
    }
  }
  printed_ = true;
  return printing_.print(digest);
}

Result<> CountRun::last_digest(WallTime at) {
  tally_.finish();
  if (digest(at)) return {};
  return print_failure();
}

void CountRun::remark_losses(const Losses& losses, const CountRemark& remark) const {
  if (losses.kernel + losses.interface > 0) {
    remark(fmt::format("{} packets lost, {} for want of room in the kernel's ring and {} in the interface",
                       losses.kernel + losses.interface, losses.kernel, losses.interface));
  }
  if (losses.rejected > 0) remark(fmt::format("{} packets not understood", losses.rejected));
  if (tally_.sources_floor() > 0) {
    remark(fmt::format("{} sources are shown; one that is not shown has {} connections at the most", tally_.sources(),
                       tally_.sources_floor()));
  }
  if (tally_.ports_floor() > 0)
    remark(fmt::format("a source's port that is not shown has {} connections at the most, beyond the source's error",
                       tally_.ports_floor()));
  if (tally_.given_up() > 0) {
    remark(
        fmt::format("{} connections were forgotten before they were answered because more than {} waited: they count "
                    "as unanswered, and again with each SYN that was repeated later",
                    tally_.given_up(), Tally::kMostPending));
  }
}

bool print_digest(std::string_view digest) { return print_at_once(digest); }

Result<> count(const CountSettings& settings, const Pseudonyms& names, const CountPrinter& print,
               const CountRemark& remark) {
  CountRun run{settings, names, print};
  return settings.savefiles.empty() ? count_live(settings, run, remark) : count_savefiles(settings, run, remark);
}

}  // namespace tidegate
