// The requests of one connection that have no response yet, in order, with what their exchange will show of them.
// Bounded: past kMost only their number is kept, so that what follows is still paired with the right one.
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
  StreamPosition begin;                     // of its first byte
  Instant last_byte;                        // seen so far, of head and body
  std::uint64_t bytes = 0;                  // seen so far, of head and body
  std::optional<std::uint32_t> behind_gap;  // where the gap began that it follows, in which requests may have been
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

  [[nodiscard]] std::size_t size() const { return requests_.size() - front_ + unnamed_; }
  // The nth from the front, the first being 0; null where it is none of those that are kept.
  [[nodiscard]] const PendingRequest* at(std::size_t n) const;
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

  std::vector<PendingRequest> requests_;  // from front_ on
  std::string text_;                      // of those, one behind the other, from text_front_ on
  std::uint32_t front_ = 0;
  std::uint32_t text_front_ = 0;
  std::uint64_t unnamed_ = 0;  // younger than those that are kept
  Number next_ = 0;
};

}  // namespace tidegate
