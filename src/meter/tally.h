// TCP connections counted by their source and destination port, in bounded memory whatever strangers send: the biggest
// stay (Space-Saving, meter/top.h), and how wrong a count can be stands beside it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "meter/handshakes.h"
#include "meter/top.h"
#include "model/sample.h"
#include "model/watch.h"

namespace tidegate {

// What became of connections, each of which is counted once: attempted = established + refused + unanswered + those
// still pending.
struct TallyOutcomes {
  std::uint64_t established = 0;    // the initiator went on after its SYN, so it had been answered
  std::uint64_t refused = 0;        // a RST came first, from either side
  std::uint64_t unanswered = 0;     // nothing of the kind for Tally::kPatience after its last SYN, or until the end
  std::uint64_t retransmitted = 0;  // SYNs, not connections
  bool operator==(const TallyOutcomes&) const = default;
};

struct TallyReport {
  struct Port {
    std::uint16_t port = 0;
    std::uint64_t count = 0;  // at the most; at the least count - error
    std::uint64_t error = 0;
    bool operator==(const Port&) const = default;
  };
  struct Source {
    IpAddress address;
    std::uint64_t count = 0;  // at the most; at the least count - error
    std::uint64_t error = 0;
    TallyOutcomes outcomes;  // of connections begun while the source was kept: with an error above zero, fewer than all
    std::vector<Port> ports;  // by descending count, then ascending port
    bool operator==(const Source&) const = default;
  };
  std::vector<Source> sources;      // by descending count, then by address
  std::uint64_t connections = 0;    // of all sources, exact
  TallyOutcomes outcomes;           // likewise
  std::uint64_t pending = 0;        // their handshake is not over
  std::uint64_t given_up = 0;       // counted as unanswered before their time, for want of room; each may have been
                                    // counted again with a SYN that was repeated
  std::uint64_t sources_floor = 0;  // what a source that is not shown can have at the most
  std::uint64_t ports_floor =
      0;  // what a port that is not shown, of a source that is, can have beyond the source's error

  // Keeps the biggest sources, and of each the biggest ports. The floors say what can be said of those that are left
  // out.
  void shorten(std::size_t most_sources, std::size_t most_ports);
};

class Tally {
 public:
  // How long a connection may go without a further SYN before it counts as unanswered: longer than the longest pause
  // between two SYNs of Linux with its usual six repetitions, 64 s. A SYN after that is a new connection.
  static constexpr Duration kPatience = std::chrono::seconds{75};
  static constexpr std::size_t kMostPending = 65'536;
  static constexpr std::size_t kLeastPorts = 65'536;  // pairs of source and port: a scan of all ports fits

  // Takes ports, syn_packets and sources of the settings. `seed`: anything strangers do not know; no count
  // depends on it.
  explicit Tally(const TallySettings& settings, std::uint64_t seed = 0);

  // Looks at a packet; true when it counted as a connection. Time is the packets' and never runs backwards: an earlier
  // one is taken for the latest.
  //
  // A connection is a SYN without ACK that is not known to go out, to one of the ports. With syn_packets each counts,
  // as in pulso. Else a connection counts once: a SYN between the same endpoints before the initiator's first other
  // packet is a retransmission. That packet, or a RST of either side, ends the attempt; refusals can only be seen where
  // both directions are.
  bool add(const Sample& sample);

  // Time passed without packets: what has waited too long is unanswered.
  void advance(Instant now);

  // Nothing comes any more: what is pending is unanswered.
  void finish();

  // All connections counted so far; the others are as in the report.
  [[nodiscard]] std::uint64_t connections() const { return sources_.total(); }
  [[nodiscard]] std::size_t sources() const { return sources_.size(); }
  [[nodiscard]] std::uint64_t sources_floor() const { return sources_.floor(); }
  [[nodiscard]] std::uint64_t ports_floor() const { return pairs_.floor(); }
  [[nodiscard]] std::uint64_t given_up() const { return given_up_; }

  // All of it, as values.
  [[nodiscard]] TallyReport report() const;

 private:
  struct SourcePort {
    IpAddress source;
    std::uint16_t port = 0;
    bool operator==(const SourcePort&) const = default;
  };
  struct SourcePortTraits {
    using View = const SourcePort&;
    static std::uint64_t hash(View key, std::uint64_t seed) { return hash_address(key.source, seed ^ key.port); }
    static bool equal(const SourcePort& kept, View key) { return kept == key; }
    static void assign(SourcePort& kept, View key) { kept = key; }
  };
  // The port that a source came to first since it is kept. Most come to one only, and it stands here; the others are
  // pairs. So a flood of sources that come once touches no pair.
  struct FirstPort {
    std::uint64_t count = 0;
    std::uint16_t port = 0;
  };
  using Outcome = std::uint64_t TallyOutcomes::*;

  [[nodiscard]] bool wants(std::uint16_t port) const;
  Top<IpAddress>::Slot count(const FlowKey& flow, Top<IpAddress>::Hash hash);
  bool add_handshake(const Sample& sample);
  void note(const Handshakes::Origin& origin, Outcome outcome);

  std::vector<PortRange> ports_;
  bool syn_packets_;
  Top<IpAddress> sources_;
  Top<SourcePort, SourcePortTraits> pairs_;
  std::vector<FirstPort> first_ports_;             // by the source's slot
  std::vector<TallyOutcomes> outcomes_by_source_;  // likewise; empty with syn_packets
  std::optional<Handshakes> handshakes_;           // none with syn_packets
  TallyOutcomes outcomes_;
  std::uint64_t given_up_ = 0;
  Instant latest_;
};

}  // namespace tidegate
