#include "http/conversation.h"

#include <algorithm>

#include "http/target.h"

namespace tidegate {
namespace {

// How a TLS record begins (RFC 8446, section 5.1): with a type that is no byte of any HTTP start line, and a version.
constexpr std::uint8_t kTlsBytes = 3;
bool is_tls(std::size_t at, char byte) {
  const auto value = static_cast<unsigned char>(byte);
  return at == 0 ? value >= 20 && value <= 23 : at == 1 ? value == 3 : value <= 4;
}

// How far b lies behind a.
std::int32_t distance(std::uint32_t a, std::uint32_t b) { return static_cast<std::int32_t>(b - a); }

struct Framing {
  Body body = Body::none;
  std::uint64_t length = 0;
};

// RFC 9112, section 6.3: a transfer coding overrides a length.
Framing framing_of(const Head& head, Body otherwise) {
  switch (head.coding()) {
    case TransferCoding::chunked:
      return {.body = Body::chunked};
    case TransferCoding::other:
      return {.body = head.response() ? Body::close : Body::unknown};
    case TransferCoding::none:
      break;
  }
  if (head.bad_length()) return {.body = Body::unknown};
  if (head.length()) return {.body = Body::length, .length = *head.length()};
  return {.body = otherwise};
}

}  // namespace

void Conversation::begin(std::size_t side, std::size_t client, const ConnectionEnds& ends,
                         const ServerFilter& servers) {
  from_start_[side] = true;
  if (!servers.matches(ends[client ^ 1u])) state_ = State::deaf;
}

// Where the port of one end tells that it is the server, the other one asks: what looks like a request in a response's
// body, of which the begin was not seen, is none.
void Conversation::expect_sides(const ConnectionEnds& ends, const ServerFilter& servers) {
  if (!servers.by_port() || servers.matches(ends[0]) == servers.matches(ends[1])) return;
  const std::size_t server = servers.matches(ends[0]) ? 0 : 1;
  readers_[server].expect(MessageKind::response);
  readers_[server ^ 1u].expect(MessageKind::request);
}

void Conversation::read(std::size_t side, const StreamPiece& piece, const ConnectionEnds& ends,
                        const HttpOutlet& outlet) {
  if (piece.gap > 0) skip(side, piece.gap, piece.where, ends, outlet);
  auto& reader = readers_[side];
  auto bytes = piece.bytes;
  auto where = piece.where;
  if (!bytes.empty() && state_ == State::undecided) {
    if (!spoke_[side]) expect_sides(ends, outlet.servers);
    if (!spoke_[side] && !from_start_[side]) reader.search();
    if (may_be_tls(side, bytes, outlet)) bytes = {};
  }
  if (!piece.bytes.empty()) {
    spoke_[side] = true;
    read_[side] = where.after(piece.bytes.size()).sequence;
  }
  MessageHead head;
  auto step = bytes.empty() ? MessageReader::Step::more : MessageReader::Step::head;
  while (step != MessageReader::Step::more && state_ != State::deaf) {
    const auto progress = reader.read(bytes, where, head);
    step = progress.step;
    bytes.remove_prefix(progress.used);
    where = where.after(progress.used);
    account(side, progress.body, where.at);
    switch (step) {
      case MessageReader::Step::more:
        break;
      case MessageReader::Step::head:
        if (head.head.response()) {
          on_response(side, head, where.at, ends, outlet);
        } else {
          on_request(side, head, where.at, ends, outlet);
        }
        break;
      case MessageReader::Step::end:
        on_end(side, ends, outlet);
        break;
      case MessageReader::Step::lost:
        on_lost(side, ends, outlet);
        break;
      case MessageReader::Step::preface:
        ++outlet.losses.http2_connections;
        state_ = State::deaf;
        break;
    }
  }
  if (piece.cut > 0) skip(side, piece.cut, where.after(piece.cut), ends, outlet);
  if (piece.end && state_ == State::http && side == server()) {
    const auto progress = reader.end();
    account(side, progress.body, where.at);
    if (answer_) tell(progress.step == MessageReader::Step::end, ends, outlet);
    outlet.losses.unanswered += pending_.clear();
  }
}

// Looks at the first bytes of a side. True: it is TLS, or so far it may be.
bool Conversation::may_be_tls(std::size_t side, std::string_view bytes, const HttpOutlet& outlet) {
  auto& seen = tls_[side];
  if (seen == kTlsBytes) return false;
  for (const char byte : bytes) {
    if (!is_tls(seen, byte)) {
      const bool other = seen > 0 && from_start_[side];  // no start line either
      if (other) {
        ++outlet.losses.other_connections;
        state_ = State::deaf;
      }
      seen = kTlsBytes;
      return other;
    }
    if (++seen == kTlsBytes) {
      ++outlet.losses.tls_connections;
      state_ = State::deaf;
      return true;
    }
  }
  return from_start_[side];  // else what is looked for may begin in the midst of it
}

// Bytes of the stream were never captured; `where` is behind them.
void Conversation::skip(std::size_t side, std::uint64_t bytes, const StreamPosition& where, const ConnectionEnds& ends,
                        const HttpOutlet& outlet) {
  if (state_ == State::deaf) return;
  outlet.losses.gap_bytes += bytes;
  from_start_[side] = false;
  if (tls_[side] > 0) tls_[side] = kTlsBytes;
  auto& reader = readers_[side];
  read_[side] = where.sequence;
  if (state_ == State::http && side == server() && answer_) answer_->complete = false;
  if (side == client_) hand_over_early(early_before(where.sequence), ends, outlet);
  for (;;) {
    const auto progress = reader.skip(bytes);
    bytes -= progress.used;
    account(side, progress.body, where.at);
    if (progress.step == MessageReader::Step::end) on_end(side, ends, outlet);
    if (progress.step == MessageReader::Step::lost) on_lost(side, ends, outlet);
    if (bytes == 0) break;
  }
}

// So many bytes of a body that has begun.
void Conversation::account(std::size_t side, std::uint64_t bytes, const Now& at) {
  if (bytes == 0 || state_ != State::http) return;
  if (side == client_) {
    pending_.add_bytes(request_, bytes, at.instant);
  } else if (answer_) {
    answer_->bytes += bytes;
    answer_->last_byte = at;
  }
}

// The first message tells who asks. False: of a server that nobody watches.
bool Conversation::choose_sides(std::size_t client, const ConnectionEnds& ends, const HttpOutlet& outlet) {
  if (state_ == State::http) return true;
  client_ = static_cast<std::uint8_t>(client);
  if (!outlet.servers.matches(ends[server()])) {
    state_ = State::deaf;
    return false;
  }
  state_ = State::http;
  readers_[client_].expect(MessageKind::request);
  readers_[server()].expect(MessageKind::response);
  return true;
}

void Conversation::on_request(std::size_t side, const MessageHead& message, const Now& at, const ConnectionEnds& ends,
                              const HttpOutlet& outlet) {
  if (!choose_sides(side, ends, outlet)) return;
  const auto& [head, text, begin] = message;
  const auto target = head.target(text);
  const auto method = head.method(text);
  const auto authority = authority_of(target, method == "CONNECT");
  const auto host = host_of(authority.empty() ? head.host(text) : authority).substr(0, kMostText);
  const auto section = section_of(target).substr(0, kMostText);
  hand_over_early(early_before(begin.sequence), ends, outlet);
  outlet.sink.on_request({.at = begin.at,
                          .client = ends[client_],
                          .server = ends[server()],
                          .method = method,
                          .target = target,
                          .host = host,
                          .section = section});
  request_ = pending_.push({.begin = begin, .last_byte = at.instant, .bytes = text.size()}, method, host, section);
  const auto framing = framing_of(head, Body::none);
  readers_[side].body(framing.body, framing.length);
  if (!early_.empty()) {
    early_.front().answers = true;
    hand_over_early(1, ends, outlet);
  } else if (answer_ && answer_->early && distance(begin.sequence, answer_->acknowledgement) > 0) {
    answer_->answers = true;
    answer_->early = false;
  }
}

void Conversation::on_response(std::size_t side, const MessageHead& message, const Now& at, const ConnectionEnds& ends,
                               const HttpOutlet& outlet) {
  if (!choose_sides(side ^ 1u, ends, outlet)) return;
  const auto& [head, text, begin] = message;
  const auto status = head.status();
  if (status < 200 && status != 101) {
    interim_bytes_ += text.size();
    readers_[side].body(Body::none);
    return;
  }
  if (responses_lost_) drop_lost_responses(begin.sequence, outlet);
  const bool answers = answers_first(begin);
  const bool known = answers && pending_.at(0) != nullptr;
  const auto method = known ? pending_.method() : std::string_view{};
  const bool tunnel = method == "CONNECT" && status < 300;
  answer_ = {.first_byte = begin.at.instant,
             .last_byte = at,
             .acknowledgement = begin.acknowledgement,
             .bytes = interim_bytes_ + text.size(),
             .status = status,
             .answers = answers,
             .early = is_early(begin),
             .last = tunnel || status == 101};
  interim_bytes_ = 0;
  if (status == 101 && head.upgrades_to_http2()) ++outlet.losses.http2_connections;
  if (answer_->last || status == 204 || status == 304 || method == "HEAD") {
    readers_[side].body(Body::none);
  } else {
    const auto framing = framing_of(head, Body::close);
    readers_[side].body(framing.body, framing.length, !known);
  }
}

// Some responses are missing before this one. A client that had bytes of a response when it asked again had been
// answered: its earlier requests are those whose responses were lost.
void Conversation::drop_lost_responses(std::uint32_t sequence, const HttpOutlet& outlet) {
  responses_lost_ = false;
  while (pending_.size() > 0) {
    const auto [count, had, had_next] = pending_.front();
    if (!had_next || distance(had, *had_next) <= 0 || distance(*had_next, sequence) < 0) return;
    outlet.losses.unanswered += count;
    for (std::size_t i = 0; i < count; ++i) pending_.pop();
  }
}

// Whether the response is that of the first request that waits. Not so if it was sent before a byte of that one had
// come: then it is of a request that the capture missed, or of none.
bool Conversation::answers_first(const StreamPosition& response) const {
  if (pending_.size() == 0) return false;
  const auto* const first = pending_.at(0);
  return first == nullptr || distance(first->begin.sequence, response.acknowledgement) > 0;
}

// Whether it answers something that comes later in the capture than it does, as where two directions are merged.
bool Conversation::is_early(const StreamPosition& response) const {
  if (pending_.size() > 0) return false;
  return spoke_[client_] ? distance(read_[client_], response.acknowledgement) > 0 : from_start_[client_];
}

void Conversation::on_end(std::size_t side, const ConnectionEnds& ends, const HttpOutlet& outlet) {
  if (state_ == State::http && side == server() && answer_) tell(true, ends, outlet);
}

void Conversation::on_lost(std::size_t side, const ConnectionEnds& ends, const HttpOutlet& outlet) {
  if (state_ == State::undecided && from_start_[side]) {
    ++outlet.losses.other_connections;
    state_ = State::deaf;
    return;
  }
  ++outlet.losses.resynchronisations;
  if (state_ != State::http || side != server()) return;
  responses_lost_ = true;
  if (answer_) tell(false, ends, outlet);
}

// The response that was being read is over.
void Conversation::tell(bool complete, const ConnectionEnds& ends, const HttpOutlet& outlet) {
  Answer answer = *answer_;
  answer_.reset();
  answer.complete = answer.complete && complete;
  if (!answer.early || answer.last) {
    hand_over(answer, ends, outlet);
    return;
  }
  if (early_.size() == kMostEarly) hand_over_early(1, ends, outlet);
  early_.push_back(answer);
}

// How many of the early ones answer requests that stood before that place of the stream: if they were not captured by
// now, they are missing.
std::size_t Conversation::early_before(std::uint32_t sequence) const {
  const auto later = std::ranges::find_if(
      early_, [sequence](const Answer& answer) { return distance(sequence, answer.acknowledgement) > 0; });
  return static_cast<std::size_t>(later - early_.begin());
}

void Conversation::hand_over_early(std::size_t count, const ConnectionEnds& ends, const HttpOutlet& outlet) {
  if (count == 0) return;
  const auto end = early_.begin() + static_cast<std::ptrdiff_t>(count);
  for (auto answer = early_.begin(); answer != end; ++answer) hand_over(*answer, ends, outlet);
  early_.erase(early_.begin(), end);
  if (early_.empty()) early_.shrink_to_fit();
}

// Hands over a response with the request that it answers.
void Conversation::hand_over(const Answer& answer, const ConnectionEnds& ends, const HttpOutlet& outlet) {
  HttpExchange exchange{.at = answer.last_byte,
                        .client = ends[client_],
                        .server = ends[server()],
                        .status = answer.status,
                        .response_bytes = answer.bytes,
                        .complete = answer.complete};
  if (const auto* const request = answer.answers ? pending_.at(0) : nullptr) {
    exchange.method = pending_.method();
    exchange.host = pending_.host();
    exchange.section = pending_.section();
    exchange.request_bytes = request->bytes;
    exchange.first_byte = std::max(answer.first_byte - request->last_byte, Duration{0});
  }
  outlet.sink.on_exchange(exchange);
  if (answer.answers) pending_.pop();
  if (answer.last) state_ = State::deaf;
}

void Conversation::finish(const ConnectionEnds& ends, const HttpOutlet& outlet) {
  if (state_ == State::http && answer_) tell(false, ends, outlet);
  hand_over_early(early_.size(), ends, outlet);
  outlet.losses.unanswered += pending_.clear();
  const bool in_head = readers_[0].in_head() || readers_[1].in_head();
  if (state_ == State::undecided && (spoke_[0] || spoke_[1]) && !in_head) ++outlet.losses.other_connections;
  for (auto& reader : readers_) reader.abandon();
  state_ = State::deaf;
}

void Conversation::release(const ConnectionEnds& ends, const HttpOutlet& outlet) {
  hand_over_early(early_.size(), ends, outlet);
  for (auto& reader : readers_) {
    if (reader.abandon()) ++outlet.losses.resynchronisations;
  }
  outlet.losses.unanswered += pending_.clear();
  if (answer_) answer_->answers = false;
}

}  // namespace tidegate
