// The head of an HTTP/1 message, line by line: its start line, and what of its fields tells whose it is and where its
// body ends (RFC 9112, sections 2 to 6). Lenient: any token is a method, a line may end in LF alone, bytes of any kind.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace tidegate {

enum class MessageKind : std::uint8_t { any, request, response };

// The last of the transfer codings.
enum class TransferCoding : std::uint8_t { none, chunked, other };

class Head {
 public:
  static constexpr std::size_t kMostMethod = 128;

  enum class Line : std::uint8_t {
    good,
    bad,
    preface,  // "PRI * HTTP/2.0" (RFC 9113, section 3.4)
  };

  // Reads the start line, with which `text` begins, without its end, into an empty head. The head keeps places in
  // `text`, not views, so that it may move.
  [[nodiscard]] Line read_start(std::string_view text, std::size_t size, MessageKind kind);

  // Whether a field line that begins so can be one that is read.
  [[nodiscard]] static bool may_matter(char first) { return (kFirstLetters >> (first & 0x1f) & 1u) != 0; }

  // Reads the field `text.substr(at, size)`, with the lines that continue it (RFC 9112, section 5.2) and line ends; one
  // that is not understood changes nothing.
  void read_field(std::string_view text, std::size_t at, std::size_t size);

  [[nodiscard]] bool response() const { return status_ != 0; }
  [[nodiscard]] std::uint16_t status() const { return status_; }  // of a response, 100 to 999
  // Of a request, as they stand in `text`.
  [[nodiscard]] std::string_view method(std::string_view text) const { return method_.of(text); }
  [[nodiscard]] std::string_view target(std::string_view text) const { return target_.of(text); }
  [[nodiscard]] std::string_view host(std::string_view text) const { return host_.of(text); }  // the field's value

  [[nodiscard]] TransferCoding coding() const { return coding_; }
  [[nodiscard]] std::optional<std::uint64_t> length() const { return length_; }  // Content-Length
  [[nodiscard]] bool bad_length() const { return bad_length_; }                  // no number, or several
  [[nodiscard]] bool upgrades_to_http2() const { return http2_; }

 private:
  // Of Content-Length, Host, Transfer-Encoding and Upgrade; case makes no difference to the lowest five bits.
  static constexpr std::uint32_t kFirstLetters =
      1u << ('c' & 0x1f) | 1u << ('h' & 0x1f) | 1u << ('t' & 0x1f) | 1u << ('u' & 0x1f);

  struct Slice {
    std::uint32_t at = 0;
    std::uint32_t size = 0;
    [[nodiscard]] std::string_view of(std::string_view text) const { return text.substr(at, size); }
  };

  Line read_request(std::string_view line);
  Line read_response(std::string_view line);
  void read_length(std::string_view value);
  void read_coding(std::string_view value);

  Slice method_;
  Slice target_;
  Slice host_;
  std::optional<std::uint64_t> length_;
  std::uint16_t status_ = 0;
  TransferCoding coding_ = TransferCoding::none;
  bool bad_length_ = false;
  bool http2_ = false;
};

// Whether more bytes can make a start line of `prefix`, which has no line end. A start line never fails this.
[[nodiscard]] bool may_begin_start_line(std::string_view prefix, MessageKind kind);

// Where in `line` the start line is with which it ends, though something else may stand before it: what is left of a
// body of unknown length, or of what was lost. A request line must then have a registered method, and a target without
// blanks; a field that quotes one is none, unless the line is `torn`, so that nobody knows how it began. npos: nowhere.
[[nodiscard]] std::size_t find_start_line(std::string_view line, MessageKind kind, bool torn);

// The first place of `prefix`, which has no line end, where find_start_line may find one when more bytes have come.
// npos: whatever comes, it begins in what comes.
[[nodiscard]] std::size_t find_begin_of_start_line(std::string_view prefix, MessageKind kind, bool torn);

// Whether the line is a field, or continues one: what no body happens to have between a start line and an empty line.
[[nodiscard]] bool is_field_line(std::string_view line);

}  // namespace tidegate
