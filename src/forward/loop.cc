#include "forward/loop.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace tidegate {

namespace {

constexpr int kMostEvents = 256;  // handed out in a turn
constexpr int kForEver = -1;

}  // namespace

Result<std::unique_ptr<Loop>> Loop::make() {
  Fd epoll{::epoll_create1(EPOLL_CLOEXEC)};
  if (!epoll) return system_failure("epoll_create1");
  Fd wake{::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)};
  if (!wake) return system_failure("eventfd");
  epoll_event event{.events = EPOLLIN | EPOLLET, .data = {.ptr = nullptr}};  // null: a message
  if (::epoll_ctl(epoll.get(), EPOLL_CTL_ADD, wake.get(), &event) != 0) return system_failure("epoll_ctl");
  std::unique_ptr<Loop> loop{new Loop{std::move(epoll), std::move(wake)}};
  loop->read_clock();
  return loop;
}

Loop::~Loop() = default;

void Loop::read_clock() { now_ = {std::chrono::steady_clock::now(), std::chrono::system_clock::now()}; }

void Loop::run() {
  std::array<epoll_event, kMostEvents> events;  // NOLINT(cppcoreguidelines-pro-type-member-init): filled by the kernel
  while (!stopping_) {
    const int count = ::epoll_wait(epoll_.get(), events.data(), kMostEvents, timeout_ms());
    read_clock();
    turn_.swap(again_);  // who asks for another turn from now on gets the next
    bool messages = false;
    for (int i = 0; i < count; ++i) {
      const auto& event = events[static_cast<std::size_t>(i)];
      if (event.data.ptr == nullptr) {
        messages = true;
      } else {
        static_cast<Watched*>(event.data.ptr)->on_events(event.events);
      }
    }
    for (std::size_t i = 0; i < turn_.size(); ++i) {
      auto* const watched = std::exchange(turn_[i], nullptr);
      if (watched == nullptr) continue;
      watched->waits_for_turn_ = false;
      watched->on_events(0);
    }
    turn_.clear();
    if (messages) take_messages();
    fire_timers();
    bury();
  }
}

void Loop::bury() {
  // A destructor may dispose of more.
  while (!graveyard_.empty()) {
    going_.swap(graveyard_);
    going_.clear();
  }
}

void Loop::stop() { post({}); }

void Loop::post(std::function<void()> message) {
  {
    const std::lock_guard lock{mutex_};
    messages_.push_back(std::move(message));
  }
  const std::uint64_t one = 1;
  // The only error is a full counter, and then the loop is woken all the same.
  [[maybe_unused]] const auto written = ::write(wake_.get(), &one, sizeof one);
}

void Loop::take_messages() {
  std::uint64_t count = 0;
  [[maybe_unused]] const auto got = ::read(wake_.get(), &count, sizeof count);
  std::vector<std::function<void()>> messages;
  {
    const std::lock_guard lock{mutex_};
    messages.swap(messages_);
  }
  for (const auto& message : messages) {
    if (!message) {
      stopping_ = true;
      return;
    }
    message();
  }
}

Result<> Loop::watch(int fd, std::uint32_t events, Watched& watched) {
  epoll_event event{.events = events | EPOLLET, .data = {.ptr = &watched}};
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) == 0) return {};
  if (errno == EEXIST && ::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, fd, &event) == 0) return {};
  return system_failure("epoll_ctl");
}

void Loop::unwatch(int fd) { ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr); }

void Loop::again(Watched& watched) {
  if (!std::exchange(watched.waits_for_turn_, true)) again_.push_back(&watched);
}

void Loop::not_again(Watched& watched) {
  if (!std::exchange(watched.waits_for_turn_, false)) return;
  std::ranges::replace(again_, &watched, static_cast<Watched*>(nullptr));
  std::ranges::replace(turn_, &watched, static_cast<Watched*>(nullptr));
}

int Loop::timeout_ms() const {
  if (!again_.empty()) return 0;
  if (timers_.empty()) return kForEver;
  const auto left =
      std::chrono::ceil<std::chrono::milliseconds>(timers_.front()->due_ - std::chrono::steady_clock::now());
  constexpr std::int64_t kMost = 60'000;
  return static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, kMost));
}

// --- timers: a binary heap whose elements know their place

void Loop::place(std::size_t index, Timer* timer) {
  timers_[index] = timer;
  timer->place_ = static_cast<std::uint32_t>(index + 1);
}

void Loop::sift_up(std::size_t index) {
  Timer* const timer = timers_[index];
  while (index > 0) {
    const std::size_t parent = (index - 1) / 2;
    if (timers_[parent]->due_ <= timer->due_) break;
    place(index, timers_[parent]);
    index = parent;
  }
  place(index, timer);
}

void Loop::sift_down(std::size_t index) {
  Timer* const timer = timers_[index];
  while (true) {
    std::size_t child = 2 * index + 1;
    if (child >= timers_.size()) break;
    if (child + 1 < timers_.size() && timers_[child + 1]->due_ < timers_[child]->due_) ++child;
    if (timer->due_ <= timers_[child]->due_) break;
    place(index, timers_[child]);
    index = child;
  }
  place(index, timer);
}

void Loop::arm(Timer& timer, Instant due) {
  // Never again in the same turn: one that is always due would keep the loop from everything else.
  due = std::max(due, now_.instant + Duration{1});
  const bool later = timer.armed() && due > timer.due_;
  timer.due_ = due;
  if (!timer.armed()) {
    timers_.push_back(&timer);
    sift_up(timers_.size() - 1);
  } else if (later) {
    sift_down(timer.place_ - 1);
  } else {
    sift_up(timer.place_ - 1);
  }
}

void Loop::cancel(Timer& timer) {
  if (!timer.armed()) return;
  const std::size_t index = timer.place_ - 1;
  timer.place_ = 0;
  Timer* const last = timers_.back();
  timers_.pop_back();
  if (last == &timer) return;
  place(index, last);
  sift_up(index);
  sift_down(last->place_ - 1);
}

void Loop::fire_timers() {
  while (!timers_.empty() && timers_.front()->due_ <= now_.instant) {
    Timer& timer = *timers_.front();
    cancel(timer);
    timer.on_time();
  }
}

}  // namespace tidegate
