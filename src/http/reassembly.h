// One direction of a TCP connection, put in order from captured segments (RFC 9293, section 3.4). What comes in order
// is handed on where it lies in the frame; what comes early is kept, within a bound. Where two copies of a byte differ
// the first one seen counts, also where that one was cut short by the capture.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/time.h"

namespace tidegate {

// Where in a stream something was seen: the packet's time, the sequence number of the byte that is meant, and what the
// packet acknowledged of the other direction.
struct StreamPosition {
  Now at;
  std::uint32_t sequence = 0;
  std::uint32_t acknowledgement = 0;

  [[nodiscard]] StreamPosition after(std::size_t bytes) const {
    return {at, sequence + static_cast<std::uint32_t>(bytes), acknowledgement};
  }
};

// A segment as it was captured.
struct TcpSegment {
  StreamPosition where;    // of its first byte of data
  std::string_view bytes;  // as much as was captured
  std::uint32_t length;    // as much as was sent, no less than captured
  bool fin = false;
};

// What comes next of a stream. All may be empty.
struct StreamPiece {
  std::uint32_t gap = 0;   // bytes that were never captured, before `bytes`
  std::string_view bytes;  // live until the stream is called again
  std::uint32_t cut = 0;   // bytes that were never captured, behind `bytes`
  bool end = false;        // the sender has sent all
  StreamPosition where;    // of `bytes`
};

class TcpStream {
 public:
  // A segment further away than this from what comes next is none of the stream's (a window is at most 1 GiB, but no
  // capture that lost so much is worth following).
  static constexpr std::int32_t kFarthest = 1 << 26;

  // For so long a gap is waited for though the other side has what is in it: where a capture merges two directions,
  // what was acknowledged may come behind what acknowledged it.
  static constexpr Duration kDisorder = std::chrono::milliseconds{10};

  // What a kept segment is held to cost beside its bytes.
  static constexpr std::size_t kSegmentCost = 256;

  // The sequence number of the first byte, as a SYN tells. Without it the first segment begins the stream.
  void begin(std::uint32_t first);
  [[nodiscard]] bool begun() const { return begun_; }
  [[nodiscard]] bool began_at(std::uint32_t first) const { return begun_ && first_ == first; }
  [[nodiscard]] bool advanced() const { return next_ != first_; }  // data came, in order

  // Whether a segment of that sequence number can be one of the stream's: an old one, or one to come.
  [[nodiscard]] bool near(std::uint32_t sequence) const;

  // Whether a RST of that sequence number can be meant for the stream: it is about what its sender had sent, or what
  // the other side had acknowledged (RFC 9293, section 3.10.7).
  [[nodiscard]] bool may_reset(std::uint32_t sequence) const;

  // Takes a segment in and gives what of it is next in order, with the segment's own bytes. Where holds() is true
  // afterwards, next() is to be called until it has nothing left.
  [[nodiscard]] StreamPiece add(const TcpSegment& segment);

  // Whether something is kept that waits for what comes before it, and what it costs in bytes.
  [[nodiscard]] bool holds() const { return held_ != nullptr; }
  [[nodiscard]] std::size_t held() const { return held_ ? held_->cost : 0; }

  // The next kept segment, if its turn has come: in order, or behind a gap that was given up because more than `most`
  // is held, because the other side had acknowledged what lies behind it kDisorder before `now`, or by give_up(). None:
  // no turn has come.
  [[nodiscard]] std::optional<StreamPiece> next(std::size_t most, Instant now);

  // The other side has everything before that sequence number.
  void acknowledge(std::uint32_t sequence);

  // The gap in front of what is held will not be filled; next() goes on behind it.
  void give_up();
  // Only where the segment behind it came at `before` or earlier.
  void give_up(Instant before);

  // Follows a stream whose bytes do not matter any more.
  void pass(const TcpSegment& segment);

  // Nothing more comes, whatever is held is forgotten.
  void close();
  [[nodiscard]] bool ended() const { return ended_; }

 private:
  struct Segment {
    StreamPosition where;
    std::string bytes;
    std::uint32_t length;
  };
  struct Held {
    std::deque<Segment> segments;       // in order, without overlap
    std::optional<StreamPosition> end;  // of the FIN
    std::string current;                // the bytes that next() gave last
    std::size_t cost = 0;
    std::optional<Instant> due;  // until when the first gap, which was acknowledged, may be filled
    bool given_up = false;
  };

  void hold(const TcpSegment& segment);
  [[nodiscard]] bool overlaps_held(const TcpSegment& segment) const;
  // How far b lies behind a.
  static std::int32_t distance(std::uint32_t a, std::uint32_t b) { return static_cast<std::int32_t>(b - a); }
  // What lies behind the first gap.
  [[nodiscard]] const StreamPosition& behind_gap() const;
  [[nodiscard]] bool gives_up(std::size_t most, Instant now);
  StreamPiece take(const StreamPosition& where, std::string_view bytes, std::uint32_t length, bool fin);

  std::uint32_t first_ = 0;
  std::uint32_t next_ = 0;  // the sequence number that comes next in order
  std::uint32_t acknowledged_ = 0;
  bool begun_ = false;
  bool answered_ = false;  // acknowledged_ means something
  bool ended_ = false;
  std::unique_ptr<Held> held_;  // none: nothing is held
};

}  // namespace tidegate
