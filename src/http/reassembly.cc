#include "http/reassembly.h"

#include <algorithm>
#include <utility>

namespace tidegate {

void TcpStream::begin(std::uint32_t first) {
  first_ = next_ = first;
  begun_ = true;
}

bool TcpStream::near(std::uint32_t sequence) const {
  const auto ahead = distance(next_, sequence);
  return begun_ && ahead <= kFarthest && ahead >= -kFarthest;
}

bool TcpStream::may_reset(std::uint32_t sequence) const {
  constexpr std::int32_t kBehind = 1 << 20;
  constexpr std::int32_t kAhead = 1 << 24;
  const auto ahead = distance(next_, sequence);
  return !begun_ || (ahead <= kAhead && ahead >= -kBehind);
}

StreamPiece TcpStream::add(const TcpSegment& segment) {
  if (!begun_) begin(segment.where.sequence);
  if (ended_ || !near(segment.where.sequence)) return {};
  if (distance(next_, segment.where.sequence) > 0) {
    hold(segment);
    return {};
  }
  if (held_ && overlaps_held(segment)) {  // whose copy came first: next() goes from one to the other
    const auto old = static_cast<std::uint32_t>(distance(segment.where.sequence, next_));
    const auto known = std::min<std::size_t>(old, segment.bytes.size());
    hold({.where = segment.where.after(old),
          .bytes = segment.bytes.substr(known),
          .length = segment.length - old,
          .fin = segment.fin});
    return {};
  }
  return take(segment.where, segment.bytes, segment.length, segment.fin);
}

// Gives what is new of a segment that begins at next_ or before.
StreamPiece TcpStream::take(const StreamPosition& where, std::string_view bytes, std::uint32_t length, bool fin) {
  const auto old = static_cast<std::uint32_t>(distance(where.sequence, next_));
  if (old > length || (old == length && !fin)) return {};
  const auto captured = static_cast<std::uint32_t>(bytes.size());
  const auto known = std::min(old, captured);
  next_ += length - old;
  ended_ = fin;
  return {.bytes = bytes.substr(known), .cut = length - std::max(old, captured), .end = fin, .where = where.after(old)};
}

bool TcpStream::overlaps_held(const TcpSegment& segment) const {
  const auto& segments = held_->segments;
  return !segments.empty() && distance(segments.front().where.sequence, segment.where.sequence + segment.length) > 0;
}

void TcpStream::hold(const TcpSegment& segment) {
  if (!held_) held_ = std::make_unique<Held>();
  auto& segments = held_->segments;
  const std::uint32_t base = next_;
  // All as distances from next_: what is held, and this segment, lies ahead of it.
  const auto from_next = [base](const StreamPosition& where) { return where.sequence - base; };
  std::uint32_t from = from_next(segment.where);
  const std::uint32_t to = from + segment.length;
  const std::uint32_t start = from;

  // Mostly it belongs at the end: look from there for the first one that ends behind where it begins.
  auto place = segments.size();
  while (place > 0 && from_next(segments[place - 1].where) + segments[place - 1].length > from) --place;
  while (from < to) {
    const auto other = place < segments.size() ? from_next(segments[place].where) : to;
    if (from < other) {  // a part that nobody has sent before
      const auto until = std::min(to, other);
      const auto captured =
          segment.bytes.substr(std::min<std::size_t>(from - start, segment.bytes.size()), until - from);
      segments.insert(
          segments.begin() + static_cast<std::ptrdiff_t>(place),
          {.where = segment.where.after(from - start), .bytes = std::string{captured}, .length = until - from});
      held_->cost += captured.size() + kSegmentCost;
      from = until;
      ++place;
    } else {
      from = std::max(from, other + segments[place].length);
      ++place;
    }
  }
  if (segment.fin && !held_->end) held_->end = segment.where.after(segment.length);
}

const StreamPosition& TcpStream::behind_gap() const {
  return held_->segments.empty() ? *held_->end : held_->segments.front().where;
}

// What the other side had, the capture missed, unless it comes a little later than what acknowledged it.
bool TcpStream::gives_up(std::size_t most, Instant now) {
  const bool acknowledged = answered_ && distance(behind_gap().sequence, acknowledged_) >= 0;
  if (acknowledged && !held_->due) held_->due = now + kDisorder;
  const bool late = acknowledged && now >= *held_->due;
  return held_->given_up || late || held_->cost > most;
}

std::optional<StreamPiece> TcpStream::next(std::size_t most, Instant now) {
  if (!held_) return std::nullopt;
  auto& segments = held_->segments;
  if (ended_ || (segments.empty() && !held_->end)) {
    held_.reset();
    return std::nullopt;
  }
  const std::int32_t gap = distance(next_, behind_gap().sequence);
  if (gap > 0) {
    if (!gives_up(most, now)) return std::nullopt;
    next_ = behind_gap().sequence;
    held_->given_up = false;
  }
  held_->due.reset();
  StreamPiece piece;
  if (segments.empty()) {
    piece = {.end = true, .where = *held_->end};
    ended_ = true;
  } else {
    auto segment = std::move(segments.front());
    segments.pop_front();
    held_->cost -= segment.bytes.size() + kSegmentCost;
    held_->current = std::move(segment.bytes);
    piece = take(segment.where, held_->current, segment.length, false);
  }
  piece.gap = gap > 0 ? static_cast<std::uint32_t>(gap) : 0;
  return piece;
}

void TcpStream::acknowledge(std::uint32_t sequence) {
  if (answered_ && distance(acknowledged_, sequence) <= 0) return;
  acknowledged_ = sequence;
  answered_ = true;
}

void TcpStream::give_up() {
  if (held_) held_->given_up = true;
}

void TcpStream::give_up(Instant before) {
  if (held_ && behind_gap().at.instant <= before) held_->given_up = true;
}

void TcpStream::pass(const TcpSegment& segment) {
  held_.reset();
  begun_ = true;
  next_ = segment.where.sequence + segment.length;
  ended_ |= segment.fin;
}

void TcpStream::close() {
  ended_ = true;
  held_.reset();
}

}  // namespace tidegate
