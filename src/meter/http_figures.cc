#include "meter/http_figures.h"

#include <algorithm>
#include <utility>

#include "base/ascii.h"
#include "base/check.h"

namespace tidegate {

namespace {

// In the running second more are counted than are kept of it, for a small error in those that are.
constexpr std::size_t kSectionsRunning = 8;  // times `kept`
constexpr std::size_t kHostsRunning = 8;
constexpr std::size_t kClientsKept = 4;
constexpr std::size_t kClientsRunning = 64;
constexpr std::size_t kMostKept = 65'536;
constexpr std::size_t kMethods = 32;
constexpr std::size_t kStatuses = 1000;  // 0 to 999: all there are, so that they are exact
constexpr std::size_t kRecent = 60;
constexpr std::uint16_t kLeastError = 500;  // a status; those of no class, from 600 on, are errors too

std::size_t longest_of(const std::vector<Duration>& windows) {
  TIDEGATE_CHECK(!windows.empty());
  return window_seconds(std::ranges::max(windows));
}

SlidingTopSettings sliding(const HttpFiguresSettings& settings, std::size_t running, std::size_t kept) {
  TIDEGATE_CHECK(settings.kept >= 1 && settings.kept <= kMostKept);
  return {.running = running, .kept = kept, .seconds = longest_of(settings.windows), .seed = settings.seed};
}

HttpTimes times_of(const DurationHistogram& times) {
  return {
      .known = times.total(), .p50 = times.quantile(0.50), .p95 = times.quantile(0.95), .p99 = times.quantile(0.99)};
}

template <typename Key, typename Traits>
std::vector<Ranked<Key>> heaviest(const SlidingTop<Key, Traits>& top, std::size_t seconds, std::size_t most) {
  auto found = top.heaviest(seconds, most);
  std::vector<Ranked<Key>> ranked;
  ranked.reserve(found.size());
  for (auto& each : found) ranked.push_back(std::move(each.ranked));
  return ranked;
}

}  // namespace

HttpFigures::HttpFigures(const HttpFiguresSettings& settings)
    : longest_{longest_of(settings.windows)},
      counts_{kMostWindowSeconds},
      times_{kMostWindowSeconds},
      sections_{sliding(settings, settings.kept * kSectionsRunning, settings.kept)},
      details_{settings.kept * kSectionsRunning, longest_},
      hosts_{sliding(settings, settings.kept * kHostsRunning, settings.kept)},
      clients_{sliding(settings, settings.kept * kClientsRunning, settings.kept * kClientsKept)},
      methods_{sliding(settings, kMethods, kMethods)},
      statuses_{sliding(settings, kStatuses, kStatuses)} {}

void HttpFigures::on_request(const HttpRequest& request) {
  pass(request.at.instant);
  ++total_.requests;
  ++counts_.running().requests;
  if (const auto section = sections_.add(request.section); section.fresh) details_.take(section.slot);
  hosts_.add(lower_case(request.host));
  clients_.add(request.client.address);
  methods_.add(request.method);
}

void HttpFigures::on_exchange(const HttpExchange& exchange) {
  pass(exchange.at.instant);
  const HttpCounts counts{.responses = 1,
                          .errors = exchange.status >= kLeastError ? 1U : 0U,
                          .incomplete = exchange.complete ? 0U : 1U,
                          .request_bytes = exchange.request_bytes,
                          .response_bytes = exchange.response_bytes};
  total_ += counts;
  const std::size_t digit = exchange.status / 100U;
  ++classes_[digit < classes_.size() ? digit : 0];
  counts_.running() += counts;
  statuses_.add(exchange.status < kStatuses ? exchange.status : std::uint16_t{0});
  if (exchange.first_byte) times_.add(*exchange.first_byte);
  if (exchange.section.empty()) return;
  // The request may have come in a second before this one, and nothing of its section in this one yet.
  const auto section = sections_.place(exchange.section);
  if (!section) return;
  if (section->fresh) details_.take(section->slot);
  details_.add(section->slot, exchange);
}

std::string_view HttpFigures::lower_case(std::string_view host) {
  bool mixed = false;
  for (const char c : host) mixed |= c != tidegate::lower_case(c);
  if (!mixed) [[likely]]
    return host;
  host_.assign(host);
  for (char& c : host_) c = tidegate::lower_case(c);
  return host_;
}

void HttpFigures::advance(Now now) { pass(now.instant); }

void HttpFigures::close(std::uint64_t seconds) {
  // After so many all are empty, however long the silence was.
  for (auto left = std::min<std::uint64_t>(seconds, kMostWindowSeconds + 1); left > 0; --left) {
    counts_.close();
    times_.close();
    details_.close(sections_.close());
    hosts_.close();
    clients_.close();
    methods_.close();
    statuses_.close();
  }
}

AlertReading HttpFigures::reading(Duration window, std::optional<double> percentile) const {
  const auto seconds = window_seconds(window);
  const auto counts = counts_.sum(seconds);
  AlertReading reading{.requests = counts.requests, .responses = counts.responses, .errors = counts.errors};
  if (percentile) reading.latency = times_.sum(seconds).quantile(*percentile);
  return reading;
}

HttpReport HttpFigures::report(Now now, Duration window, std::size_t most) {
  pass(now.instant);
  const auto asked = std::min(window_seconds(window), longest_);
  const auto seconds = clock_.ended_within(asked);

  HttpReport report{.at = now.wall,
                    .window = std::chrono::seconds{static_cast<std::int64_t>(asked)},
                    .covered = clock_.covered(seconds),
                    .total = total_,
                    .classes = classes_,
                    .in_window = counts_.sum(seconds),
                    .rate = rate(seconds),
                    .hosts = heaviest(hosts_, seconds, most),
                    .clients = heaviest(clients_, seconds, most),
                    .statuses = heaviest(statuses_, seconds, most),
                    .methods = heaviest(methods_, seconds, most),
                    .time_error = DurationHistogram::kRelativeError};
  report.in_window += counts_.running();
  auto times = times_.sum(seconds);
  times.add(times_.running());
  report.times = times_of(times);
  std::uint64_t attributed = 0;
  report.sections = sections(seconds, most, attributed);
  report.unattributed = report.in_window.responses - attributed;
  return report;
}

HttpRate HttpFigures::rate(std::size_t seconds) const {
  const auto& past = counts_.past();
  HttpRate rate;
  if (past.held() > 0) rate.now = past.ago(1).requests;
  rate.recent.reserve(kRecent);
  for (auto i = std::min(kRecent, past.held()); i > 0; --i) rate.recent.push_back(past.ago(i).requests);

  const auto whole = static_cast<std::size_t>(std::min<std::uint64_t>(seconds, clock_.ended_whole()));
  if (whole == 0) return rate;
  std::uint64_t sum = 0;
  std::uint64_t least = ~std::uint64_t{0};
  std::uint64_t most = 0;
  for (std::size_t i = 1; i <= whole; ++i) {
    const auto requests = past.ago(i).requests;
    sum += requests;
    least = std::min(least, requests);
    most = std::max(most, requests);
  }
  rate.least = least;
  rate.mean = static_cast<double>(sum) / static_cast<double>(whole);
  rate.most = most;
  return rate;
}

std::vector<HttpSection> HttpFigures::sections(std::size_t seconds, std::size_t most, std::uint64_t& attributed) const {
  auto found = sections_.heaviest(seconds, most);
  const auto sums = details_.sum(seconds, sections_.running().size(), found);
  attributed = sums.responses;
  std::vector<HttpSection> sections;
  sections.reserve(found.size());
  for (std::size_t i = 0; i < found.size(); ++i) {
    const auto& [counts, times] = sums.sections[i];
    sections.push_back({.hits = std::move(found[i].ranked),
                        .responses = counts.responses(),
                        .classes = counts.classes,
                        .request_bytes = counts.request_bytes,
                        .response_bytes = counts.response_bytes,
                        .times = times_of(times)});
  }
  return sections;
}

}  // namespace tidegate
