// tuninetd: runs `PATH start` when packets come on an interface or to a group of nflog, and `PATH stop` after a time
// without.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <filesystem>
#include <optional>

#include "base/log.h"
#include "compat/compat.h"
#include "compat/front_end.h"
#include "daemon/background.h"
#include "daemon/daemon.h"
#include "observe/clock.h"
#include "packet/describe.h"
#include "sensor/nflog.h"

namespace tidegate::compat {

namespace {

constexpr const char* kTuninetd = "tuninetd";

struct TuninetdFlags {
  std::string interface;
  std::string filter;
  std::optional<std::uint16_t> group;
  std::string path;
  std::string savefile;
  std::uint32_t ttl = 600;
  bool ack_only = false;
  bool background = false;
};

Config translate(const TuninetdFlags& flags) {
  ServiceSettings service = every_packet_service(kTuninetd);
  if (!flags.interface.empty()) {
    service.sensors.emplace_back(PcapSource{.interface = flags.interface, .filter = flags.filter});
  }
  if (flags.group) service.sensors.emplace_back(NflogSource{.group = *flags.group});
  service.keep.ack_only = flags.ack_only;
  service.gate.idle = std::chrono::seconds{flags.ttl};
  service.gate.start_timeout = std::chrono::hours{24};  // the original waits for its command as long as it takes
  service.gate.trust_exit_status = false;
  service.action =
      CommandAction{.start = {{flags.path, "start"}}, .stop = Command{{flags.path, "stop"}}, .quiet = true};
  service.capture_wakes = flags.savefile;
  Config config;
  config.services.push_back(std::move(service));
  return config;
}

// The log lines of the document.
class Report {
 public:
  explicit Report(const TuninetdFlags& flags) : flags_{flags} {}

  void started() const {
    log::info("Success! Tuninetd has been started with PID: {}", ::getpid());
    if (!flags_.interface.empty()) log::info("Binding to interface {}", flags_.interface);
    if (!flags_.group) return;
    log::info("Start listening nflog-group {}", *flags_.group);
    log::info("NFLOG: adjust nfnl_rcvbufsiz to {}", NflogListener::Settings{}.buffer_bytes);
  }

  void woke(const Frame& frame) { packet_ = packet::describe_lines(*frame.headers); }

  void event(const Event& event, const Daemon& daemon) const {
    switch (event.kind) {
      case EventKind::ready:
        log::info("{}: start command done",
                  daemon.services().front()->woken_by_sensor().starts_with("nflog") ? "NFLOG" : "PCAP");
        for (const auto& line : packet_) log::info("{}", line);
        break;
      case EventKind::stopping:
        log::info("CORE: executing STOP command...");
        break;
      case EventKind::start_failed:
        log::warn("CORE: warning! Start command failed: {}", event.text);
        break;
      case EventKind::stop_failed:
        log::warn("CORE: warning! Stop command failed: {}", event.text);
        break;
      default:
        log::debug("CORE: {} {}", to_string(event.kind), event.text);
    }
  }

  // SIGHUP: to "stop" right now.
  void hang_up(Daemon& daemon) const {
    auto& service = *daemon.services().front();
    if (service.gate().state() == GateState::awake || service.gate().state() == GateState::waking) {
      log::info("SIGHUP caught:");
      service.stop_by_hand();
    } else {
      log::warn("SIGHUP caught: warning! Already stopped");
    }
  }

  // SIGUSR1: configuration and state.
  void tell(const Daemon& daemon) const {
    const auto& service = *daemon.services().front();
    log::info("SIGUSR1 caught:");
    if (!flags_.interface.empty()) log::info("- capture engine: pcap, {}", flags_.interface);
    if (!flags_.filter.empty()) log::info("-- pcap filter: \"{}\"", flags_.filter);
    if (flags_.group) log::info("- capture engine: nflog group {}", *flags_.group);
    if (flags_.ack_only) log::info("- using packets with tcp[ack] flag to reset TTL timer");
    if (!flags_.savefile.empty()) log::info("- file to dump start event packets (pcap format): {}", flags_.savefile);
    log::info("- event path: {}", flags_.path);
    log::info("- TTL: {} sec.", flags_.ttl);
    const bool up = service.gate().state() == GateState::awake || service.gate().state() == GateState::waking;
    const auto last = service.last_sample();
    const auto silence =
        last ? fmt::format("{} sec.",
                           std::chrono::duration_cast<std::chrono::seconds>(system_now().instant - *last).count())
             : "none yet";
    log::info("- current status: {}, time since last captured packet: {}", up ? "up (ON)" : "down (OFF)", silence);
  }

