// The bounds of a child's output, and the task that reads it from a pipe.
#include "action/output.h"

#include <algorithm>
#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

#include "base/log.h"
#include "host/task.h"
#include "host/within.h"

namespace tidegate {

namespace asio = boost::asio;

void OutputLines::append(std::string_view bytes, Instant now) {
  tick(now);
  while (!bytes.empty()) {
    const std::size_t end = bytes.find('\n');
    const std::string_view piece = bytes.substr(0, end);
    const std::size_t room = std::min(piece.size(), kMostBytes - line_.size());
    line_.append(piece.substr(0, room));
    cut_ += piece.size() - room;
    if (end == std::string_view::npos) return;
    end_line(now);
    bytes.remove_prefix(end + 1);
  }
}

void OutputLines::tick(Instant now) {
  if (now - window_ >= kWindow) say_left_out();
}

std::optional<Instant> OutputLines::deadline() const {
  if (left_out_ == 0) return std::nullopt;
  return window_ + kWindow;
}

void OutputLines::finish(Instant now) {
  if (!line_.empty()) end_line(now);
  say_left_out();
}

void OutputLines::end_line(Instant now) {
  if (now - window_ >= kWindow) {
    window_ = now;
    said_ = 0;
  }
  if (said_ == kMostLines) {
    ++left_out_;
  } else {
    ++said_;
    if (line_.ends_with('\r')) line_.pop_back();
    say_(cut_ == 0 ? line_ : fmt::format("{} [{} more bytes of this line left out]", line_, cut_));
  }
  line_.clear();
  cut_ = 0;
}

void OutputLines::say_left_out() {
  if (const std::size_t count = std::exchange(left_out_, 0); count != 0) {
    say_(fmt::format("[{} {} left out: more than {} in a second]", count, count == 1 ? "line" : "lines", kMostLines));
  }
}

namespace {

constexpr std::size_t kReadBytes = 16'384;  // at a time

// The number of bytes read; 0 at the end of the pipe.
asio::awaitable<std::size_t> read_some(asio::posix::stream_descriptor& pipe, asio::mutable_buffer buffer) {
  const auto [error, bytes] = co_await pipe.async_read_some(buffer, asio::as_tuple(asio::use_awaitable));
  if (error == asio::error::eof) co_return 0;
  if (error) throw boost::system::system_error{error};
  co_return bytes;
}

asio::awaitable<void> read_lines(asio::posix::stream_descriptor pipe, std::string label) {
  OutputLines lines{[&label](std::string_view line) { log::info("{}: {}", label, line); }};
  std::array<char, kReadBytes> bytes{};
  for (;;) {
    std::optional<std::size_t> got;
    if (const auto deadline = lines.deadline()) {
      got = co_await within(*deadline - std::chrono::steady_clock::now(), read_some(pipe, asio::buffer(bytes)));
    } else {
      got = co_await read_some(pipe, asio::buffer(bytes));
    }
    const Instant now = std::chrono::steady_clock::now();
    if (!got) {
      lines.tick(now);
    } else if (*got == 0) {
      lines.finish(now);
      co_return;
    } else {
      lines.append({bytes.data(), *got}, now);
    }
  }
}

}  // namespace

void log_output(const asio::any_io_executor& executor, Fd pipe, std::string label) {
  boost::system::error_code error;
  asio::posix::stream_descriptor reader{executor};
  reader.assign(pipe.get(), error);
  if (error) {
    log::warn("{}: output is lost: watch its pipe: {}", label, error.message());
    return;
  }
  static_cast<void>(pipe.release());  // the reader's now
  auto ended = log_failure_of(label + ": reading its output");
  asio::co_spawn(executor, read_lines(std::move(reader), std::move(label)), std::move(ended));
}

}  // namespace tidegate
