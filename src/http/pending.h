// The requests of one connection that have no response yet, in order, with what their exchange will show of them.
// Bounded: of those past kMost only their number is kept, so that what follows is still paired with the right one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "http/reassembly.h"

namespace tidegate {

struct PendingRequest {
  StreamPosition begin;     // of its first byte
  Instant last_byte;        // seen so far, of head and body
  std::uint64_t bytes = 0;  // seen so far, of head and body
  std::uint16_t method_size = 0;
  std::uint16_t host_size = 0;
  std::uint16_t section_size = 0;
};

class PendingRequests {
 public:
  static constexpr std::size_t kMost = 64;

  // The number of a request, counted from the connection's first.
  using Number = std::uint64_t;

  // The three texts are copied.
  Number push(PendingRequest request, std::string_view method, std::string_view host, std::string_view section);

  // The first has its response, or will have none.
  void pop();

  [[nodiscard]] std::size_t size() const { return kept() + unnamed_; }
  // The nth from the front, the first being 0; null where it is none of those that are kept.
  [[nodiscard]] const PendingRequest* at(std::size_t n) const;

  // The first one, or where it is not kept all of those in a row that are not: how many these are, and what the last of
  // them acknowledged. And what the one behind them acknowledged, if there is one.
  struct Front {
    std::size_t count = 0;
    std::uint32_t acknowledged = 0;
    std::optional<std::uint32_t> next_acknowledged;
  };
  [[nodiscard]] Front front() const;  // size() is not 0
  // Of the first one, which is kept; they live until the next push() or pop().
  [[nodiscard]] std::string_view method() const;
  [[nodiscard]] std::string_view host() const;
  [[nodiscard]] std::string_view section() const;

  // So many more bytes of that request, if it still waits.
  void add_bytes(Number number, std::uint64_t bytes, Instant at);

  // Forgets all and gives their number. The memory is kept up to what a connection may have without being asked.
  std::size_t clear();

  // Memory beyond that.
  [[nodiscard]] std::size_t held() const;

 private:
  static constexpr std::size_t kFreeRequests = 4;
  static constexpr std::size_t kFreeText = 256;

  [[nodiscard]] std::size_t kept() const { return requests_.size() - front_; }
  // How many are kept before those that are not.
  [[nodiscard]] std::size_t before() const { return unnamed_ > 0 ? split_ - front_ : kept(); }
  // Where the nth from the front stands in requests_; none: it is not kept.
  [[nodiscard]] std::optional<std::size_t> place(std::size_t n) const;
  void forget_behind_unnamed();

  std::vector<PendingRequest> requests_;  // from front_ on
  std::string text_;                      // of those, one behind the other, from text_front_ on
  std::uint32_t front_ = 0;
  std::uint32_t text_front_ = 0;
  std::uint32_t split_ = 0;                 // where those that are not kept stand among the others
  std::uint32_t unnamed_acknowledged_ = 0;  // by the last of them
  std::uint64_t unnamed_ = 0;
  Number next_ = 0;
};

}  // namespace tidegate