 private:
  const TuninetdFlags& flags_;
  std::vector<std::string> packet_;
};

int run_daemon(const TuninetdFlags& flags, std::optional<Background> background) {
  Report report{flags};
  Daemon daemon{translate(flags),
                {.log_events = false,
                 .on_event = [&](const Event& event) { report.event(event, daemon); },
                 .on_woke = [&](const Sample&, const Frame& frame) { report.woke(frame); },
                 .on_hangup = [&](Daemon& d) { report.hang_up(d); },
                 .on_user_signal = [&](Daemon& d) { report.tell(d); }}};
  if (const auto opened = daemon.open(); !opened) return complain(kTuninetd, opened.error().what, kFailed);
  if (background) background->ready();
  report.started();
  daemon.run();
  return kDone;
}

}  // namespace

int tuninetd(int argc, char** argv) {
  TuninetdFlags flags;
  CLI::App app{"Network event emitter: runs PATH start when packets come, and PATH stop after a time without.",
               kTuninetd};
  app.set_help_flag("-h", "print this help");
  app.set_version_flag("-v", "tuninetd (tidegate " TIDEGATE_VERSION ")", "print version");
  app.add_flag("-a", flags.ack_only, "use only tcp[ack] packets to zero TTL timer (see -t)");
  app.add_option("-c", flags.path, "to executable, will be run with 'start' and 'stop' parameter accordingly")
      ->required()
      ->type_name("<path>");
  app.add_flag("-d", flags.background, "daemonize process");
  app.add_option("-f", flags.filter, "apply packet filter, similar to tcpdump")->type_name("<filter>");
  app.add_option("-i", flags.interface, "network interface to use with pcap")->type_name("<ifname>");
  app.add_option("-n", flags.group, "netfilter nflog group ID")
      ->check(CLI::Range(0U, 65'535U))
      ->type_name("<nflog-group>");
  app.add_option("-t", flags.ttl, "seconds of interface idle before 'stop' command will be run. Default 600")
      ->check(CLI::Range(1U, 315'360'000U))
      ->type_name("<ttl>");
  app.add_option("-w", flags.savefile, "dump \"start event\" packets to pcap-savefile as well")->type_name("<path>");
  if (const auto status = parse(app, argc, argv)) return *status;
  if (flags.interface.empty() && !flags.group) {
    return complain(kTuninetd, "-i or -n is required: the network interface or the nflog group to listen on", kUsage);
  }
  if (flags.interface.empty() && !flags.filter.empty()) {
    return complain(kTuninetd, "-f goes with -i: what comes to an nflog group is for its rules to say", kUsage);
  }
  if (::access(flags.path.c_str(), X_OK) != 0)
    return complain(kTuninetd, system_failure("-c " + flags.path).error().what, kUsage);
  std::error_code ignored;  // both paths are used again after the folder was left
  flags.path = std::filesystem::absolute(flags.path, ignored).string();
  if (!flags.savefile.empty()) flags.savefile = std::filesystem::absolute(flags.savefile, ignored).string();
  if (const auto checked = check_filter(flags.filter); !checked) {
    return complain(kTuninetd, "-f: " + checked.error().what, kUsage);
  }

  std::optional<Background> background;
  if (flags.background) {
    auto begun = Background::begin();
    if (!begun) return complain(kTuninetd, begun.error().what, kFailed);
    background = std::move(*begun);
  }
  log::configure({.format = log::Format::syslog,
                  .target = flags.background ? log::Target::syslog : log::Target::standard_error,
                  .ident = kTuninetd});
  return run_daemon(flags, std::move(background));
}

}  // namespace tidegate::compat
