#include "http/message.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "http/line_ends.h"

namespace tidegate {
namespace {

constexpr std::string_view kResponse = "HTTP/1.";  // how one begins
constexpr std::uint64_t kMostChunk = std::uint64_t{1} << 58;

// How many bytes of `text` lie before its first line end; npos: it has none.
std::size_t line_end(std::string_view text) {
  const void* const end = text.empty() ? nullptr : std::memchr(text.data(), '\n', text.size());
  return end == nullptr ? std::string_view::npos
                        : static_cast<std::size_t>(static_cast<const char*>(end) - text.data());
}

}  // namespace

// What lies before `begin` is gone from the text. Gives how many bytes that were.
std::size_t MessageReader::Scan::drop_front() {
  const auto cut = std::exchange(begin, 0);
  line -= cut;
  looked -= cut;
  field = in_fields ? field - cut : 0;
  return cut;
}

MessageReader::Scanned MessageReader::Scan::run(std::string_view text, MessageKind kind, bool searching) {
  LineEnds ends{text, looked};
  for (;;) {
    const auto end = ends.next();
    if (end == std::string_view::npos) break;
    const auto behind = end + 1;
    auto size = behind - 1 - line;
    if (size > 0 && text[line + size - 1] == '\r') --size;
    const bool continues = size > 0 && (text[line] == ' ' || text[line] == '\t');
    if (in_fields && !continues) {
      read_field(text);
      if (size == 0) {
        line = behind;
        return Scanned::complete;
      }
      if (searching && !is_field_line(text.substr(line, size))) {
        in_fields = false;  // no head then, but perhaps this line begins one
        head = {};
      }
    }
    if (!in_fields) {
      if (const auto read = read_start(text, behind, size, kind, searching); read != Scanned::more) return read;
    }
    line = behind;
  }
  looked = text.size();
  const auto rest = text.substr(line);
  if (in_fields || rest.empty() || (!torn && may_begin_start_line(rest, kind))) return Scanned::more;
  if (!searching) return Scanned::bad;
  const auto at = find_begin_of_start_line(rest, kind, torn);
  if (at != 0) torn = true;
  if (at == std::string_view::npos) return Scanned::nothing;
  begin = line += at;
  return Scanned::more;
}

// Reads the line from `line` on, of `size` bytes, as the one with which a head begins; the next one is `behind`.
MessageReader::Scanned MessageReader::Scan::read_start(std::string_view text, std::size_t behind, std::size_t size,
                                                       MessageKind kind, bool searching) {
  begin = line;
  const auto at = searching ? find_start_line(text.substr(line, size), kind, torn) : std::string_view::npos;
  const bool found = at != std::string_view::npos;
  if (found) {
    begin += at;
    size -= at;
  }
  const auto read = size == 0 || (torn && !found) ? Head::Line::bad : head.read_start(text.substr(begin), size, kind);
  torn = false;
  if (read == Head::Line::preface) return Scanned::preface;
  if (read == Head::Line::bad && size > 0 && !searching) return Scanned::bad;
  in_fields = read == Head::Line::good;
  if (!in_fields) begin = behind;
  field = behind;
  return Scanned::more;
}

// Reads the field that ends before the line, if there is one.
void MessageReader::Scan::read_field(std::string_view text) {
  if (field < line && Head::may_matter(text[field])) head.read_field(text.substr(begin), field - begin, line - field);
  field = line;
}

void MessageReader::Partial::append(std::string_view bytes, const StreamPosition& where) {
  if (pieces.back().where.acknowledgement != where.acknowledgement) {
    pieces.push_back({.at = text.size(), .where = where});
  }
  text.append(bytes);
}

// Where text[at] was seen.
StreamPosition MessageReader::Partial::position(std::size_t at) const {
  const auto& [begin, where] = *(std::ranges::upper_bound(pieces, at, {}, &Piece::at) - 1);
  return where.after(at - begin);
}

// Forgets what lies before the head, or before what may become one.
void MessageReader::Partial::drop_front() {
  const auto cut = scan.drop_front();
  if (cut == 0) return;
  const auto where = position(cut);
  pieces.erase(pieces.begin(), std::ranges::upper_bound(pieces, cut, {}, &Piece::at) - 1);
  pieces.front() = {.at = cut, .where = where};
  for (auto& piece : pieces) piece.at -= cut;
  text.erase(0, cut);
}

std::size_t MessageReader::Partial::held() const {
  return sizeof(Partial) + text.capacity() + pieces.capacity() * sizeof(Piece);
}

MessageReader::Progress MessageReader::read(std::string_view bytes, const StreamPosition& where, MessageHead& head) {
  if (doubtful_ && !bytes.empty()) return read_doubtful(bytes, where);
  return state_ == State::head ? read_head(bytes, where, head) : read_body(bytes);
}

MessageReader::Progress MessageReader::read_body(std::string_view bytes) {
  switch (state_) {
    case State::ended:
      state_ = State::head;
      return {.step = Step::end};
    case State::unknown:
      return lose(0);
    case State::length:
      return read_length(bytes.size());
    case State::close:
      return {.used = bytes.size(), .body = bytes.size()};
    default: {
      auto progress = read_chunked(bytes);
      progress.body = progress.used;
      return progress;
    }
  }
}

// The first bytes of what may be a body, or the next response.
MessageReader::Progress MessageReader::read_doubtful(std::string_view bytes, const StreamPosition& where) {
  const auto expected = kResponse.substr(matched_);
  const auto [differs, end] = std::ranges::mismatch(bytes, expected);
  if (end == expected.end()) {
    doubtful_ = false;
    give_back(0, where);
    state_ = State::head;
    return {.step = Step::end};
  }
  if (differs == bytes.end()) {
    matched_ = static_cast<std::uint8_t>(matched_ + bytes.size());
    return {.used = bytes.size()};
  }
  const auto before = end_doubt(where);
  auto progress = read_body(bytes);
  progress.body += before;
  return progress;
}

// It is a body. Gives how many bytes of it were used before that was known; `where` is behind them.
std::uint64_t MessageReader::end_doubt(const StreamPosition& where) {
  if (!doubtful_) return 0;
  doubtful_ = false;
  if (state_ == State::close || remaining_ > matched_) {
    if (state_ == State::length) remaining_ -= matched_;
    return matched_;
  }
  give_back(remaining_, where);
  state_ = State::ended;
  return remaining_;
}

// Of the bytes that matched, all but the first `keep` are not the body's: the next head begins with them.
void MessageReader::give_back(std::uint64_t keep, const StreamPosition& where) {
  const auto text = kResponse.substr(0, matched_).substr(keep);
  if (text.empty()) return;
  const StreamPosition begin{.at = where.at,
                             .sequence = where.sequence - static_cast<std::uint32_t>(text.size()),
                             .acknowledgement = where.acknowledgement};
  partial_ = std::make_unique<Partial>(text, begin);
}

MessageReader::Progress MessageReader::read_head(std::string_view bytes, const StreamPosition& where,
                                                 MessageHead& found) {
  if (partial_) return read_partial(bytes, where, found);

  Scan scan;
  scan.torn = torn_;
  const auto scanned = scan.run(bytes, kind_, searching_);
  torn_ = scan.torn;
  switch (scanned) {
    case Scanned::complete:
      found = {.head = scan.head,
               .text = bytes.substr(scan.begin, scan.line - scan.begin),
               .begin = where.after(scan.begin)};
      return found_head(scan.line, found.text.size());
    case Scanned::preface:
      return {.step = Step::preface, .used = bytes.size()};
    case Scanned::bad:
      return lose(0);
    case Scanned::nothing:
      return {.used = bytes.size()};
    case Scanned::more:
      break;
  }
  const auto rest = bytes.substr(scan.begin);
  if (rest.size() > most_head_) return too_long(bytes.size());
  if (!rest.empty()) {
    partial_ = std::make_unique<Partial>(rest, where.after(scan.begin));
    scan.drop_front();
    partial_->scan = scan;
  }
  return {.used = bytes.size()};
}

// Goes on with a head of which a part is already there.
MessageReader::Progress MessageReader::read_partial(std::string_view bytes, const StreamPosition& where,
                                                    MessageHead& found) {
  auto& partial = *partial_;
  auto& [text, scan, pieces] = partial;
  const auto known = text.size();
  partial.append(bytes, where);
  const auto scanned = scan.run(text, kind_, searching_);
  torn_ = scan.torn;
  switch (scanned) {
    case Scanned::complete: {
      const auto used = scan.line - known;
      found = {.head = scan.head,
               .text = std::string_view{text}.substr(scan.begin, scan.line - scan.begin),
               .begin = partial.position(scan.begin)};
      return found_head(used, found.text.size());
    }
    case Scanned::preface:
      return {.step = Step::preface, .used = bytes.size()};
    case Scanned::bad:  // to be read again by other rules, as it was
      text.resize(known);
      scan = {};
      return lose(0);
    case Scanned::nothing:
      partial_.reset();
      return {.used = bytes.size()};
    case Scanned::more:
      break;
  }
  partial.drop_front();
  if (text.size() > most_head_) return too_long(bytes.size());
  if (text.empty()) partial_.reset();
  return {.used = bytes.size()};
}

MessageReader::Progress MessageReader::found_head(std::size_t used, std::size_t size) {
  if (size > most_head_) {
    partial_.reset();
    return lose(used);
  }
  searching_ = false;
  state_ = State::unknown;  // until body() tells
  return {.step = Step::head, .used = used};
}

MessageReader::Progress MessageReader::too_long(std::size_t used) {
  partial_.reset();
  torn_ = true;
  return searching_ ? Progress{.used = used} : lose(used);
}

MessageReader::Progress MessageReader::lose(std::uint64_t used) {
  state_ = State::head;
  searching_ = true;
  doubtful_ = false;
  return {.step = Step::lost, .used = used};
}

void MessageReader::body(Body body, std::uint64_t length, bool doubtful) {
  partial_.reset();
  remaining_ = length;
  doubtful_ = doubtful && (body == Body::close || (body == Body::length && length > 0));
  matched_ = 0;
  digits_ = false;
  switch (body) {
    case Body::none:
      state_ = State::ended;
      break;
    case Body::length:
      state_ = length == 0 ? State::ended : State::length;
      break;
    case Body::chunked:
      state_ = State::chunk_size;
      remaining_ = 0;
      break;
    case Body::close:
      state_ = State::close;
      break;
    case Body::unknown:
      state_ = State::unknown;
      break;
  }
}

MessageReader::Progress MessageReader::read_length(std::uint64_t bytes) {
  const auto used = std::min(remaining_, bytes);
  remaining_ -= used;
  if (remaining_ > 0) return {.used = used, .body = used};
  state_ = State::head;
  return {.step = Step::end, .used = used, .body = used};
}

// One digit of a chunk's size; false: it is none.
bool MessageReader::read_size_digit(char c) {
  const char lower = static_cast<char>(c | 0x20);
  const bool letter = lower >= 'a' && lower <= 'f';
  if ((!letter && (c < '0' || c > '9')) || remaining_ > kMostChunk) return false;
  remaining_ = remaining_ * 16 + static_cast<std::uint64_t>(letter ? lower - 'a' + 10 : c - '0');
  digits_ = true;
  return true;
}

MessageReader::Progress MessageReader::read_chunked(std::string_view bytes) {
  std::size_t at = 0;
  while (at < bytes.size()) {
    const char c = bytes[at];
    switch (state_) {
      case State::chunk_size:
        if (read_size_digit(c)) {
          ++at;
        } else if (digits_ && (c == '\n' || c == '\r' || c == ';' || c == ' ' || c == '\t')) {
          state_ = State::chunk_extension;
        } else {
          return lose(at);
        }
        break;
      case State::chunk_extension: {
        const auto end = line_end(bytes.substr(at));
        if (end == std::string_view::npos) return {.used = bytes.size()};
        at += end + 1;
        state_ = remaining_ > 0 ? State::chunk_data : State::trailer;
        carriage_return_ = false;
        break;
      }
      case State::chunk_data: {
        const auto part = std::min<std::uint64_t>(remaining_, bytes.size() - at);
        at += part;
        remaining_ -= part;
        if (remaining_ == 0) state_ = State::chunk_end;
        break;
      }
      case State::chunk_end:
        if (c != '\r' && c != '\n') return lose(at);
        ++at;
        if (c == '\n') {
          state_ = State::chunk_size;
          digits_ = false;
        }
        break;
      case State::trailer:
        if (c == '\n') {
          state_ = State::head;
          return {.step = Step::end, .used = at + 1};
        }
        if (c == '\r' && !carriage_return_) {
          carriage_return_ = true;
          ++at;
        } else {
          state_ = State::trailer_rest;
        }
        break;
      default: {  // the rest of a trailer's line
        const auto end = line_end(bytes.substr(at));
        if (end == std::string_view::npos) return {.used = bytes.size()};
        at += end + 1;
        state_ = State::trailer;
        carriage_return_ = false;
        break;
      }
    }
  }
  return {.used = bytes.size()};
}

MessageReader::Progress MessageReader::skip(std::uint64_t bytes) {
  const auto before = end_doubt({});
  auto progress = skip_body(bytes);
  if (searching_) torn_ = true;
  progress.body += before;
  return progress;
}

MessageReader::Progress MessageReader::skip_body(std::uint64_t bytes) {
  switch (state_) {
    case State::head:
      partial_.reset();
      return searching_ ? Progress{.used = bytes} : lose(bytes);
    case State::ended:
      state_ = State::head;
      return {.step = Step::end};
    case State::length:
      return read_length(bytes);
    case State::close:
      return {.used = bytes, .body = bytes};
    case State::chunk_data: {
      const auto used = std::min(remaining_, bytes);
      remaining_ -= used;
      if (remaining_ == 0) state_ = State::chunk_end;
      auto progress = bytes == used ? Progress{.used = used} : lose(bytes);
      progress.body = used;
      return progress;
    }
    default:
      return lose(bytes);
  }
}

MessageReader::Progress MessageReader::end() {
  const auto body = end_doubt({});
  const bool whole = state_ == State::ended || state_ == State::close;
  return {.step = whole ? Step::end : Step::more, .body = body};
}

bool MessageReader::abandon() {
  if (!partial_) return false;
  partial_.reset();
  searching_ = true;
  torn_ = true;
  return true;
}

}  // namespace tidegate
