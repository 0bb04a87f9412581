// Each rule of gate.h about what keeps a service awake: traffic, the veto, an operator, the schedule.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "gate/story_for_tests.h"

namespace tidegate {
namespace {

using namespace std::chrono_literals;
using namespace gate_event;
using testing::ElementsAre;
using testing::IsEmpty;

// --- idle

TEST(Gate, stops_when_it_was_idle) {
  Story story;
  story.awake();
  EXPECT_EQ(story.due(), 15min);
  EXPECT_THAT(story.pass(15min - 1ns).tick(), IsEmpty());
  EXPECT_THAT(story.pass(1ns).step(Tick{}), ElementsAre("stopping: idle for 15m", "stop"));
  EXPECT_EQ(story.gate.state(), GateState::stopping);
  EXPECT_THAT(story.pass(1200ms).step(StopEnded{}), ElementsAre("slept: after 1.2 s"));
  EXPECT_EQ(story.gate.state(), GateState::asleep);
}

TEST(Gate, stays_awake_during_a_short_silence) {
  Story story;
  story.awake();
  for (int i = 0; i < 10; ++i) {
    story.pass(14min).step(i % 2 == 0 ? story.keep() : story.wake());
    EXPECT_EQ(story.gate.state(), GateState::awake);
    EXPECT_EQ(story.due(), 15min);
  }
  story.pass(14min).step(story.reading(Class::ignore));
  EXPECT_EQ(story.due(), 1min) << "what is ignored does not renew";
}

TEST(Gate, counts_idle_time_from_when_it_was_ready_not_from_when_the_start_began) {
  Story story{{.idle = 30s, .start_timeout = 5min}};
  story.step(story.wake());
  story.pass(2min).step(StartEnded{});
  EXPECT_EQ(story.due(), 30s);
}

TEST(Gate, counts_idle_time_from_when_the_packet_passed_but_never_backwards) {
  Story story;
  story.awake().pass(10s);
  story.step(story.reading(Class::wake, 2s));
  EXPECT_EQ(story.due(), 15min - 2s);
  story.step(story.reading(Class::wake, 5s));
  EXPECT_EQ(story.due(), 15min - 2s);
  story.step(story.reading(Class::wake, -1h));
  EXPECT_EQ(story.due(), 15min) << "a packet of the future passed now";
}

TEST(Gate, stays_up_for_the_least_time) {
  Story story{{.idle = 10s, .min_up = 2min}};
  story.awake();
  EXPECT_EQ(story.gate.kept_by(story.now), "min_up");
  EXPECT_EQ(story.due(), 2min);
  EXPECT_THAT(story.pass(2min - 1ns).tick(), IsEmpty());
  EXPECT_THAT(story.pass(1ns).step(Tick{}), ElementsAre("stopping: idle for 2m", "stop"));
}

TEST(Gate, stops_after_the_longest_time_up_without_asking_and_traffic_wakes_it_again_at_once) {
  Story story{{.max_up = 2h, .veto = true}};
  story.awake();
  for (int i = 0; i < 119; ++i) EXPECT_THAT(story.pass(1min).step(story.wake()), IsEmpty());
  EXPECT_EQ(story.due(), 1min);
  EXPECT_THAT(story.pass(1min).step(story.wake()),
              ElementsAre("stopping: up for 2h, as long as max_up allows", "stop"));
  EXPECT_THAT(story.step(story.wake()), IsEmpty());
  EXPECT_THAT(story.deeds(StopEnded{}), ElementsAre("start"));
}

TEST(Gate, does_nothing_at_a_tick_before_its_deadline) {
  Story story{{.idle = 10s, .max_up = 30s}};
  EXPECT_THAT(story.step(Tick{}), IsEmpty());
  story.awake().pass(9s);
  EXPECT_THAT(story.step(Tick{}), IsEmpty());
  EXPECT_EQ(story.due(), 1s);
}

TEST(Gate, takes_new_settings_without_beginning_the_idle_time_again) {
  Story story;
  story.awake().pass(10min);
  story.gate.reconfigure({.idle = 12min});
  EXPECT_EQ(story.gate.state(), GateState::awake);
  EXPECT_EQ(story.due(), 2min);
  story.gate.reconfigure({.idle = 5min});
  EXPECT_THAT(story.tick(), ElementsAre("stop"));
}

TEST(Gate, never_idles_out_when_the_idle_time_has_no_end) {
  Story story{{.idle = Duration::max()}};
  story.awake();
  EXPECT_EQ(story.due(), std::nullopt);
  EXPECT_EQ(story.gate.sleeps_at(story.now), std::nullopt);
  EXPECT_THAT(story.pass(std::chrono::days{1000}).tick(), IsEmpty());
}

// --- veto

TEST(Gate, asks_the_veto_and_stops_when_it_agrees) {
  Story story{{.veto = true}};
  EXPECT_THAT(story.awake().pass(15min).step(Tick{}), ElementsAre("ask veto"));
  EXPECT_EQ(story.due(), std::nullopt);
  EXPECT_THAT(story.pass(1s).step(Tick{}), IsEmpty()) << "asked once";
  EXPECT_THAT(story.step(VetoAnswered{}), ElementsAre("stopping: idle for 15m 1s", "stop"));
}

TEST(Gate, stays_awake_after_a_veto_and_asks_again_later) {
  Story story{{.veto = true}};
  story.awake().pass(15min).tick();
  EXPECT_THAT(story.step(VetoAnswered{.may_stop = false}), ElementsAre("vetoed: asked again every 1m"));
  EXPECT_EQ(story.gate.kept_by(story.now), "veto");
  EXPECT_EQ(story.due(), 1min);
  EXPECT_THAT(story.pass(1min).step(Tick{}), ElementsAre("ask veto"));
  EXPECT_THAT(story.step(VetoAnswered{.may_stop = false}), IsEmpty()) << "told once";
  story.step(story.wake());
  EXPECT_EQ(story.gate.kept_by(story.now), "");
  EXPECT_EQ(story.due(), 15min);
}

TEST(Gate, ignores_the_yes_of_a_veto_that_new_traffic_has_overtaken) {
  Story story{{.veto = true}};
  story.awake().pass(15min).tick();
  story.pass(1s).step(story.keep());
  EXPECT_THAT(story.pass(1s).step(VetoAnswered{}), IsEmpty());
  EXPECT_EQ(story.gate.state(), GateState::awake);
  EXPECT_EQ(story.due(), 15min - 1s);
  EXPECT_THAT(story.pass(15min - 1s).tick(), ElementsAre("ask veto"));
}

TEST(Gate, ignores_the_answer_of_a_veto_asked_in_an_earlier_time_awake) {
  Story story{{.idle = 10s, .veto = true}};
  story.awake().pass(10s).tick();
  story.step(StopByHand{});
  EXPECT_THAT(story.step(StopEnded{}), ElementsAre("slept: after 0.0 s"));
  story.awake().pass(10s);
  EXPECT_THAT(story.tick(), IsEmpty()) << "the first is still to answer";
  EXPECT_THAT(story.step(VetoAnswered{}), ElementsAre("ask veto"));
  EXPECT_EQ(story.gate.state(), GateState::awake);
  EXPECT_THAT(story.deeds(VetoAnswered{}), ElementsAre("stop"));
}

TEST(Gate, ignores_the_answer_of_a_veto_when_no_longer_awake) {
  Story story{{.veto = true}};
  story.awake().pass(15min).tick();
  story.step(Gone{.how = "exited 0"});
  EXPECT_THAT(story.step(VetoAnswered{}), IsEmpty());
  EXPECT_EQ(story.gate.state(), GateState::asleep);
}

TEST(Gate, ignores_the_yes_of_a_veto_when_it_is_to_be_kept_meanwhile) {
  Story story{{.veto = true}};
  story.awake().pass(15min).tick();
  story.step(KeepUntil{story.now.wall + 1h});
  EXPECT_THAT(story.step(VetoAnswered{}), IsEmpty());
  EXPECT_EQ(story.gate.state(), GateState::awake);
}

TEST(Gate, asks_anew_when_traffic_came_during_a_veto_that_took_longer_than_the_idle_time) {
  Story story{{.idle = 1s, .veto = true}};
  story.awake().pass(1s).tick();
  story.step(story.wake());
  EXPECT_THAT(story.pass(5s).step(VetoAnswered{}), ElementsAre("ask veto"));
}

// --- keep

TEST(Gate, is_started_and_kept_awake_until_the_time_that_an_operator_says) {
  Story story;
  const auto until = story.now.wall + 2h;
  EXPECT_THAT(story.deeds(KeepUntil{until}), ElementsAre("start"));
  EXPECT_EQ(story.gate.cause(), "keep");
  story.step(StartEnded{});
  EXPECT_EQ(story.gate.kept_by(story.now), "keep");
  EXPECT_EQ(story.gate.keep_until(), until);
  EXPECT_EQ(story.due(), 2h);
  EXPECT_EQ(story.gate.sleeps_at(story.now), story.now.instant + 2h);
  EXPECT_THAT(story.pass(2h - 1ns).tick(), IsEmpty());
  EXPECT_THAT(story.pass(1ns).tick(), ElementsAre("stop"));
  EXPECT_EQ(story.gate.keep_until(), std::nullopt);
}

TEST(Gate, is_no_longer_kept_when_the_operator_takes_it_back) {
  Story story;
  story.awake().step(KeepUntil{story.now.wall + 2h});
  EXPECT_THAT(story.step(KeepUntil{story.now.wall}), ElementsAre("kept: no longer"));
  EXPECT_THAT(story.step(KeepUntil{story.now.wall}), IsEmpty());
  EXPECT_EQ(story.due(), 15min);
}

TEST(Gate, starts_at_the_retry_time_when_it_is_to_be_kept) {
  Story story;
  EXPECT_THAT(story.failed().deeds(KeepUntil{story.now.wall + 1h}), IsEmpty());
  EXPECT_THAT(story.pass(5s).tick(), ElementsAre("start"));
}

TEST(Gate, follows_the_wall_clock_when_it_is_set) {
  Story story;
  story.awake().step(KeepUntil{story.now.wall + 2h});
  story.now.wall += 90min;
  EXPECT_EQ(story.due(), 30min);
  story.now.wall -= 3h;
  EXPECT_EQ(story.due(), 210min);
}

// --- schedule

// Windows are in local time; here that is UTC, whatever the host's is.
class GateSchedule : public testing::Test {
 protected:
  static GateSettings from_13_to_15() { return {.awake = {{.days = 127, .from = 13h, .to = 15h}}}; }

