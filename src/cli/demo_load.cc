// tidegate demo load: requests when a profile says, and how they fared.
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include "api/json_text.h"
#include "base/text.h"
#include "base/units.h"
#include "cli/command.h"
#include "cli/demo_progress.h"
#include "cli/flag_table.h"
#include "cli/print.h"
#include "demo/run.h"

namespace tidegate::cli {

namespace json = boost::json;

namespace {

constexpr std::size_t kMostLoadConnections = 10'000;

struct LoadFlags {
  std::string target = "127.0.0.1:5000";
  std::string profile = demo::LoadProfile::standard().to_string();
  std::size_t connections = demo::LoadSettings{}.connections;
  std::string sections = "foo,bar,baz,spiffy,zoom";
  std::string seed = "1";
  std::string timeout = "10s";
  bool quiet = false;
  std::string format = "text";
};

// Sections stand in the path as they are, so they are made of what needs no escape there (RFC 3986 section 3.3).
Result<std::vector<std::string>> parse_sections(std::string_view text) {
  constexpr std::string_view kAllowed =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~!$&'()*+;=:@%";
  std::vector<std::string> sections;
  for (const auto section : split(text, ',')) {
    if (section.empty() || section.find_first_not_of(kAllowed) != std::string_view::npos)
      return failure("\"{}\" is no segment of a path", printable(section));
    sections.emplace_back(section);
  }
  if (sections.empty()) return failure("one section at least");
  return sections;
}

Result<demo::LoadSettings> read(const LoadFlags& flags) {
  demo::LoadSettings settings{.connections = flags.connections};
  auto profile = demo::LoadProfile::parse(flags.profile);
  if (!profile) return failure("--profile: {}", profile.error().what);
  auto sections = parse_sections(flags.sections);
  if (!sections) return failure("--sections: {}", sections.error().what);
  const auto timeout = parse_duration(flags.timeout);
  if (!timeout) return failure("--timeout: {}", timeout.error().what);
  if (*timeout == Duration::zero()) return failure("--timeout: longer than 0");
  const auto seed = parse_number(flags.seed, UINT64_MAX, 0);  // CLI11 would take -1 as the largest
  if (!seed) return failure("--seed: {}", seed.error().what);
  settings.profile = std::move(*profile);
  settings.sections = std::move(*sections);
  settings.timeout = *timeout;
  settings.seed = *seed;
  return settings;
}

double seconds(Duration duration) { return std::chrono::duration<double>(duration).count(); }

// --- the report

constexpr std::array<std::pair<std::string_view, double>, 3> kShares = {{{"p50", 0.5}, {"p95", 0.95}, {"p99", 0.99}}};

// A share of the latencies; never past the longest, which is known exactly.
Duration latency(const demo::LoadReport& report, double share) {
  return std::min(report.latencies.quantile(share).value_or(Duration::zero()), report.longest);
}

json::object as_json(const demo::LoadReport& report) {
  json::object statuses;
  for (const auto& [status, count] : report.statuses) statuses[fmt::format("{}", status)] = count;
  json::object failures;
  for (const auto& [reason, count] : report.failures) failures[reason] = count;
  json::object latencies;
  if (report.answered > 0) {
    for (const auto& [name, share] : kShares) latencies[name] = seconds(latency(report, share));
    latencies["max"] = seconds(report.longest);
  }
  return {{"seconds", seconds(report.took)},
          {"interrupted", report.interrupted},
          {"sent", report.sent},
          {"answered", report.answered},
          {"answered_per_second",
           report.took > Duration::zero() ? static_cast<double>(report.answered) / seconds(report.took) : 0},
          {"failed", report.failed()},
          {"failures", std::move(failures)},
          {"statuses", std::move(statuses)},
          {"bytes", report.bytes},
          {"latency_seconds", std::move(latencies)}};
}

std::string milliseconds(Duration duration) { return fmt::format("{:.3g} ms", seconds(duration) * 1000); }

void print(const demo::LoadReport& report) {
  const auto took = seconds(report.took);
  print_line(fmt::format("sent      {} requests in {}{}", report.sent, format_duration(report.took),
                         report.interrupted ? ", interrupted" : ""));
  std::string statuses;
  for (const auto& [status, count] : report.statuses) statuses += fmt::format(", {} × {}", count, status);
  print_line(fmt::format("answered  {}{} ({:.0f}/s)", report.answered, statuses,
                         took > 0 ? static_cast<double>(report.answered) / took : 0));
  print_line(fmt::format("failed    {}", report.failed()));
  for (const auto& [reason, count] : report.failures) print_line(fmt::format("  {} × {}", count, reason));
  if (report.answered == 0) return;
  std::string shares;
  for (const auto& [name, share] : kShares)
    shares += fmt::format("{} {}, ", name, milliseconds(latency(report, share)));
  print_line(fmt::format("latency   {}max {}", shares, milliseconds(report.longest)));
}

// --- while it runs

constexpr std::size_t kUsualColumns = 80;  // where the terminal does not say how many it has

// Asked each time: the reader may have made the window another size.
std::size_t terminal_columns() {
  winsize now{};
  const bool known = ::ioctl(STDERR_FILENO, TIOCGWINSZ, &now) == 0 && now.ws_col > 0;
  return known ? now.ws_col : kUsualColumns;
}

// One line of a terminal, drawn over itself.
void draw_progress(const demo::LoadProfile& profile, const demo::LoadReport& report, Duration since) {
  const LoadProgress progress{
      .since = since, .length = profile.length(), .answered = report.answered, .failed = report.failed()};
  std::fputs(fmt::format("\r{}\x1b[K", progress_line(progress, terminal_columns())).c_str(), stderr);
}

int load(const LoadFlags& flags) {
  auto settings = read(flags);
  if (!settings) return complain("demo load: " + settings.error().what, kUsage);
  const auto target = Target::parse(flags.target);
  if (!target || target->is_unix() || target->port == 0 || target->each_port)
    return complain(fmt::format("demo load: --target: \"{}\" is not a host and a port (try 127.0.0.1:5000)",
                                printable(flags.target)),
                    kUsage);
  if (const auto aimed = demo::aim(*settings, *target); !aimed)
    return complain("demo load: --target: " + aimed.error().what, kFailed);
  demo::LoadWatchers watchers;
  const bool drawing = !flags.quiet && ::isatty(STDERR_FILENO) != 0;
  if (drawing) {
    watchers.on_tick = [&](const demo::LoadReport& report, Duration since) {
      draw_progress(settings->profile, report, since);
    };
  }
  const auto report = demo::load(*settings, watchers);
  if (drawing) std::fputs("\r\x1b[K", stderr);
  if (!report) return complain("demo load: " + report.error().what, kFailed);
  if (flags.format == "json") {
    print_line(json_text(as_json(*report)));
  } else {
    print(*report);
  }
  return report->answered > 0 ? kDone : kFailed;
}

}  // namespace

void add_demo_load(CLI::App& demo, int& status) {
  auto flags = std::make_shared<LoadFlags>();  // shared with the callback, which outlives this function
  auto* const command = demo.add_subcommand("load", "Requests for a web server, when a profile says");
  command->add_option("--target", flags->target, "the server")->type_name("HOST:PORT");
  command
      ->add_option("--profile", flags->profile,
                   "so many requests a second for so long, one after the other; max: as many as are answered")
      ->type_name("RATE:TIME,…");
  command->add_option("--connections", flags->connections, "at most; each carries one request at a time")
      ->check(CLI::Range(std::size_t{1}, kMostLoadConnections))
      ->type_name("N");
  command->add_option("--sections", flags->sections, "the first segments of the paths, chosen at random")
      ->type_name("NAME,…");
  command->add_option("--seed", flags->seed, "of the random choice: the same seed, the same requests")->type_name("N");
  command->add_option("--timeout", flags->timeout, "for each answer")->type_name("TIME");
  command->add_flag("-q,--quiet", flags->quiet, "no progress bar (there is one on a terminal only)");
  command->add_option("--format", flags->format, "of the report")->check(CLI::IsMember({"text", "json"}));
  command->footer(
      "A request's latency is from when it was due, whether or not a connection was free for it then.\n"
      "Ctrl-C ends early, with the report. Status 1: nothing was answered.\n\nExamples:\n"
      "  tidegate demo load\n"
      "  tidegate demo load --target 127.0.0.1:8080 --profile 1000/s:10s,max:10s --connections 64 --format json");
  command->callback([flags, &status] { status = load(*flags); });
}

}  // namespace tidegate::cli
