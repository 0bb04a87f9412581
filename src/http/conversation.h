// What is said on one connection: which side asks, which requests and responses there are, and which belong together
// (RFC 9112, section 9). Connections that do not speak HTTP/1 are recognised, counted once and then left alone.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "http/message.h"
#include "http/pending.h"
#include "http/reassembly.h"
#include "http/server_filter.h"
#include "model/http.h"

namespace tidegate {

using ConnectionEnds = std::array<Endpoint, 2>;

// Where messages and losses go: the reader's, the same for all its connections.
struct HttpOutlet {
  HttpSink& sink;
  HttpLosses& losses;
  const ServerFilter& servers;
};

class Conversation {
 public:
  static constexpr std::size_t kMostText = 255;  // bytes of a host or a section; the rest is cut off
  static constexpr std::size_t kMostEarly = PendingRequests::kMost;  // responses that wait for their requests

  explicit Conversation(std::size_t most_head) : readers_{MessageReader{most_head}, MessageReader{most_head}} {}

  // The stream of that side begins with its next piece; otherwise it may begin anywhere in a message. `client`: the
  // side that opened the connection. One to a server that nobody watches is left alone.
  void begin(std::size_t side, std::size_t client, const ConnectionEnds& ends, const ServerFilter& servers);

  // Takes the next piece of one side's stream, and tells what it completes.
  void read(std::size_t side, const StreamPiece& piece, const ConnectionEnds& ends, const HttpOutlet& outlet);

  // The connection is over, or forgotten.
  void finish(const ConnectionEnds& ends, const HttpOutlet& outlet);

  // Gives up what it keeps of unfinished heads and waiting requests, for want of memory.
  void release(const ConnectionEnds& ends, const HttpOutlet& outlet);

  // It is not HTTP/1, or not any more: its pieces are not needed.
  [[nodiscard]] bool deaf() const { return state_ == State::deaf; }

  // Memory beyond what every connection has.
  [[nodiscard]] std::size_t held() const {
    return readers_[0].held() + readers_[1].held() + pending_.held() + early_.capacity() * sizeof(Answer);
  }

 private:
  enum class State : std::uint8_t { undecided, http, deaf };

  // The response that is being read.
  struct Answer {
    Instant first_byte;
    Now last_byte;
    std::uint32_t acknowledgement = 0;  // what had come of the requests when it began
    std::uint64_t bytes = 0;
    std::uint16_t status = 0;
    bool answers = false;  // the first of the pending requests
    bool early = false;    // a request that had come, but has not been captured yet
    bool complete = true;
    bool last = false;  // behind it no HTTP comes: a tunnel, or another protocol
  };

  void skip(std::size_t side, std::uint64_t bytes, const StreamPosition& where, const ConnectionEnds& ends,
            const HttpOutlet& outlet);
  [[nodiscard]] bool may_be_tls(std::size_t side, std::string_view bytes, const HttpOutlet& outlet);
  void account(std::size_t side, std::uint64_t bytes, const Now& at);
  void on_request(std::size_t side, const MessageHead& message, const Now& at, const ConnectionEnds& ends,
                  const HttpOutlet& outlet);
  void on_response(std::size_t side, const MessageHead& message, const Now& at, const ConnectionEnds& ends,
                   const HttpOutlet& outlet);
  void on_lost(std::size_t side, const ConnectionEnds& ends, const HttpOutlet& outlet);
  void on_end(std::size_t side, const ConnectionEnds& ends, const HttpOutlet& outlet);
  [[nodiscard]] bool choose_sides(std::size_t client, const ConnectionEnds& ends, const HttpOutlet& outlet);
  void drop_lost_responses(std::uint32_t sequence, const HttpOutlet& outlet);
  [[nodiscard]] bool answers_first(const StreamPosition& response) const;
  [[nodiscard]] bool is_early(const StreamPosition& response) const;
  void expect_sides(const ConnectionEnds& ends, const ServerFilter& servers);
  void tell(bool complete, const ConnectionEnds& ends, const HttpOutlet& outlet);
  void hand_over_early(std::size_t count, const ConnectionEnds& ends, const HttpOutlet& outlet);
  [[nodiscard]] std::size_t early_before(std::uint32_t sequence) const;
  void hand_over(const Answer& answer, const ConnectionEnds& ends, const HttpOutlet& outlet);

  [[nodiscard]] std::size_t server() const { return client_ ^ 1u; }

  std::array<MessageReader, 2> readers_;
  PendingRequests pending_;
  std::optional<Answer> answer_;         // none: no response has begun
  std::vector<Answer> early_;            // those that are over, and wait for their requests, in order
  std::uint64_t interim_bytes_ = 0;      // of 1xx responses since the last final one
  PendingRequests::Number request_ = 0;  // the last one that was read
  State state_ = State::undecided;
  std::uint8_t client_ = 0;              // once decided
  bool responses_lost_ = false;          // since the last one that was read
  std::array<std::uint32_t, 2> read_{};  // the sequence number up to which each side was read
  std::array<std::uint8_t, 2> tls_{};    // how many first bytes of each side were as TLS has them; all: that is settled
  std::array<bool, 2> spoke_{};          // a byte of that side was seen
  std::array<bool, 2> from_start_{};     // and nothing of it before was missed
};

}  // namespace tidegate
