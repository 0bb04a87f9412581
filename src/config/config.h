// YAML text → one validated, immutable Config; errors with file, line and column, all of them at once.
#pragma once

#include <cstdint>
#include <expected>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/log.h"
#include "model/service.h"

namespace tidegate {

struct Config {
  std::string control;  // path of the control socket; empty: the default of who runs it
  log::Level log_level = log::Level::info;
  log::Format log_format = log::Format::text;
  std::vector<ServiceSettings> services;
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
// values, names used twice, ports that two services share, actions that are missing or given twice. `file` is only
// named in errors. Filters are compiled by `filter_check`, since that needs libpcap; without one they are not.
[[nodiscard]] std::expected<Config, std::vector<ConfigError>> parse_config(std::string_view text,
                                                                           const std::string& file,
                                                                           const FilterCheck& filter_check = {});

// What does not depend on the text: names, ports shared by services, and so on; also for services made from flags.
// Fills in what follows from the rest: the host of a readiness probe that names none (the service's first address, else
// 127.0.0.1), and whether the gate asks for a veto. `path` of each error is "services[i].key", with no line.
[[nodiscard]] std::vector<ConfigError> validate(Config& config);

// The probe of a service that names none: its first TCP port; without one it is ready at once. Not filled in by
// validate(), which cannot tell a probe left out from one that is `none`.
[[nodiscard]] Ready default_ready(const ServiceSettings& service);

// The values of single keys, also used by the flags of `tidegate wake`.
[[nodiscard]] Result<std::vector<PortRange>> parse_ports(std::string_view text);  // "tcp/80", "udp/9-11"; "80" is both
[[nodiscard]] Result<PacketRate> parse_packet_rate(std::string_view text);        // "3/10s"
[[nodiscard]] Result<TcpFlags> parse_tcp_flags(std::string_view text);            // "syn,!ack", "any"
[[nodiscard]] Result<std::uint8_t> parse_noise(std::string_view text);            // "icmp"

// "Mon-Fri 18:00-23:00", "Sat 10:00-24:00", "daily 22:00-02:00"
[[nodiscard]] Result<ScheduleWindow> parse_schedule_window(std::string_view text);

// "tcp", "8212" or "host:8212"; "udp" likewise; "http", URL; "command", a shell line; "delay", "5s"; "none", "".
[[nodiscard]] Result<Ready> parse_ready(std::string_view kind, std::string_view value);

}  // namespace tidegate
