// YAML text → one validated, immutable Config; errors with file, line and column, all of them at once.
#pragma once

#include <cstdint>
#include <expected>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/log.h"
#include "model/api.h"
#include "model/forward.h"
#include "model/quota.h"
#include "model/service.h"
#include "model/watch.h"

namespace tidegate {

struct Config {
  std::string control;  // path of the control socket; empty: the default of who runs it
  log::Level log_level = log::Level::info;
  log::Format log_format = log::Format::text;
  std::string store;                          // path of the SQLite file; empty: the default of who runs it
  std::string data_file;                      // traffic-monitor's JSON file, imported once; empty: none
  std::optional<std::uint32_t> data_threads;  // none: one a core
  bool manage_sysctl = false;                 // whether settings of the kernel that kernel forwards need may be changed
  ApiSettings api;
  std::vector<ServiceSettings> services;
  std::vector<ForwardSettings> forwards;  // of `forwards` and of `proxies`
  std::vector<QuotaSettings> quotas;      // of groups; each names its own
  std::vector<TallySettings> tallies;
  std::vector<WatchSettings> watches;
  PrivacySettings privacy;
  bool operator==(const Config&) const = default;
};

// One thing that is wrong, where: "tidegate.yaml:14:12: services[0].idle: "15 mins" is not a duration (try 15m, 90s,
// 1h30m)".
struct ConfigError {
  std::string file;
  int line = 0;      // from 1; 0: the file as a whole
  int column = 0;    // from 1
  std::string path;  // "services[0].idle"; empty: the document
  std::string what;
  [[nodiscard]] std::string to_string() const;
};

// Compiles a capture filter; the error is libpcap's.
using FilterCheck = std::function<Result<>(const std::string& filter)>;

// Reads and validates the text as a whole: unknown keys (with the nearest known one), duplicate keys, wrong types and
// values, names used twice, ports that two services or two forwards share, actions that are missing or given twice.
// `file` is only named in errors. Filters are compiled by `filter_check`, since that needs libpcap; without one they
// are not.
[[nodiscard]] std::expected<Config, std::vector<ConfigError>> parse_config(std::string_view text,
                                                                           const std::string& file,
                                                                           const FilterCheck& filter_check = {});

// One forward, as an item of `forwards` is written; JSON is YAML too. Reads it and checks what can be told of it alone;
// whether it goes with the rest, its service and its group included, is for validate() to say. `path` of each error is
// the key's in this text ("targets[0].port"), and `file` is empty.
[[nodiscard]] std::expected<ForwardSettings, std::vector<ConfigError>> parse_forward(std::string_view text);

// What does not depend on the text: names, ports shared by services or by forwards, services and groups that forwards
// name, services and forwards that alerts name, and so on; also for what is made from flags or by the API. Fills in
// what follows from the rest: the host of a readiness probe that names none (the service's first address, else
// 127.0.0.1), whether the gate asks for a veto, and where the API listens. `path` of each error is "services[i].key" or
// "forwards[i].key", with no line.
[[nodiscard]] std::vector<ConfigError> validate(Config& config);

// The probe of a service that names none: its first TCP port; without any port, the first target of the first forward
// that leads TCP to it; without one it is ready at once. Not filled in by validate(), which cannot tell a probe left
// out from one that is `none`.
[[nodiscard]] Ready default_ready(const ServiceSettings& service, std::span<const ForwardSettings> forwards = {});

// The values of single keys, also used by the flags of `tidegate wake`.
[[nodiscard]] Result<std::vector<PortRange>> parse_ports(std::string_view text);  // "tcp/80", "udp/9-11"; "80" is both
[[nodiscard]] Result<NflogSource> parse_nflog_group(std::string_view text);       // "1"
[[nodiscard]] Result<PortSensor> parse_port_sensor(std::string_view text);        // kernel | pcap
[[nodiscard]] Result<PacketRate> parse_packet_rate(std::string_view text);        // "3/10s"
[[nodiscard]] Result<TcpFlags> parse_tcp_flags(std::string_view text);            // "syn,!ack", "any"
[[nodiscard]] Result<std::uint8_t> parse_noise(std::string_view text);            // "icmp"

// "Mon-Fri 18:00-23:00", "Sat 10:00-24:00", "daily 22:00-02:00"
[[nodiscard]] Result<ScheduleWindow> parse_schedule_window(std::string_view text);

// "tcp", "8212" or "host:8212"; "udp" likewise; "http", URL; "command", a shell line; "delay", "5s"; "none", "".
[[nodiscard]] Result<Ready> parse_ready(std::string_view kind, std::string_view value);

// The values of single keys of forwards and quotas, also used by the flags of `tidegate forward`.
[[nodiscard]] Result<ForwardProtocol> parse_forward_protocol(std::string_view text);  // "tcp", "udp", "both"
[[nodiscard]] Result<ForwardEngine> parse_forward_engine(std::string_view text);      // "user", "kernel"
[[nodiscard]] Result<Masquerade> parse_masquerade(std::string_view text);             // "auto", "always", "never"
[[nodiscard]] Result<Balance> parse_balance(std::string_view text);                   // "least_connections"
[[nodiscard]] Result<NewRate> parse_new_rate(std::string_view text);                  // "20/s", "300/m", "5/10s"
[[nodiscard]] Result<HoldAnswer> parse_hold_answer(std::string_view text);            // "close", "reset", "503", "page"
[[nodiscard]] Result<LimitAction> parse_limit_action(std::string_view text);          // "cut", "reject", "throttle"
[[nodiscard]] Result<ProxyHeader> parse_proxy_version(std::string_view text);         // "none", "v1", "v2"
[[nodiscard]] Result<QuotaPeriod> parse_quota_period(std::string_view text);          // "none", "hour", …, "month"
[[nodiscard]] Result<QuotaCount> parse_quota_count(std::string_view text);            // "sum", …, "larger"
[[nodiscard]] Result<unsigned> parse_percent(std::string_view text);                  // "80%" or "80"; 1 to 99
[[nodiscard]] Result<unsigned> parse_weekday(std::string_view text);                  // "Mon" is 0
[[nodiscard]] Result<std::chrono::year_month_day> parse_date(std::string_view text);  // "2026-12-31"

// "requests >= 20/s", "requests >= 2400 in total", "errors >= 5%", "latency p95 >= 300ms"; also with >, < and <=.
[[nodiscard]] Result<AlertLevel> parse_alert_level(std::string_view text);

// Bytes of a limit, where "", "0" and "none" mean that there is none: 0.
[[nodiscard]] Result<std::uint64_t> parse_limit(std::string_view text);

// Bytes per second, where "none" means that there is no limit: 0. A rate of nothing is refused.
[[nodiscard]] Result<std::uint64_t> parse_rate_limit(std::string_view text);

// A host's name or address, as it is.
[[nodiscard]] Result<std::string> parse_host(std::string_view text);

}  // namespace tidegate
