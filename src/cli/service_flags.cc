#include "cli/service_flags.h"

#include <array>

#include "config/config.h"

namespace tidegate::cli {

namespace {

constexpr std::array kServiceFlags = {
    Flag<ServiceWish>{"-s,--start", "COMMAND", "starts it, by sh -c",
                      [](ServiceWish& w, const std::string& t) -> Result<> {
                        w.actions.emplace_back(CommandAction{.start = Command::shell(t), .stop = {}});
                        return {};
                      }},
    Flag<ServiceWish>{"-S,--stop", "COMMAND", "stops it, by sh -c; default: it stops by itself",
                      [](ServiceWish& w, const std::string& t) -> Result<> {
                        w.stop = Command::shell(t);
                        return {};
                      }},
    Flag<ServiceWish>{"--script", "PATH", "run as PATH start and PATH stop",
                      [](ServiceWish& w, const std::string& t) -> Result<> {
                        w.actions.emplace_back(CommandAction{.start = {{t, "start"}}, .stop = Command{{t, "stop"}}});
                        return {};
                      }},
    Flag<ServiceWish>{"--process", "COMMAND", "a long-running program that tidegate starts, watches and stops",
                      [](ServiceWish& w, const std::string& t) -> Result<> {
                        w.actions.emplace_back(ProcessAction{.run = Command::shell("exec " + t)});
                        return {};
                      }},
    Flag<ServiceWish>{
        "--start-timeout", "TIME", "for its start until it is ready; default 1m",
        [](ServiceWish& w, const std::string& t) { return put_in(parse_duration(t), w.service.gate.start_timeout); }},
    Flag<ServiceWish>{
        "--ready", "PROBE",
        "tcp:PORT, udp:PORT, http:URL, command:COMMAND, delay:TIME or none; default: tcp on its first TCP port",
        [](ServiceWish& w, const std::string& t) {
          const auto colon = t.find(':');
          return put(parse_ready(t.substr(0, colon), colon == std::string::npos ? "" : t.substr(colon + 1)),
                     [&](Ready ready) {
                       w.service.ready = std::move(ready);
                       w.ready = true;
                     });
        }},
    Flag<ServiceWish>{
        "--idle", "TIME", "without a wanted packet, before it is stopped; default 15m",
        [](ServiceWish& w, const std::string& t) { return put_in(parse_duration(t), w.service.gate.idle); }},
    Flag<ServiceWish>{
        "--min-up", "TIME", "that it stays up at the least; default 0",
        [](ServiceWish& w, const std::string& t) { return put_in(parse_duration(t), w.service.gate.min_up); }},
    Flag<ServiceWish>{
        "--max-up", "TIME", "that it stays up at the most; default: no limit",
        [](ServiceWish& w, const std::string& t) { return put_in(parse_duration(t), w.service.gate.max_up); }},
    Flag<ServiceWish>{"--veto", "COMMAND", "must agree (exit 0) before it is stopped",
                      [](ServiceWish& w, const std::string& t) -> Result<> {
                        w.service.veto = Command::shell(t);
                        return {};
                      }},
    Flag<ServiceWish>{"--awake", "WINDOW", "keep it awake then: \"Mon-Fri 18:00-23:00\"; may be repeated",
                      [](ServiceWish& w, const std::string& t) {
                        return put(parse_schedule_window(t),
                                   [&](ScheduleWindow window) { w.service.gate.awake.push_back(window); });
                      },
                      Occurs::repeatedly},
    Flag<ServiceWish>{
        "--retry-first", "TIME", "after a start that failed; doubles; default 5s",
        [](ServiceWish& w, const std::string& t) { return put_in(parse_duration(t), w.service.gate.retry_first); }},
    Flag<ServiceWish>{
        "--retry-most", "TIME", "between two tries; default 5m",
        [](ServiceWish& w, const std::string& t) { return put_in(parse_duration(t), w.service.gate.retry_most); }},
    Flag<ServiceWish>{"--device", "NAME", "a tun or tap device that is held while it sleeps, and let go for it to take",
                      [](ServiceWish& w, const std::string& t) -> Result<> {
                        w.service.device = {.name = t};
                        return check_device_name(t);
                      }},
    Flag<ServiceWish>{"--device-mode", "MODE", "tun or tap; default tun",
                      [](ServiceWish& w, const std::string& t) -> Result<> {
                        if (!w.service.device) return failure("goes with --device only");
                        return put_in(parse_device_mode(t), w.service.device->mode);
                      }},
    Flag<ServiceWish>{"--on-exit", "WHAT", "when tidegate ends: leave it running, or stop it; default leave",
                      [](ServiceWish& w, const std::string& t) -> Result<> {
                        if (t != "leave" && t != "stop")
                          return failure("\"{}\" is not known (allowed: leave or stop)", t);
                        w.service.on_exit =
                            t == "stop" ? ServiceSettings::OnExit::stop : ServiceSettings::OnExit::leave;
                        return {};
                      }},
};

}  // namespace

std::span<const Flag<ServiceWish>> service_flags() { return kServiceFlags; }

Result<> assemble_service(ServiceWish& wish) {
  if (wish.actions.size() != 1)
    return failure("give exactly one of --start, --script and --process ({} are given)", wish.actions.size());
  wish.service.action = std::move(wish.actions.front());
  if (wish.stop) {
    auto* const pair = std::get_if<CommandAction>(&wish.service.action);
    if (pair == nullptr || pair->stop) return failure("--stop goes with --start only");
    pair->stop = std::move(wish.stop);
  }
  return {};
}

}  // namespace tidegate::cli
