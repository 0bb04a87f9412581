// One direction of a connection, in order, cut into HTTP/1 messages (RFC 9112): heads are handed out, bodies passed
// over. A head that lies in one piece is read in place; only one that spans several is collected, within a bound. Where
// the next message has been lost sight of it is looked for: a start line, at the end of a line at least, as the body
// before it needs not end with one; then nothing but fields up to an empty line.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "http/head.h"
#include "http/reassembly.h"

namespace tidegate {

// A head, and the text from its start line to its empty line, which lives until the reader is called again.
struct MessageHead {
  Head head;
  std::string_view text;
  StreamPosition begin;  // where and when its first byte was seen
};

// How a body ends.
enum class Body : std::uint8_t {
  none,
  length,   // after so many bytes
  chunked,  // after the last chunk and its trailers
  close,    // with the stream
  unknown,  // nobody can tell: the next message has to be looked for
};

class MessageReader {
 public:
  enum class Step : std::uint8_t {
    more,     // all is used; more is needed
    head,     // a head was found; body() is to be called
    end,      // a message ended
    lost,     // what came is no message, or its end is unknown: from here on the next one is looked for
    preface,  // this is HTTP/2
  };
  struct Progress {
    Step step = Step::more;
    std::uint64_t used = 0;
    std::uint64_t body = 0;  // bytes of a body that were passed over; with some that were used before, if in doubt
  };

  // Heads of more than `most_head` bytes are passed over as lost.
  explicit MessageReader(std::size_t most_head = 65'536) : most_head_{static_cast<std::uint32_t>(most_head)} {}

  // Whose messages come; any until this is called.
  void expect(MessageKind kind) { kind_ = kind; }

  // The stream may begin anywhere in a message.
  void search() { searching_ = true; }

  // Reads `bytes`, the next of the stream, up to the first thing to tell; to be called again with what was not used,
  // though it be nothing, until there is `more` needed. `head` is filled where the step is Step::head.
  [[nodiscard]] Progress read(std::string_view bytes, const StreamPosition& where, MessageHead& head);

  // Goes over bytes that are missing, likewise: inside a body or chunk of known length they do no harm.
  [[nodiscard]] Progress skip(std::uint64_t bytes);

  // The sender has sent all. Step::end where that ends a message.
  [[nodiscard]] Progress end();

  // Says how the body goes on behind the head that was just given. `doubtful`: it may have answered a HEAD, and has no
  // body if what follows begins as another response does.
  void body(Body body, std::uint64_t length = 0, bool doubtful = false);

  // Forgets the head that is being collected. True where there was one: the next is looked for.
  bool abandon();

  // Whether a message has begun, and has not ended.
  [[nodiscard]] bool in_body() const { return state_ != State::head; }
  [[nodiscard]] bool in_head() const { return partial_ != nullptr && partial_->scan.in_fields; }
  [[nodiscard]] std::size_t held() const { return partial_ ? partial_->held() : 0; }

 private:
  enum class State : std::uint8_t {
    head,
    ended,
    unknown,
    length,
    close,
    chunk_size,
    chunk_extension,
    chunk_data,
    chunk_end,
    trailer,
    trailer_rest,
  };
  enum class Scanned : std::uint8_t { more, nothing, complete, bad, preface };

  // How far the lines of a text are read.
  struct Scan {
    Head head;
    std::size_t begin = 0;   // of the head, or of what may become one; before it nothing matters
    std::size_t line = 0;    // of the first line that is not yet read
    std::size_t looked = 0;  // no line ends between `line` and here
    std::size_t field = 0;   // of the field that is not yet read, as the next line may continue it
    bool in_fields = false;
    bool torn = false;  // what stands before the line, in the same line, is not known

    Scanned run(std::string_view text, MessageKind kind, bool searching);
    Scanned read_start(std::string_view text, std::size_t behind, std::size_t size, MessageKind kind, bool searching);
    void read_field(std::string_view text);
    std::size_t drop_front();
  };
  // A head of which a part is there, or what may become one, from where the scan found its begin.
  struct Partial {
    struct Piece {
      std::size_t at;  // in the text
      StreamPosition where;
    };
    std::string text;
    Scan scan;
    std::vector<Piece> pieces;  // of the text; those that acknowledge the same count as seen with the first of them

    Partial(std::string_view bytes, const StreamPosition& where) : text{bytes}, pieces{{.at = 0, .where = where}} {}
    void append(std::string_view bytes, const StreamPosition& where);
    [[nodiscard]] StreamPosition position(std::size_t at) const;
    void drop_front();
    [[nodiscard]] std::size_t held() const;
  };

  Progress read_head(std::string_view bytes, const StreamPosition& where, MessageHead& found);
  Progress read_partial(std::string_view bytes, const StreamPosition& where, MessageHead& found);
  Progress read_body(std::string_view bytes);
  Progress read_doubtful(std::string_view bytes, const StreamPosition& where);
  std::uint64_t end_doubt(const StreamPosition& where);
  void give_back(std::uint64_t keep, const StreamPosition& where);
  Progress found_head(std::size_t used, std::size_t size);
  Progress too_long(std::size_t used);
  Progress lose(std::uint64_t used);
  Progress read_length(std::uint64_t bytes);
  Progress skip_body(std::uint64_t bytes);
  Progress read_chunked(std::string_view bytes);
  bool read_size_digit(char c);

  std::unique_ptr<Partial> partial_;  // none: no head has begun, or all of it was in one piece
  std::uint64_t remaining_ = 0;       // of the body or the chunk
  std::uint32_t most_head_;
  State state_ = State::head;
  MessageKind kind_ = MessageKind::any;
  bool searching_ = false;
  bool torn_ = false;             // what comes next begins within a line
  bool digits_ = false;           // of the chunk's size were seen
  bool carriage_return_ = false;  // before it the trailer's line was empty
  std::uint8_t matched_ = 0;      // how many of its bytes are as those of a response
  bool doubtful_ = false;         // the body, of which nothing was seen yet, may not be there
};

}  // namespace tidegate
