// The passive HTTP reader: captured TCP packets in, requests and responses out. TCP is put in order within bounds
// (reassembly.h), cut into messages (message.h) and paired (conversation.h); what was lost on the way is counted.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/time.h"
#include "http/connections.h"
#include "http/server_filter.h"
#include "http/settings.h"
#include "model/http.h"
#include "packet/decode.h"

namespace tidegate {

// One owner, one thread. All depends on the packets alone, also what is forgotten when and in which order the sink is
// called: the same packets give the same answer every time.
class HttpReader {
 public:
  // `sink` outlives the reader, and does not call it.
  HttpReader(HttpSink& sink, const HttpReaderSettings& settings);
  HttpReader(const HttpReader&) = delete;
  HttpReader& operator=(const HttpReader&) = delete;

  // Takes a packet of any kind that passed at `at`, of which `frame` was captured and `headers` were read. Times may go
  // back a little. Sums of TCP are not checked: on the host itself they are often not yet computed when a packet is
  // captured.
  void add(Now at, const packet::Headers& headers, std::span<const std::uint8_t> frame);

  // No packet comes any more: all connections are over.
  void finish();

  // Packets that the sensor dropped or could not decode are for the caller to add; `undecoded_packets` holds fragments.
  [[nodiscard]] const HttpLosses& losses() const { return losses_; }
  [[nodiscard]] std::size_t connections() const { return table_.size(); }  // with those that were closed lately
  [[nodiscard]] std::size_t held_bytes() const { return held_; }

 private:
  [[nodiscard]] static bool is_another(const Connection& connection, std::size_t side, const packet::Headers& headers);
  Connection* connection_of(const packet::Headers& headers, std::size_t& side);
  Connection& open(const Endpoint& source, const Endpoint& destination, std::uint32_t hash);
  void make_room();
  void touch(Connection& connection);
  void read(Connection& connection, std::size_t side, const TcpSegment& segment);
  void read_held(Connection& connection, std::size_t side);
  void give_up(Connection& connection);
  void settle(Connection& connection);
  void close(Connection& connection);
  void forget(Connection& connection);
  void sweep();

  HttpReaderSettings settings_;
  ServerFilter servers_;
  HttpLosses losses_;
  HttpOutlet outlet_;
  ConnectionTable table_;
  ConnectionQueue<&Connection::by_silence> open_;    // the one silent for longest first, to within kGrain
  ConnectionQueue<&Connection::by_silence> closed_;  // in the order in which they were closed
  ConnectionQueue<&Connection::by_holding> holders_;
  std::size_t held_ = 0;
  Instant latest_ = Instant::min();  // packet time, which does not go back
  Instant sweep_at_ = Instant::min();
};

}  // namespace tidegate