 private:
  ZoneForAWhile zone_{"UTC"};
};

TEST_F(GateSchedule, starts_when_a_window_begins_and_stops_when_it_has_ended) {
  Story story{from_13_to_15()};
  EXPECT_EQ(story.due(), 1h);
  EXPECT_THAT(story.pass(1h - 1ns).tick(), IsEmpty());
  EXPECT_THAT(story.pass(1ns).step(Tick{}), ElementsAre("woke: schedule", "start"));
  EXPECT_EQ(story.gate.cause(), "schedule");
  story.step(StartEnded{});
  EXPECT_EQ(story.gate.kept_by(story.now), "schedule");
  EXPECT_EQ(story.due(), 2h);
  EXPECT_EQ(story.gate.sleeps_at(story.now), story.now.instant + 2h);
  EXPECT_THAT(story.pass(1h).tick(), IsEmpty());
  EXPECT_THAT(story.pass(1h).tick(), ElementsAre("stop"));
}

TEST_F(GateSchedule, is_due_at_once_when_it_is_made_in_a_window) {
  Story story{from_13_to_15()};
  story.pass(90min);
  EXPECT_EQ(story.due(), 0s);
  EXPECT_THAT(story.tick(), ElementsAre("start"));
}

TEST_F(GateSchedule, keeps_awake_what_traffic_woke_before_the_window) {
  Story story{from_13_to_15()};
  story.pass(50min).awake();
  EXPECT_EQ(story.gate.kept_by(story.now), "");
  EXPECT_EQ(story.gate.sleeps_at(story.now), story.now.instant + 130min) << "idle at 13:05, in the window";
  EXPECT_EQ(story.due(), 10min) << "the window's beginning";
  EXPECT_THAT(story.pass(10min).tick(), IsEmpty());
  EXPECT_THAT(story.pass(10min).tick(), IsEmpty());
  EXPECT_EQ(story.gate.state(), GateState::awake);
}

TEST_F(GateSchedule, stays_stopped_by_hand_until_the_window_ends) {
  Story story{from_13_to_15()};
  story.pass(1h).tick();
  story.step(StartEnded{});
  EXPECT_THAT(story.pass(10min).deeds(StopByHand{}), ElementsAre("stop"));
  EXPECT_THAT(story.deeds(StopEnded{}), IsEmpty());
  EXPECT_THAT(story.pass(1h).tick(), IsEmpty());
  EXPECT_THAT(story.pass(50min).tick(), IsEmpty());
  EXPECT_THAT(story.pass(22h).tick(), ElementsAre("start")) << "the next day's window";
}

TEST_F(GateSchedule, idles_out_in_a_window_that_was_set_aside_by_hand) {
  Story story{from_13_to_15()};
  story.pass(70min).step(StopByHand{});
  story.step(StartEnded{.error = "cancelled"});
  story.awake();
  EXPECT_EQ(story.gate.kept_by(story.now), "");
  EXPECT_EQ(story.gate.sleeps_at(story.now), story.now.instant + 15min);
  EXPECT_THAT(story.pass(15min).tick(), ElementsAre("stop"));
}

TEST_F(GateSchedule, is_kept_by_its_window_again_after_a_start_by_hand) {
  Story story{from_13_to_15()};
  story.pass(70min).awake().step(StopByHand{});
  story.step(StopEnded{});
  story.step(StartByHand{});
  story.step(StartEnded{});
  EXPECT_EQ(story.gate.kept_by(story.now), "schedule");
}

TEST_F(GateSchedule, tries_again_in_a_window_without_traffic) {
  Story story{from_13_to_15()};
  story.pass(1h).tick();
  story.step(StartEnded{.error = "start exited 1"});
  EXPECT_EQ(story.due(), 5s);
  EXPECT_THAT(story.pass(5s).tick(), ElementsAre("start"));
}

TEST_F(GateSchedule, never_sleeps_in_a_window_without_end) {
  Story story{{.awake = {{.days = 127, .from = 0h, .to = 24h}}}};
  EXPECT_THAT(story.tick(), ElementsAre("start"));
  story.step(StartEnded{});
  EXPECT_EQ(story.gate.sleeps_at(story.now), std::nullopt);
  story.step(StopByHand{});
  EXPECT_THAT(story.deeds(StopEnded{}), IsEmpty()) << "by hand wins";
}

TEST_F(GateSchedule, takes_a_new_schedule_at_the_next_step) {
  Story story;
  story.step(Tick{});
  story.gate.reconfigure({.awake = {{.days = 127, .from = 11h, .to = 13h}}});
  EXPECT_THAT(story.tick(), ElementsAre("start"));
}

}  // namespace
}  // namespace tidegate
