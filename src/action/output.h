// What a child writes, cut into lines for the log: bounded in length and in number, and what is left out is said.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/fd.h"
#include "base/time.h"

namespace tidegate {

class OutputLines {
 public:
  static constexpr std::size_t kMostBytes = 4096;  // of a line
  static constexpr std::size_t kMostLines = 200;   // in kWindow
  static constexpr Duration kWindow = std::chrono::seconds{1};

  using Say = std::function<void(std::string_view line)>;
  explicit OutputLines(Say say) : say_{std::move(say)} {}

  // Says each line that `bytes` complete, without its line end, as far as the bounds allow.
  void append(std::string_view bytes, Instant now);

  // Says how many lines were left out, when the window in which that happened is over.
  void tick(Instant now);

  // When tick() has something to say; none: all was said.
  [[nodiscard]] std::optional<Instant> deadline() const;

  // No more comes: says what is left, a last line without its end included.
  void finish(Instant now);

 private:
  void end_line(Instant now);
  void say_left_out();

  Say say_;
  std::string line_;          // begun, not ended; never longer than kMostBytes
  std::size_t cut_ = 0;       // bytes of it beyond that
  Instant window_;            // when the present one began
  std::size_t said_ = 0;      // lines in it
  std::size_t left_out_ = 0;  // lines in it that were not said
};

// Reads `pipe` until its end, which may be long after the end of the child, and logs each line behind "LABEL: ". The
// task ends with the pipe or with the executor's context, and owns all it uses; an error of the read is logged.
void log_output(const boost::asio::any_io_executor& executor, Fd pipe, std::string label);

}  // namespace tidegate
