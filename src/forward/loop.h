// The event loop of a data thread: edge-triggered epoll(7), timers, and messages from other threads. Our own, because
// per-operation cost and per-connection memory decide here.
//
// Everything but post() and stop() is for the loop's thread. Nothing is allocated for an event or a timer.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "base/error.h"
#include "base/fd.h"
#include "base/time.h"

namespace tidegate {

// Somebody whose descriptor is watched. May dispose of itself, or of others, from within any call.
class Watched {
 public:
  Watched() = default;
  Watched(const Watched&) = delete;
  Watched& operator=(const Watched&) = delete;
  virtual ~Watched() = default;

  // `events` of epoll_ctl(2), all that came since the last call; 0: it asked for another turn by again().
  virtual void on_events(std::uint32_t events) = 0;

 private:
  friend class Loop;
  bool waits_for_turn_ = false;
};

// A moment at which on_time() is called. One deadline at a time.
class Timer {
 public:
  Timer() = default;
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;
  virtual void on_time() = 0;
  [[nodiscard]] bool armed() const { return place_ != 0; }
  [[nodiscard]] Instant due() const { return due_; }

 protected:
  ~Timer() = default;  // cancelled by its owner before that

 private:
  friend class Loop;
  Instant due_;
  std::uint32_t place_ = 0;  // in the heap, from 1
};

// What is disposed of lives until the turn's events have all been handed out, since some may be for it.
class Disposable {
 public:
  Disposable() = default;
  Disposable(const Disposable&) = delete;
  Disposable& operator=(const Disposable&) = delete;
  virtual ~Disposable() = default;
};

class Loop {
 public:
  // The error is that of epoll_create1(2) or eventfd(2).
  [[nodiscard]] static Result<std::unique_ptr<Loop>> make();
  ~Loop();

  // Runs until stop(), and does what was posted before that; call once.
  void run();
  void stop();  // any thread

  // Has `message` called in the loop's thread, in the order of the posts. Any thread. After stop() they are dropped.
  void post(std::function<void()> message);

  // Watches a descriptor, edge-triggered: `events` of epoll_ctl(2) without EPOLLET. Closing it ends the watch.
  [[nodiscard]] Result<> watch(int fd, std::uint32_t events, Watched& watched);
  void unwatch(int fd);

  // Calls on_events(0) in the next turn, after those that wait already: for work that is not done after its fair share.
  void again(Watched& watched);
  void not_again(Watched& watched);  // takes it back, as its owner must before it goes

  // Has on_time() called at `due`, in a later turn than this; another time, where it is armed already.
  void arm(Timer& timer, Instant due);
  void cancel(Timer& timer);

  void dispose(std::unique_ptr<Disposable> gone) { graveyard_.push_back(std::move(gone)); }
  void bury();  // what was disposed of goes now: when no events are being handed out, and after run() has returned

  // The time of the present turn: read once a turn.
  [[nodiscard]] Now now() const { return now_; }

 private:
  Loop(Fd epoll, Fd wake) : epoll_{std::move(epoll)}, wake_{std::move(wake)} {}
  void read_clock();
  void take_messages();
  void fire_timers();
  [[nodiscard]] int timeout_ms() const;
  void place(std::size_t index, Timer* timer);
  void sift_up(std::size_t index);
  void sift_down(std::size_t index);

  Fd epoll_;
  Fd wake_;
  Now now_{};
  std::vector<Timer*> timers_;  // a binary heap by due_
  std::vector<Watched*> again_;
  std::vector<Watched*> turn_;  // those of again_ whose turn it is
  std::vector<std::unique_ptr<Disposable>> graveyard_;
  std::vector<std::unique_ptr<Disposable>> going_;  // those of graveyard_ that are being destroyed
  bool stopping_ = false;
  std::mutex mutex_;                             // of messages_
  std::vector<std::function<void()>> messages_;  // an empty one: stop
};

}  // namespace tidegate
