#include "forward/loop.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <array>
#include <random>
#include <thread>

namespace tidegate {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::minutes;
using testing::ElementsAre;

class LoopTest : public testing::Test {
 protected:
  // Ends a test that waits for ever.
  class Deadline final : public Timer {
   public:
    explicit Deadline(Loop& loop) : loop_{loop} { loop.arm(*this, loop.now().instant + std::chrono::seconds{20}); }
    void on_time() override {
      ADD_FAILURE() << "the deadline of the test has passed";
      loop_.stop();
    }

   private:
    Loop& loop_;
  };

  std::unique_ptr<Loop> loop_ = std::move(Loop::make().value());
  Deadline deadline_{*loop_};
};

class Alarm final : public Timer {
 public:
  explicit Alarm(std::function<void()> what = {}) : what_{std::move(what)} {}
  void on_time() override {
    ++rung_;
    if (what_) what_();
  }
  [[nodiscard]] int rung() const { return rung_; }

 private:
  std::function<void()> what_;
  int rung_ = 0;
};

class Watcher : public Watched {
 public:
  explicit Watcher(std::function<void(std::uint32_t)> what) : what_{std::move(what)} {}
  void on_events(std::uint32_t events) override { what_(events); }

 private:
  std::function<void(std::uint32_t)> what_;
};

struct TestPipe {
  TestPipe() {
    std::array<int, 2> ends{};
    EXPECT_EQ(::pipe2(ends.data(), O_NONBLOCK | O_CLOEXEC), 0);
    read.reset(ends[0]);
    write.reset(ends[1]);
  }
  void put(std::string_view text) const {
    EXPECT_EQ(::write(write.get(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
  }
  Fd read;
  Fd write;
};

TEST_F(LoopTest, calls_timers_in_the_order_of_their_time) {
  const Instant now = loop_->now().instant;
  std::vector<int> order;
  Alarm last{[&] { loop_->stop(); }};
  Alarm second{[&] { order.push_back(2); }};
  Alarm first{[&] { order.push_back(1); }};
  Alarm third{[&] { order.push_back(3); }};
  loop_->arm(last, now + milliseconds{8});
  loop_->arm(second, now + milliseconds{4});
  loop_->arm(third, now + milliseconds{6});
  loop_->arm(first, now + milliseconds{2});
  loop_->run();
  EXPECT_THAT(order, ElementsAre(1, 2, 3));
  EXPECT_GE(loop_->now().instant, now + milliseconds{8});
}

TEST_F(LoopTest, calls_ten_thousand_timers_in_order_while_others_are_cancelled_and_armed_anew) {
  constexpr std::size_t kTimers = 10'000;
  std::mt19937 random{7};
  const Instant now = loop_->now().instant;
  const auto some_time = [&] { return now + microseconds{random() % 30'000}; };
  std::vector<Instant> rung;
  std::vector<std::unique_ptr<Alarm>> alarms;
  alarms.reserve(kTimers);
  for (std::size_t i = 0; i < kTimers; ++i) {
    alarms.push_back(std::make_unique<Alarm>([&, i] { rung.push_back(alarms[i]->due()); }));
  }
  std::vector<bool> armed(kTimers);
  for (std::size_t i = 0; i < 5 * kTimers; ++i) {
    const auto at = random() % kTimers;
    const bool arm = random() % 4 != 0;
    arm ? loop_->arm(*alarms[at], some_time()) : loop_->cancel(*alarms[at]);
    armed[at] = arm;
    ASSERT_EQ(alarms[at]->armed(), arm);
  }
  Alarm last{[&] { loop_->stop(); }};
  loop_->arm(last, now + milliseconds{40});
  loop_->run();
  for (std::size_t i = 0; i < kTimers; ++i) EXPECT_EQ(alarms[i]->rung(), armed[i] ? 1 : 0);
  EXPECT_TRUE(std::ranges::is_sorted(rung));
}

TEST_F(LoopTest, lets_timers_cancel_and_arm_each_other) {
  const Instant now = loop_->now().instant;
  Alarm never;
  Alarm later{[&] { loop_->stop(); }};
  Alarm first{[&] {
    loop_->cancel(never);
    loop_->arm(later, now + milliseconds{3});
  }};
  loop_->arm(first, now);
  loop_->arm(never, now);
  loop_->arm(later, now + minutes{5});
  loop_->cancel(never);
  loop_->arm(never, now + milliseconds{2});
  loop_->run();
  EXPECT_EQ(never.rung(), 0);
  EXPECT_FALSE(never.armed());
  EXPECT_EQ(later.rung(), 1);
}

TEST_F(LoopTest, goes_on_with_the_rest_while_a_timer_is_always_due) {
  int rung = 0;
  std::function<void()> once_more;
  Alarm restless{[&] {
    ++rung;
    once_more();
  }};
  once_more = [&] { loop_->arm(restless, Instant::min()); };
  once_more();
  loop_->post([&] { loop_->stop(); });
  loop_->run();
  EXPECT_LE(rung, 2);
}

TEST_F(LoopTest, takes_timers_that_are_very_far_away) {
  Alarm never;
  loop_->arm(never, Instant::max());
  loop_->cancel(deadline_);
  loop_->post([&] { loop_->stop(); });
  loop_->run();
  EXPECT_EQ(never.rung(), 0);
}

TEST_F(LoopTest, does_what_several_threads_post_in_the_order_of_each) {
  constexpr int kEach = 2000;
  std::array<int, 3> next{};
  int done = 0;
  bool in_order = true;
  {
    std::vector<std::jthread> threads;
    threads.reserve(next.size());
    for (std::size_t who = 0; who < next.size(); ++who) {
      threads.emplace_back([&, who] {
        for (int i = 0; i < kEach; ++i) {
          loop_->post([&, who, i] {
            in_order = in_order && next.at(who)++ == i;
            if (++done == 3 * kEach) loop_->stop();
          });
        }
      });
    }
    loop_->run();
  }
  EXPECT_TRUE(in_order);
  EXPECT_EQ(done, 3 * kEach);
}

TEST_F(LoopTest, does_what_was_posted_before_stop_and_nothing_after) {
  std::string done;
  loop_->post([&] {
    done += 'a';
    loop_->post([&] { done += 'c'; });
  });
  loop_->post([&] { done += 'b'; });
  loop_->stop();
  loop_->post([&] { done += 'd'; });
  loop_->run();
  EXPECT_EQ(done, "ab");
}

TEST_F(LoopTest, frees_the_messages_that_it_dropped) {
  const auto held = std::make_shared<int>(1);
  loop_->stop();
  loop_->post([held] {});
  loop_->run();
  loop_.reset();
  EXPECT_EQ(held.use_count(), 1);
}

TEST_F(LoopTest, gives_another_turn_in_the_next_one_after_those_that_wait_already) {
  std::string order;
  std::unique_ptr<Watcher> b;
  Watcher a{[&](std::uint32_t events) {
    EXPECT_EQ(events, 0U);
    order += 'a';
    if (order.size() >= 6) return loop_->stop();
    loop_->again(a);
    loop_->again(a);  // counts once
  }};
  b = std::make_unique<Watcher>([&](std::uint32_t) {
    order += 'b';
    loop_->again(*b);
  });
  loop_->again(a);
  loop_->again(*b);
  loop_->run();
  EXPECT_EQ(order.substr(0, 6), "ababab");
  loop_->not_again(*b);
}

TEST_F(LoopTest, hands_out_events_and_messages_between_the_turns_of_one_who_always_asks_for_another) {
  const TestPipe pipe;
  int turns = 0;
  std::function<void()> ask;
  Watcher busy{[&](std::uint32_t events) {
    if (events == 0) ++turns;
    ask();
  }};
  ask = [&] { loop_->again(busy); };
  Watcher other{[&](std::uint32_t) { loop_->post([&] { loop_->stop(); }); }};
  ASSERT_TRUE(loop_->watch(pipe.read.get(), EPOLLIN, other));
  ask();
  pipe.put("x");
  loop_->run();
  EXPECT_LE(turns, 3);
  loop_->not_again(busy);
}

TEST_F(LoopTest, gives_a_turn_asked_for_during_an_event_after_everybodys_events) {
  const TestPipe one;
  const TestPipe other;
  std::string order;
  const auto greedy = [&](char name, Watcher*& self) {
    return [&order, name, &self, this](std::uint32_t events) {
      order += events == 0 ? static_cast<char>(name - 'a' + 'A') : name;
      if (events != 0) loop_->again(*self);
    };
  };
  Watcher* a_self = nullptr;
  Watcher* b_self = nullptr;
  Watcher a{greedy('a', a_self)};
  Watcher b{greedy('b', b_self)};
  a_self = &a;
  b_self = &b;
  ASSERT_TRUE(loop_->watch(one.read.get(), EPOLLIN, a));
  ASSERT_TRUE(loop_->watch(other.read.get(), EPOLLIN, b));
  one.put("x");
  other.put("x");
  Alarm end{[&] { loop_->stop(); }};
  loop_->arm(end, loop_->now().instant + milliseconds{2});
  loop_->run();
  EXPECT_EQ(order, "abAB");
}

TEST_F(LoopTest, takes_a_turn_back) {
  int calls = 0;
  Watcher taken_back{[&](std::uint32_t) { ++calls; }};
  Watcher first{[&](std::uint32_t) { loop_->not_again(taken_back); }};
  loop_->again(first);
  loop_->again(taken_back);  // its turn would be in the same one
  loop_->post([&] { loop_->stop(); });
  loop_->run();
  EXPECT_EQ(calls, 0);
  loop_->again(taken_back);
  loop_->not_again(taken_back);
  EXPECT_EQ(calls, 0);
}

TEST_F(LoopTest, tells_of_new_bytes_once_for_each_edge) {
  const TestPipe pipe;
  int told = 0;
  Watcher reader{[&](std::uint32_t events) {
    EXPECT_TRUE((events & EPOLLIN) != 0);
    ++told;  // nothing is read
  }};
  ASSERT_TRUE(loop_->watch(pipe.read.get(), EPOLLIN, reader));
  pipe.put("x");
  Alarm more{[&] { pipe.put("y"); }};
  Alarm end{[&] { loop_->stop(); }};
  loop_->arm(more, loop_->now().instant + milliseconds{3});
  loop_->arm(end, loop_->now().instant + milliseconds{6});
  loop_->run();
  EXPECT_EQ(told, 2);
}

TEST_F(LoopTest, watches_anew_and_no_more) {
  const TestPipe pipe;
  std::string told;
  Watcher one{[&](std::uint32_t) { told += '1'; }};
  Watcher two{[&](std::uint32_t) { told += '2'; }};
  pipe.put("x");
  ASSERT_TRUE(loop_->watch(pipe.read.get(), EPOLLIN, one));
  ASSERT_TRUE(loop_->watch(pipe.read.get(), EPOLLIN, two));  // what is there is told again
  Alarm unwatch{[&] {
    loop_->unwatch(pipe.read.get());
    pipe.put("y");
  }};
  Alarm end{[&] { loop_->stop(); }};
  loop_->arm(unwatch, loop_->now().instant + milliseconds{2});
  loop_->arm(end, loop_->now().instant + milliseconds{4});
  loop_->run();
  EXPECT_EQ(told, "2");
  EXPECT_FALSE(loop_->watch(-1, EPOLLIN, one));
}

// One that is watched, and counts how many of them live.
class Mortal final : public Watched, public Disposable {
 public:
  Mortal(int& alive, std::function<void(Mortal&)> what) : alive_{alive}, what_{std::move(what)} { ++alive_; }
  ~Mortal() override { --alive_; }
  void on_events(std::uint32_t) override { what_(*this); }

 private:
  int& alive_;
  std::function<void(Mortal&)> what_;
};

TEST_F(LoopTest, keeps_what_is_disposed_of_until_the_events_of_the_turn_have_been_handed_out) {
  const std::array<TestPipe, 3> pipes;
  int alive = 0;
  std::vector<std::unique_ptr<Mortal>> mortals;
  int called = 0;
  const auto kill_all = [&](Mortal&) {
    EXPECT_EQ(alive, 3);  // also for those that were disposed of already
    ++called;
    for (auto& mortal : mortals) {
      if (mortal) loop_->dispose(std::move(mortal));
    }
  };
  for (const auto& pipe : pipes) {
    mortals.push_back(std::make_unique<Mortal>(alive, kill_all));
    ASSERT_TRUE(loop_->watch(pipe.read.get(), EPOLLIN, *mortals.back()));
    pipe.put("x");
  }
  Alarm end{[&] {
    EXPECT_EQ(alive, 0);
    loop_->stop();
  }};
  loop_->arm(end, loop_->now().instant + milliseconds{3});
  loop_->run();
  EXPECT_EQ(called, 3);
}

// Disposes of another when it goes.
class Chain final : public Disposable {
 public:
  Chain(Loop& loop, int& gone, int left) : loop_{loop}, gone_{gone}, left_{left} {}
  ~Chain() override {
    ++gone_;
    if (left_ > 0) loop_.dispose(std::make_unique<Chain>(loop_, gone_, left_ - 1));
  }

 private:
  Loop& loop_;
  int& gone_;
  int left_;
};

TEST_F(LoopTest, lets_what_goes_dispose_of_more) {
  int gone = 0;
  loop_->dispose(std::make_unique<Chain>(*loop_, gone, 20));
  loop_->stop();
  loop_->run();
  EXPECT_EQ(gone, 21);
  loop_->dispose(std::make_unique<Chain>(*loop_, gone, 2));
  loop_->bury();
  EXPECT_EQ(gone, 24);
}

TEST_F(LoopTest, knows_both_clocks) {
  const Now before = loop_->now();
  Alarm end{[&] { loop_->stop(); }};
  loop_->arm(end, before.instant + milliseconds{3});
  loop_->run();
  EXPECT_GE(loop_->now().instant - before.instant, milliseconds{3});
  EXPECT_GE(loop_->now().wall, before.wall);
}

}  // namespace
}  // namespace tidegate
