// tidegate http: an HTTP service watched on the wire, from an interface or from savefiles.
#include "observe/http.h"

#include <algorithm>
#include <array>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <functional>
#include <memory>
#include <optional>

#include "base/text.h"
#include "cli/command.h"
#include "cli/flag_table.h"
#include "cli/privacy_flags.h"
#include "console/locale.h"
#include "daemon/alert_actions.h"
#include "model/http_url.h"
#include "observe/print.h"

namespace tidegate::cli {

namespace {

constexpr Duration kLeastInterval = std::chrono::milliseconds{100};
constexpr std::uint64_t kMostRows = 10'000;

struct HttpWish {
  HttpCommand http;
  std::optional<std::string> interface;
  std::vector<AlertAction> actions;  // of every alert
  PrivacyWish privacy;
};

// "80", "80,8080".
Result<> add_ports(const std::string& text, std::vector<std::uint16_t>& ports) {
  for (const auto word : split(text, ',')) {
    const auto range = PortRange::parse(fmt::format("tcp/{}", word));
    if (!range || range->first != range->last) return failure("\"{}\" is not a port (1 to 65535)", printable(word));
    ports.push_back(range->first);
  }
  return {};
}

Result<> set_windows(const std::string& text, std::vector<Duration>& windows) {
  windows.clear();
  for (const auto word : split(text, ',')) {
    const auto window = parse_duration(word);
    if (!window) return std::unexpected{window.error()};
    if (std::ranges::find(windows, *window) != windows.end())
      return failure("\"{}\" stands there twice", printable(word));
    windows.push_back(*window);
  }
  std::ranges::sort(windows);
  return {};
}

// What stands behind a word of a rule, under the configuration's names.
struct RulePart {
  std::string_view word;
  Result<> (*set)(AlertSettings& alert, const std::string& text);
};

constexpr std::array kRuleParts = {
    RulePart{"", [](AlertSettings& a, const std::string& t) { return put_in(parse_alert_level(t), a.when); }},
    RulePart{"over", [](AlertSettings& a, const std::string& t) { return put_in(parse_duration(t), a.over); }},
    RulePart{"clear", [](AlertSettings& a, const std::string& t) { return put_in(parse_alert_level(t), a.clear); }},
    RulePart{"min_raised",
             [](AlertSettings& a, const std::string& t) { return put_in(parse_duration(t), a.min_raised); }},
    RulePart{"min_clear",
             [](AlertSettings& a, const std::string& t) { return put_in(parse_duration(t), a.min_clear); }},
};

// "requests >= 20/s", "errors >= 5% over 1m clear errors < 1% min_raised 5m".
Result<> add_alert(const std::string& text, std::vector<AlertSettings>& alerts) {
  std::array<std::optional<std::string>, kRuleParts.size()> parts;
  auto* part = &parts.front().emplace();
  for (const auto word : split(text, ' ')) {
    if (word.empty()) continue;
    const auto named = std::ranges::find(kRuleParts, word, &RulePart::word);
    if (named == kRuleParts.end()) {
      *part += fmt::format("{}{}", part->empty() ? "" : " ", word);
      continue;
    }
    auto& place = parts[static_cast<std::size_t>(named - kRuleParts.begin())];
    if (place) return failure("\"{}\": {} is said twice", printable(text), word);
    part = &place.emplace();
  }
  AlertSettings alert{.name = fmt::format("alert-{}", alerts.size() + 1)};
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (!parts[i]) continue;
    if (auto set = kRuleParts[i].set(alert, *parts[i]); !set) return set;
  }
  alerts.push_back(std::move(alert));
  return {};
}

Result<HttpFormat> parse_http_format(std::string_view text) {
  if (text == "text") return HttpFormat::text;
  if (text == "json") return HttpFormat::json;
  if (text == "csv") return HttpFormat::csv;
  return failure("\"{}\" is not known (allowed: text, json or csv)", printable(text));
}

constexpr std::array kHttpFlags = {
    Flag<HttpWish>{"-i,--interface", "NAME", "the interface to listen on; default any",
                   [](HttpWish& w, const std::string& t) -> Result<> {
                     w.interface = t;
                     return {};
                   }},
    Flag<HttpWish>{"-r,--read", "SAVEFILE",
                   "a pcap or pcapng savefile in place of the network, - for standard input; may be repeated",
                   [](HttpWish& w, const std::string& t) -> Result<> {
                     w.http.savefiles.push_back(t);
                     return {};
                   },
                   Occurs::repeatedly},
    Flag<HttpWish>{"-p,--port", "PORTS", "the servers' ports: 80, 80,8080; default: every connection that speaks HTTP",
                   [](HttpWish& w, const std::string& t) { return add_ports(t, w.http.watch.ports); },
                   Occurs::repeatedly},
    Flag<HttpWish>{"-a,--address", "ADDRESS", "only this server's; default: any",
                   [](HttpWish& w, const std::string& t) {
                     return put(IpAddress::parse(t), [&](const IpAddress& a) { w.http.watch.address = a; });
                   }},
    Flag<HttpWish>{"--filter", "FILTER", "of savefiles only packets that pass this, in tcpdump syntax",
                   [](HttpWish& w, const std::string& t) { return put_text(t, w.http.filter); }},
    Flag<HttpWish>{"--window", "TIMES", "what the figures are of, 1s to 1h each; default 10s,10m",
                   [](HttpWish& w, const std::string& t) { return set_windows(t, w.http.watch.windows); }},
    Flag<HttpWish>{"--alert", "RULE",
                   "as `requests >= 20/s over 2m clear requests < 15/s`, `errors >= 5% min_raised 5m min_clear 1m`, "
                   "`latency p95 >= 300ms over 1m` (over 2m where it is left out); may be repeated",
                   [](HttpWish& w, const std::string& t) { return add_alert(t, w.http.watch.alerts); },
                   Occurs::repeatedly},
    Flag<HttpWish>{"--command", "COMMAND",
                   "run by sh -c when an alert is raised and when it recovers, with TIDEGATE_ALERT, TIDEGATE_STATE, "
                   "TIDEGATE_VALUE, TIDEGATE_TEXT … in its environment; may be repeated",
                   [](HttpWish& w, const std::string& t) -> Result<> {
                     w.actions.emplace_back(AlertCommand{t});
                     return {};
                   },
                   Occurs::repeatedly},
    Flag<HttpWish>{
        "--webhook", "URL",
        "posted a JSON object when an alert is raised and when it recovers, and tried again while the target "
        "does not take it; may be repeated",
        [](HttpWish& w, const std::string& t) {
          return put(HttpUrl::parse(t), [&](const HttpUrl&) { w.actions.emplace_back(AlertWebhook{.url = t}); });
        },
        Occurs::repeatedly},
    Flag<HttpWish>{
        "--interval", "TIME",
        "how often it prints, at least 100ms; default: 1s on a screen, 10s in lines, of savefiles at the end",
        [](HttpWish& w, const std::string& t) -> Result<> {
          if (const auto set = put(parse_duration(t), [&](Duration d) { w.http.interval = d; }); !set) return set;
          if (*w.http.interval < kLeastInterval) return failure("must be at least 100ms");
          return {};
        }},
    Flag<HttpWish>{"--top", "N", "rows of a list; default 20",
                   [](HttpWish& w, const std::string& t) {
                     return put(parse_number(t, kMostRows), [&](std::uint64_t n) { w.http.most = n; });
                   }},
    Flag<HttpWish>{"--format", "FORMAT", "text (a screen, where there is a terminal), json or csv; default text",
                   [](HttpWish& w, const std::string& t) { return put_in(parse_http_format(t), w.http.format); }},
};

// The daemon's way of carrying out what alerts are to do.
class HttpAlertHand final : public AlertHand {
 public:
  static Result<std::unique_ptr<AlertHand>> make(const WatchSettings& watch,
                                                 const boost::asio::any_io_executor& executor,
                                                 std::function<void(const std::string&)> say) {
    auto hand = std::unique_ptr<HttpAlertHand>{new HttpAlertHand{executor, std::move(say)}};
    if (auto ready = hand->actions_.apply({watch}); !ready) return std::unexpected{std::move(ready.error())};
    return hand;
  }

