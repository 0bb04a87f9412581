#include "forward/pipes.h"

#include <fcntl.h>
#include <unistd.h>

#include <fstream>

namespace tidegate {

namespace {

constexpr std::size_t kPage = 4096;

std::ptrdiff_t pages_allowed() {
  constexpr std::ptrdiff_t kDefault = 16'384;
  std::ptrdiff_t pages = 0;
  std::ifstream{"/proc/sys/fs/pipe-user-pages-soft"} >> pages;
  return (pages > 0 ? pages : kDefault) / 2;
}

}  // namespace

PipeBudget::PipeBudget() : pages_{pages_allowed()} {}

bool PipeBudget::take(std::size_t pages) {
  const auto wanted = static_cast<std::ptrdiff_t>(pages);
  if (pages_.fetch_sub(wanted, std::memory_order_relaxed) >= wanted) return true;
  pages_.fetch_add(wanted, std::memory_order_relaxed);
  return false;
}

void PipeBudget::give_back(std::size_t pages) {
  pages_.fetch_add(static_cast<std::ptrdiff_t>(pages), std::memory_order_relaxed);
}

Pipes::~Pipes() {
  for (auto& pipe : spare_) discard(std::move(pipe));
}

std::optional<Pipe> Pipes::take() {
  if (!spare_.empty()) {
    Pipe pipe = std::move(spare_.back());
    spare_.pop_back();
    return pipe;
  }
  if (!budget_.take(kCapacity / kPage)) return std::nullopt;
  int ends[2];  // NOLINT(modernize-avoid-c-arrays): pipe2(2) fills it
  if (::pipe2(ends, O_NONBLOCK | O_CLOEXEC) != 0) {
    budget_.give_back(kCapacity / kPage);
    return std::nullopt;
  }
  Pipe pipe{.read = Fd{ends[0]}, .write = Fd{ends[1]}};
  // A kernel that gives less is no fault: the pipe works, and the budget counts it as the size that was asked for.
  int got = ::fcntl(pipe.write.get(), F_SETPIPE_SZ, static_cast<int>(kCapacity));
  if (got < 0) got = ::fcntl(pipe.write.get(), F_GETPIPE_SZ);
  pipe.capacity = got > 0 ? static_cast<std::size_t>(got) : kPage;
  return pipe;
}

void Pipes::give_back(Pipe pipe) {
  if (spare_.size() < kSpare) {
    spare_.push_back(std::move(pipe));
  } else {
    discard(std::move(pipe));
  }
}

void Pipes::discard(Pipe pipe) {
  pipe.read.reset();
  pipe.write.reset();
  budget_.give_back(kCapacity / kPage);
}

}  // namespace tidegate
