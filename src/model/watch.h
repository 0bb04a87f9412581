// What to observe: watches of HTTP with their alerts, tallies of connections, and how addresses are shown.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/time.h"
#include "model/address.h"
#include "model/port.h"

namespace tidegate {

// What an alert looks at, over its window.
enum class AlertQuantity : std::uint8_t {
  requests,  // a second (a mean over the window), or their total
  errors,    // responses of 500 and more, as a share of all responses, 0 to 1
  latency,   // time to the first byte, a percentile of the window, in seconds
};

[[nodiscard]] std::string_view to_string(AlertQuantity quantity);  // "requests", …

// One side of an alert: raised while the quantity is at or above the level, cleared while it is below the other.
struct AlertLevel {
  AlertQuantity quantity = AlertQuantity::requests;
  bool total = false;        // requests: their number in the window, not their rate
  double percentile = 0.95;  // latency: which
  bool above = true;         // false: "<"
  bool or_equal = true;      // ">=" or "<="
  double value = 0;          // a second, a share, or seconds

  // As the configuration writes it: "requests >= 20/s", "requests >= 2400 in total", "errors >= 5%", "latency p95 >=
  // 300ms".
  [[nodiscard]] std::string to_string() const;
  bool operator==(const AlertLevel&) const = default;
};

// What an alert does when it is raised (and, for the first two, when it recovers).
struct AlertCommand {
  std::string command;  // by sh -c, with TIDEGATE_ALERT, TIDEGATE_STATE, TIDEGATE_VALUE … in its environment
  bool operator==(const AlertCommand&) const = default;
};
struct AlertWebhook {
  std::string url;      // http or https; POST of a JSON object
  std::string ca_file;  // PEM: who may have signed the target's certificate; empty: whom the system trusts
  auto operator<=>(const AlertWebhook&) const = default;
};
struct AlertStart {
  std::string service;  // is woken
  bool operator==(const AlertStart&) const = default;
};
struct AlertThrottle {
  std::string forward;   // is slowed until the alert recovers
  std::uint64_t to = 0;  // bytes per second
  bool operator==(const AlertThrottle&) const = default;
};
using AlertAction = std::variant<AlertCommand, AlertWebhook, AlertStart, AlertThrottle>;

struct AlertSettings {
  std::string name;
  AlertLevel when;
  Duration over = std::chrono::minutes{2};  // the window
  std::optional<AlertLevel> clear;          // none: as soon as `when` does not hold
  Duration min_raised{0};                   // it stays raised for so long at the least
  Duration min_clear{0};                    // it stays clear for so long at the least
  std::vector<AlertAction> actions;
  bool operator==(const AlertSettings&) const = default;
};

struct WatchSettings {
  std::string name;
  std::string interface = "any";
  std::vector<std::uint16_t> ports;  // of the servers; `port:` is one of them
  std::optional<IpAddress> address;  // of the server; none: any
  std::vector<Duration> windows{std::chrono::seconds{10}, std::chrono::minutes{10}};
  std::vector<AlertSettings> alerts;
  bool operator==(const WatchSettings&) const = default;
};

enum class Privacy : std::uint8_t { none, hash, prefix };

struct PrivacySettings {
  Privacy mode = Privacy::none;
  std::string key_file;
  bool operator==(const PrivacySettings&) const = default;
};

struct TallySettings {
  static constexpr std::uint32_t kMostSources = 1U << 22;

  std::string name;
  std::string interface = "any";
  std::vector<PortRange> ports;    // empty: every TCP port
  std::optional<Privacy> privacy;  // none: that of `privacy:`
  bool syn_packets = false;        // count each SYN, as pulso does, instead of connections
  std::size_t sources = 65'536;    // the most that are kept, 1 to kMostSources; past it the smallest make way
  bool operator==(const TallySettings&) const = default;
};

}  // namespace tidegate