  void carry_out(const std::string& watch, const AlertSettings& alert, const AlertChange& change) override {
    actions_.carry_out(watch, alert, change);
  }
  boost::asio::awaitable<void> close() override { return actions_.close(); }

 private:
  HttpAlertHand(const boost::asio::any_io_executor& executor, std::function<void(const std::string&)> say)
      : actions_{executor, false, {.tell = [say = std::move(say)](const Event& event) {
                   if (event.kind == EventKind::trouble) say(event.text);  // the others are shown
                 }}} {}

  AlertActions actions_;
};

struct HttpFlags {
  FlagValues<HttpWish> values{kHttpFlags};
  FlagValues<PrivacyWish> privacy{privacy_flags()};
  bool once = false;
};

Result<HttpWish> read_flags(const HttpFlags& flags) {
  HttpWish wish;
  wish.http.watch.name = "http";
  wish.http.once = flags.once;
  wish.http.charset = console::charset_of_environment();
  if (auto read = flags.values.read(wish); !read) return std::unexpected{std::move(read.error())};
  if (auto read = flags.privacy.read(wish.privacy); !read) return std::unexpected{std::move(read.error())};
  if (wish.interface && !wish.http.savefiles.empty())
    return failure("give either an interface (--interface) or savefiles (--read)");
  if (!wish.http.filter.empty() && wish.http.savefiles.empty()) return failure("--filter is for savefiles (--read)");
  if (wish.interface) wish.http.watch.interface = *wish.interface;
  if (!wish.actions.empty() && wish.http.watch.alerts.empty())
    return failure("--command and --webhook are for alerts (--alert)");
  if (!wish.actions.empty() && !wish.http.savefiles.empty())
    return failure("--command and --webhook are for what happens now, not in savefiles (--read)");
  for (auto& alert : wish.http.watch.alerts) alert.actions = wish.actions;
  Config config;
  config.watches.push_back(wish.http.watch);
  if (wish.http.watch.ports.empty()) config.watches.front().ports = {80};  // of any port, which only flags can ask for
  if (const auto faults = validate(config); !faults.empty()) return failure("{}", faults.front().what);
  return wish;
}

int http_command(const HttpFlags& flags) {
  const auto wish = read_flags(flags);
  if (!wish) return complain("http: " + wish.error().what, kUsage);
  const auto names = pseudonyms(wish->privacy, Privacy::none);
  if (!names) return complain("http: " + names.error().what, kUsage);
  const auto done = watch_http(wish->http, *names, print_at_once, [&wish](const auto& executor, auto say) {
    return HttpAlertHand::make(wish->http.watch, executor, std::move(say));
  });
  return done ? kDone : complain("http: " + done.error().what, kFailed);
}

}  // namespace

void add_http(CLI::App& app, int& status) {
  auto flags = std::make_shared<HttpFlags>();  // shared with the callback, which outlives this function
  auto* command = app.add_subcommand(
      "http", "HTTP watched on the wire: requests, sections, statuses, latencies, alerts; `?` shows the screen's keys");
  flags->values.add_to(*command);
  flags->privacy.add_to(*command);
  command->add_flag("--once", flags->once, "print once, after an interval or at the savefiles' end, and end");
  command->footer(
      "Examples:\n"
      "  tidegate http -i eth0 -p 80 --alert 'requests >= 20/s over 2m'\n"
      "  tidegate http -r traffic.pcap --once --format json");
  command->callback([flags, &status] { status = http_command(*flags); });
}

}  // namespace tidegate::cli
