// A service as configured: what wakes it, how it is started, watched and stopped. Plain, validated values.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/time.h"
#include "model/address.h"
#include "model/device.h"
#include "model/port.h"
#include "model/sample.h"

namespace tidegate {

// Kinds of traffic that by default neither wake nor renew, because they come without anybody wanting the service.
enum class Noise : std::uint8_t { broadcast = 1, multicast = 2, neighbour = 4, icmp = 8, rst = 16, arp = 32 };

// "N packets in M seconds from one source".
struct PacketRate {
  std::uint32_t packets = 1;
  Duration within{};
  bool operator==(const PacketRate&) const = default;
};

// TCP flags that must be set, and that must be clear, for a TCP packet to count. Other protocols are not asked.
struct TcpFlags {
  std::uint8_t set = 0;
  std::uint8_t clear = 0;
  bool operator==(const TcpFlags&) const = default;
};

// Which samples count: for `wake` those that start the service (and renew), for `keep` those that renew its idle time.
struct SampleRule {
  std::vector<Cidr> from;                              // empty: any source
  std::vector<Cidr> not_from;                          // wins over `from`
  std::vector<PortRange> ports;                        // empty: all of the service's
  std::optional<Direction> direction = Direction::in;  // none: both; a sample of unknown direction always passes
  TcpFlags flags;
  std::uint32_t min_bytes = 0;        // of payload
  bool ack_only = false;              // only TCP packets with ACK set (tuninetd's -a)
  std::uint8_t also = 0;              // Noise kinds that count all the same, or-ed
  std::optional<PacketRate> packets;  // wake only
  bool handshake = false;             // wake only: a TCP connection counts once its client has completed the handshake
  bool operator==(const SampleRule&) const = default;
};

// The rules of a service that says nothing else. With ports a new TCP connection or any UDP datagram towards it wakes
// it, and whatever else comes towards it renews; with sensors of its own alone every packet they see does both.
[[nodiscard]] SampleRule default_wake(bool has_ports);
[[nodiscard]] SampleRule default_keep(bool has_ports);

// Weekly times, local: "Mon-Fri 18:00-23:00". A window may end at 24:00 or pass midnight ("22:00-02:00").
struct ScheduleWindow {
  std::uint8_t days = 0;  // bit 0 is Monday
  std::chrono::minutes from{};
  std::chrono::minutes to{};  // not after `from`: passes midnight
  bool operator==(const ScheduleWindow&) const = default;
};

// Everything the gate's state machine is told about its service.
struct GateSettings {
  Duration idle = std::chrono::minutes{15};
  Duration start_timeout = std::chrono::seconds{60};
  Duration min_up{};
  std::optional<Duration> max_up;
  bool veto = false;                               // ask before stopping
  Duration veto_again = std::chrono::minutes{1};   // after a veto
  std::vector<ScheduleWindow> awake;               // when it is kept awake, traffic or not
  Duration retry_first = std::chrono::seconds{5};  // after a start that failed; doubles
  Duration retry_most = std::chrono::minutes{5};
  enum class Found : std::uint8_t { adopt, stop, ignore } found = Found::adopt;
  bool trust_exit_status = true;  // false (compat): the state changes whatever the commands say
  bool operator==(const GateSettings&) const = default;
};

// A command by `sh -c` or as an argument list.
struct Command {
  std::vector<std::string> argv;  // never empty; a shell line is {"/bin/sh", "-c", LINE}
  bool operator==(const Command&) const = default;
  [[nodiscard]] static Command shell(std::string line) { return {{"/bin/sh", "-c", std::move(line)}}; }
  [[nodiscard]] std::string to_string() const;  // the shell line, or the words with spaces between
};

// How a service starts and stops.
struct CommandAction {
  Command start;
  std::optional<Command> stop;  // none: it stops by itself, and the idle time only re-arms the next start
  bool quiet = false;           // output discarded (compat)
  bool operator==(const CommandAction&) const = default;
};
struct ProcessAction {
  Command run;
  Duration grace = std::chrono::seconds{10};  // between SIGTERM and SIGKILL
  bool may_exit = false;                      // with status 0 it has done its job, and the service runs on (compat)
  std::optional<Command> finish;              // run before SIGTERM (compat)
  bool operator==(const ProcessAction&) const = default;
};
using ActionSettings = std::variant<CommandAction, ProcessAction>;

// When a started service counts as ready.
struct ReadyNow {
  bool operator==(const ReadyNow&) const = default;
};
struct ReadyTcp {
  std::string host;
  std::uint16_t port = 0;
  bool operator==(const ReadyTcp&) const = default;
};
struct ReadyUdp {
  std::string host;
  std::uint16_t port = 0;
  std::string send;
  bool operator==(const ReadyUdp&) const = default;
};
struct ReadyHttp {
  std::string host;
  std::uint16_t port = 80;
  std::string target = "/";
  std::string url;            // as written
  std::optional<int> status;  // none: any below 500
  bool operator==(const ReadyHttp&) const = default;
};
struct ReadyCommand {
  Command command;
  bool operator==(const ReadyCommand&) const = default;
};
struct ReadyDelay {
  Duration delay{};
  bool operator==(const ReadyDelay&) const = default;
};
using Ready = std::variant<ReadyNow, ReadyTcp, ReadyUdp, ReadyHttp, ReadyCommand, ReadyDelay>;

// A sensor of the service's own: every packet it sees is for the service.
struct PcapSource {
  std::string interface = "any";
  std::string filter;  // tcpdump syntax, empty: all
  bool operator==(const PcapSource&) const = default;
};
struct NflogSource {
  std::uint16_t group = 0;  // to which rules of iptables or nftables log
  bool operator==(const NflogSource&) const = default;
};
using SensorSource = std::variant<PcapSource, NflogSource>;

// What watches a service's ports: the kernel's counters where the kernel allows them and the rules can do with them,
// else pcap; or the one that is named.
enum class PortSensor : std::uint8_t { automatic, kernel, pcap };

struct ServiceSettings {
  std::string name;
  std::vector<PortRange> ports;
  std::vector<IpAddress> addresses;  // empty: any of this host's
  std::string interface = "any";     // where `ports` are watched
  PortSensor sensor = PortSensor::automatic;
  std::vector<SensorSource> sensors;
  std::optional<DeviceSettings> device;  // held while it sleeps
  SampleRule wake;
  SampleRule keep;
  GateSettings gate;
  ActionSettings action;
  Ready ready;
  std::optional<Command> veto;
  std::string capture_wakes;  // savefile to which the waking packet is appended; empty: none
  enum class Hold : std::uint8_t { none, queue, forward } hold = Hold::none;  // forward: one must name this service
  enum class OnExit : std::uint8_t { leave, stop } on_exit = OnExit::leave;
  bool operator==(const ServiceSettings&) const = default;
};

// The key for which somebody has to look at each packet, so that the sensor `kernel` will not do: "wake.packets";
// empty: there is none.
[[nodiscard]] std::string_view needs_each_packet(const ServiceSettings& service);

}  // namespace tidegate
