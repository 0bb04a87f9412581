#include "http/reader.h"

#include <algorithm>

namespace tidegate {
namespace {

// A connection changes its place in the list no more often than this: to touch its neighbours for every packet would
// cost more than all else.
constexpr Duration kGrain = std::chrono::seconds{1};

std::string_view text(std::span<const std::uint8_t> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace

HttpReader::HttpReader(HttpSink& sink, const HttpReaderSettings& settings)
    : settings_{settings},
      servers_{settings.ports, settings.address},
      outlet_{.sink = sink, .losses = losses_, .servers = servers_},
      table_{settings.connections, settings.seed} {}

void HttpReader::add(Now at, const packet::Headers& headers, std::span<const std::uint8_t> frame) {
  if (headers.protocol != Protocol::tcp) return;
  latest_ = std::max(latest_, at.instant);
  if (latest_ >= sweep_at_) sweep();
  if (headers.later_fragment) {
    ++losses_.undecoded_packets;
    return;
  }
  std::size_t side = 0;
  auto* const connection = connection_of(headers, side);
  if (connection == nullptr) return;
  touch(*connection);

  const bool syn = (headers.tcp_flags & tcp_flag::kSyn) != 0;
  const std::uint32_t sequence = headers.tcp_sequence + (syn ? 1 : 0);
  auto& stream = connection->streams[side];
  if (syn && !stream.begun()) {
    stream.begin(sequence);
    const bool accepts = (headers.tcp_flags & tcp_flag::kAck) != 0;
    connection->http.begin(side, accepts ? side ^ 1u : side, connection->ends, servers_);
  }
  if ((headers.tcp_flags & tcp_flag::kAck) != 0) {
    connection->streams[side ^ 1u].acknowledge(headers.tcp_acknowledgement);
    if (connection->streams[side ^ 1u].holds()) read_held(*connection, side ^ 1u);
  }
  const bool fin = (headers.tcp_flags & tcp_flag::kFin) != 0;
  if (headers.payload > 0 || fin) {
    read(*connection, side,
         {.where = {.at = at, .sequence = sequence, .acknowledgement = headers.tcp_acknowledgement},
          .bytes = text(packet::captured_payload(headers, frame)),
          .length = headers.payload,
          .fin = fin});
  }
  const bool reset = (headers.tcp_flags & tcp_flag::kRst) != 0 && stream.may_reset(sequence);
  if (reset || (connection->streams[0].ended() && connection->streams[1].ended())) {
    close(*connection);
  } else {
    settle(*connection);
  }
}

// Whether the same ends have met again: the packet is of a connection after this one. A SYN tells, unless it is this
// one's, sent or captured late; without it, a place far from where this one closed.
bool HttpReader::is_another(const Connection& connection, std::size_t side, const packet::Headers& headers) {
  const auto& stream = connection.streams[side];
  if ((headers.tcp_flags & tcp_flag::kSyn) == 0) {
    return connection.closed && headers.payload > 0 && !stream.near(headers.tcp_sequence);
  }
  if (stream.begun() || connection.closed) return !stream.began_at(headers.tcp_sequence + 1);
  return (headers.tcp_flags & tcp_flag::kAck) == 0 && connection.streams[side ^ 1u].advanced();
}

// The connection that a packet belongs to, also a new one; null: the packet matters to none.
Connection* HttpReader::connection_of(const packet::Headers& headers, std::size_t& side) {
  const bool watched = servers_.matches(headers.destination, headers.destination_port) ||
                       servers_.matches(headers.source, headers.source_port);
  if (!watched) return nullptr;
  const Endpoint source{.address = headers.source, .port = headers.source_port};
  const Endpoint destination{.address = headers.destination, .port = headers.destination_port};
  const auto found = table_.find(source, destination);
  const bool syn = (headers.tcp_flags & tcp_flag::kSyn) != 0;
  if (found.connection != nullptr) {
    if (!is_another(*found.connection, found.side, headers)) {
      side = found.side;
      return found.connection->closed ? nullptr : found.connection;
    }
    forget(*found.connection);
  } else if ((headers.tcp_flags & tcp_flag::kRst) != 0 || (!syn && headers.payload == 0)) {
    return nullptr;  // it carries nothing
  }
  side = 0;
  return &open(source, destination, found.hash);
}

Connection& HttpReader::open(const Endpoint& source, const Endpoint& destination, std::uint32_t hash) {
  if (table_.full()) make_room();
  auto& connection = table_.insert(source, destination, hash, settings_.head_bytes);
  connection.last = connection.listed = latest_;
  open_.push_back(connection);
  return connection;
}

// Forgets a connection: one that was closed, or the one silent for longest.
void HttpReader::make_room() {
  if (auto* const closed = closed_.front()) {
    forget(*closed);
    return;
  }
  auto* oldest = open_.front();
  while (oldest->last > oldest->listed) {  // it was active since
    oldest->listed = oldest->last;
    open_.move_to_back(*oldest);
    oldest = open_.front();
  }
  ++losses_.evicted_streams;
  forget(*oldest);
}

void HttpReader::touch(Connection& connection) {
  connection.last = latest_;
  if (latest_ - connection.listed < kGrain) return;
  connection.listed = latest_;
  open_.move_to_back(connection);
}

void HttpReader::read(Connection& connection, std::size_t side, const TcpSegment& segment) {
  auto& stream = connection.streams[side];
  if (connection.http.deaf()) {
    stream.pass(segment);
    return;
  }
  const auto piece = stream.add(segment);
  connection.http.read(side, piece, connection.ends, outlet_);
  if (stream.holds()) read_held(connection, side);
}

void HttpReader::read_held(Connection& connection, std::size_t side) {
  auto& stream = connection.streams[side];
  while (const auto piece = stream.next(settings_.stream_bytes, latest_)) {
    connection.http.read(side, *piece, connection.ends, outlet_);
  }
}

// Reads all that is held of a connection, over all its gaps.
void HttpReader::give_up(Connection& connection) {
  for (std::size_t side = 0; side < connection.streams.size(); ++side) {
    auto& stream = connection.streams[side];
    while (stream.holds()) {
      stream.give_up();
      read_held(connection, side);
    }
  }
}

// Counts what the connection holds now, and sees to it that all together hold no more than they may.
void HttpReader::settle(Connection& connection) {
  const auto count = [this](Connection& holder) {
    const auto bytes = holder.streams[0].held() + holder.streams[1].held() + holder.http.held();
    if (bytes == holder.charged) return;
    if (holder.charged == 0) {
      holder.holding = latest_;
      holders_.push_back(holder);
    }
    held_ = held_ - holder.charged + bytes;
    holder.charged = bytes;
    if (bytes == 0) holders_.remove(holder);
  };
  count(connection);
  while (held_ > settings_.held_bytes) {
    auto& oldest = *holders_.front();
    give_up(oldest);
    oldest.http.release(oldest.ends, outlet_);
    count(oldest);
  }
}

// All is said. The connection is remembered, so that copies of its last segments are not taken for a new one.
void HttpReader::close(Connection& connection) {
  give_up(connection);
  connection.http.finish(connection.ends, outlet_);
  for (auto& stream : connection.streams) stream.close();
  settle(connection);
  connection.closed = true;
  connection.listed = latest_;
  open_.remove(connection);
  closed_.push_back(connection);
}

void HttpReader::forget(Connection& connection) {
  if (!connection.closed) close(connection);
  closed_.remove(connection);
  table_.erase(connection);
}

// What is due by packet time.
void HttpReader::sweep() {
  sweep_at_ = latest_ + kGrain;
  while (auto* const front = closed_.front()) {
    if (latest_ - front->listed < settings_.linger) break;
    forget(*front);
  }
  while (auto* const front = open_.front()) {
    if (latest_ - front->listed < settings_.idle) break;
    if (latest_ - front->last >= settings_.idle) {
      forget(*front);
    } else {
      front->listed = front->last;
      open_.move_to_back(*front);
    }
  }
  while (auto* const front = holders_.front()) {
    if (latest_ - front->holding <= settings_.gap) break;
    front->holding = latest_;
    holders_.move_to_back(*front);
    for (std::size_t side = 0; side < front->streams.size(); ++side) {
      front->streams[side].give_up(latest_ - settings_.gap);
      if (front->streams[side].holds()) read_held(*front, side);
    }
    settle(*front);
  }
}

void HttpReader::finish() {
  while (auto* const front = open_.front()) forget(*front);
  while (auto* const front = closed_.front()) forget(*front);
}

}  // namespace tidegate
