// Each rule of gate.h about waking, failing and stopping once, told as the story of one service.
#include "gate/gate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/units.h"
#include "gate/story_for_tests.h"

namespace tidegate {
namespace {

using namespace std::chrono_literals;
using namespace gate_event;
using testing::ElementsAre;
using testing::IsEmpty;

// --- waking

TEST(Gate, sleeps_until_a_packet_of_class_wake_starts_it) {
  Story story;
  EXPECT_EQ(story.gate.state(), GateState::asleep);
  EXPECT_EQ(story.due(), std::nullopt);
  EXPECT_THAT(story.step(story.reading(Class::ignore)), IsEmpty());
  EXPECT_THAT(story.step(story.keep()), IsEmpty());
  EXPECT_THAT(story.step(story.wake()),
              ElementsAre("woke: UDP 203.0.113.7:50311 → 192.0.2.10:8211, 148 bytes", "start"));
  EXPECT_EQ(story.gate.state(), GateState::waking);
  EXPECT_EQ(story.gate.cause(), "packet");
  ASSERT_TRUE(story.gate.woken_by());
  EXPECT_EQ(story.gate.woken_by()->sample.flow.source.port, 50311);
}

TEST(Gate, starts_only_once_however_much_traffic_comes_while_waking) {
  Story story;
  story.step(story.wake());
  for (int i = 0; i < 100; ++i) EXPECT_THAT(story.pass(10ms).step(story.wake()), IsEmpty());
  EXPECT_THAT(story.step(StartByHand{}), IsEmpty());
  EXPECT_THAT(story.step(KeepUntil{story.now.wall + 1h}),
              ElementsAre("kept: until " + format_date_time(story.now.wall + 1h)));
}

TEST(Gate, is_awake_when_the_start_has_ended_well) {
  Story story;
  story.step(story.wake());
  EXPECT_THAT(story.pass(4200ms).step(StartEnded{}), ElementsAre("ready: after 4.2 s"));
  EXPECT_EQ(story.gate.state(), GateState::awake);
  EXPECT_EQ(story.gate.since().instant, story.now.instant);
}

TEST(Gate, is_started_by_hand) {
  Story story;
  EXPECT_THAT(story.step(StartByHand{}), ElementsAre("woke: started by hand", "start"));
  EXPECT_EQ(story.gate.cause(), "operator");
  EXPECT_FALSE(story.gate.woken_by());
}

TEST(Gate, is_started_by_an_alert_as_by_hand_and_says_which) {
  Story story;
  EXPECT_THAT(story.step(StartByHand{.alert = "shop/busy"}), ElementsAre("woke: started by alert shop/busy", "start"));
  EXPECT_EQ(story.gate.cause(), "alert");
  EXPECT_THAT(story.step(StartByHand{.alert = "shop/broken"}), IsEmpty());
}

TEST(Gate, cancels_a_start_that_takes_too_long_and_fails_only_when_it_has_ended) {
  Story story;
  story.step(story.wake());
  EXPECT_EQ(story.due(), 60s);
  EXPECT_THAT(story.pass(60s - 1ns).tick(), IsEmpty());
  EXPECT_THAT(story.pass(1ns).tick(), ElementsAre("cancel start"));
  EXPECT_EQ(story.gate.state(), GateState::waking);
  EXPECT_EQ(story.due(), std::nullopt);
  EXPECT_THAT(story.pass(60s).tick(), IsEmpty()) << "cancelled once";
  EXPECT_THAT(story.step(StartEnded{.error = "not ready within 1m"}),
              ElementsAre("start failed: not ready within 1m, again in 5.0 s"));
  EXPECT_EQ(story.gate.state(), GateState::failed);
}

TEST(Gate, takes_a_start_that_was_ready_just_when_it_was_cancelled) {
  Story story;
  story.step(story.wake());
  story.pass(60s).tick();
  story.step(StartEnded{});
  EXPECT_EQ(story.gate.state(), GateState::awake);
}

TEST(Gate, calls_off_a_start_by_hand_and_sleeps_when_it_has_ended) {
  Story story;
  story.step(story.wake());
  EXPECT_THAT(story.step(StopByHand{}), ElementsAre("cancel start"));
  EXPECT_THAT(story.step(StopByHand{}), IsEmpty());
  EXPECT_EQ(story.gate.state(), GateState::waking);
  EXPECT_THAT(story.step(StartEnded{.error = "cancelled"}), ElementsAre("slept: the start was called off by hand"));
  EXPECT_EQ(story.gate.state(), GateState::asleep);
  EXPECT_EQ(story.gate.last_error(), "");
}

TEST(Gate, stops_what_became_ready_although_it_was_called_off_by_hand) {
  Story story;
  story.step(story.wake());
  story.step(StopByHand{});
  EXPECT_THAT(story.deeds(StartEnded{}), ElementsAre("stop"));
  EXPECT_EQ(story.gate.state(), GateState::stopping);
}

TEST(Gate, stops_what_a_start_called_off_by_hand_left_running) {
  Story story;
  story.step(story.wake());
  story.step(StopByHand{});
  EXPECT_THAT(story.deeds(StartEnded{.error = "cancelled", .running = true}), ElementsAre("stop"));
  EXPECT_THAT(story.deeds(StopEnded{}), IsEmpty());
  EXPECT_EQ(story.gate.state(), GateState::asleep);
}

TEST(Gate, starts_again_for_traffic_that_came_after_the_start_was_called_off) {
  Story story;
  story.step(story.wake());
  story.step(StopByHand{});
  EXPECT_THAT(story.step(story.wake()), IsEmpty());
  EXPECT_THAT(story.deeds(StartEnded{.error = "cancelled"}), ElementsAre("start"));
}

TEST(Gate, does_not_notice_an_end_while_its_start_is_outstanding) {
  Story story;
  story.step(story.wake());
  EXPECT_THAT(story.step(Gone{.how = "exited 1", .failed = true}), IsEmpty());
  EXPECT_EQ(story.gate.state(), GateState::waking);
}

TEST(Gate, takes_no_notice_of_a_running_service_while_it_starts_or_stops_it) {
  Story story;
  story.step(story.wake());
  EXPECT_THAT(story.step(Running{}), IsEmpty());
  EXPECT_EQ(story.gate.state(), GateState::waking);
  story.step(StartEnded{});
  story.step(StopByHand{});
  EXPECT_THAT(story.step(Running{}), IsEmpty());
  EXPECT_EQ(story.gate.state(), GateState::stopping);
}

// --- failed

TEST(Gate, says_why_a_start_failed_and_when_it_is_tried_again) {
  Story story{{.retry_first = 38s}};
  story.step(story.wake());
  EXPECT_THAT(story.step(StartEnded{.error = "start exited 1"}),
              ElementsAre("start failed: start exited 1, again in 38 s"));
  EXPECT_EQ(story.gate.last_error(), "start exited 1");
  EXPECT_EQ(story.gate.retry_at(), story.now.instant + 38s);
  EXPECT_EQ(story.due(), 38s);
}

TEST(Gate, tries_again_at_the_retry_time_for_traffic_since_the_attempt_began) {
  Story story;
  story.step(story.wake());
  story.pass(1s).step(story.wake());  // while waking
  story.step(StartEnded{.error = "start exited 1"});
  EXPECT_THAT(story.pass(5s - 1ns).tick(), IsEmpty());
  EXPECT_THAT(story.pass(1ns).tick(), ElementsAre("start"));
}

TEST(Gate, tries_again_at_the_retry_time_for_traffic_since_the_failure) {
  Story story;
  story.failed().pass(1s);
  EXPECT_THAT(story.step(story.wake()), IsEmpty());
  EXPECT_THAT(story.pass(4s).tick(), ElementsAre("start"));
}

TEST(Gate, sleeps_at_the_retry_time_when_nobody_wants_it_any_more) {
  Story story;
  story.failed();
  EXPECT_THAT(story.pass(1s).step(story.keep()), IsEmpty());
  EXPECT_THAT(story.pass(4s).step(Tick{}), ElementsAre("forgot: nothing wants it any more"));
  EXPECT_EQ(story.gate.state(), GateState::asleep);
  EXPECT_EQ(story.gate.retry_at(), std::nullopt);
  EXPECT_THAT(story.deeds(story.wake()), ElementsAre("start"));
}

TEST(Gate, waits_twice_as_long_after_each_failure_up_to_the_most) {
  Story story{{.retry_first = 5s, .retry_most = 30s}};
  story.failed();
  for (const Duration wait : {10s, 20s, 30s, 30s}) {
    story.step(story.wake());
    EXPECT_THAT(story.pass(*story.due()).tick(), ElementsAre("start"));
    story.step(StartEnded{.error = "start exited 1"});
    EXPECT_EQ(story.due(), wait);
  }
}

TEST(Gate, waits_the_first_time_again_after_it_was_up_for_long) {
  Story story{{.idle = 2h, .retry_most = 5min}};
  story.failed().step(story.wake());
  story.pass(5s).tick();
  story.step(StartEnded{});
  story.pass(5min).step(Gone{.how = "exited 1", .failed = true});
  EXPECT_EQ(story.gate.state(), GateState::asleep);
  story.failed();
  EXPECT_EQ(story.due(), 5s);
}

TEST(Gate, goes_on_doubling_when_it_was_up_only_briefly) {
  Story story{{.idle = 2h, .retry_most = 5min}};
  story.failed().step(story.wake());
  story.pass(5s).tick();
  story.step(StartEnded{});
  EXPECT_THAT(story.pass(5min - 1ns).step(Gone{.how = "exited 1", .failed = true}),
              ElementsAre("gone: exited 1, again in 10 s"));
}

TEST(Gate, is_started_by_hand_at_once_after_a_failure) {
  Story story;
  EXPECT_THAT(story.failed().deeds(StartByHand{}), ElementsAre("start"));
}

TEST(Gate, gives_up_after_a_failure_by_hand) {
  Story story;
  story.failed().step(story.wake());
  EXPECT_THAT(story.deeds(StopByHand{}), IsEmpty());
  EXPECT_EQ(story.gate.state(), GateState::asleep);
}

TEST(Gate, stops_what_a_failed_start_left_running_before_it_tries_again) {
  Story story;
  story.step(story.wake());
  EXPECT_THAT(story.deeds(StartEnded{.error = "not ready", .running = true}), ElementsAre("stop"));
  EXPECT_EQ(story.gate.state(), GateState::stopping);
  story.pass(1s).step(story.wake());
  EXPECT_THAT(story.deeds(StopEnded{}), IsEmpty());
  EXPECT_EQ(story.gate.state(), GateState::failed);
  EXPECT_EQ(story.gate.last_error(), "not ready");
  EXPECT_EQ(story.due(), 4s);
  EXPECT_THAT(story.pass(4s).tick(), ElementsAre("start"));
}

TEST(Gate, starts_by_hand_as_soon_as_the_rest_of_a_failed_start_is_stopped) {
  Story story;
  story.step(story.wake());
  story.step(StartEnded{.error = "not ready", .running = true});
  EXPECT_THAT(story.step(StartByHand{}), IsEmpty());
  EXPECT_THAT(story.deeds(StopEnded{}), ElementsAre("start"));
}

TEST(Gate, tries_again_to_stop_what_a_failed_start_left_running_before_it_sleeps) {
  Story story;
  story.step(story.wake());
  story.step(StartEnded{.error = "not ready", .running = true});
  EXPECT_THAT(story.step(StopEnded{.error = "stop exited 1"}),
              ElementsAre("stop failed: stop exited 1, again in 5.0 s"));
  EXPECT_EQ(story.gate.state(), GateState::failed);
  EXPECT_THAT(story.pass(5s).tick(), ElementsAre("stop"));
  story.step(StopEnded{.error = "stop exited 1"});
  EXPECT_EQ(story.due(), 10s);
  EXPECT_THAT(story.pass(10s).tick(), ElementsAre("stop"));
  story.step(StopEnded{});
  EXPECT_EQ(story.gate.state(), GateState::asleep);
}

TEST(Gate, does_not_let_a_stop_that_fails_hold_up_the_next_start) {
  Story story;
  story.step(story.wake());
  story.step(StartEnded{.error = "not ready", .running = true});
  story.pass(3s).step(StopEnded{.error = "stop exited 1"});
  story.step(story.wake());
  EXPECT_EQ(story.due(), 2s) << "the start's retry time, not the stop's";
  EXPECT_THAT(story.pass(2s).tick(), ElementsAre("start"));
}

TEST(Gate, sleeps_after_a_later_stop_as_if_no_start_had_ever_failed) {
  Story story;
  story.step(story.wake());
  story.step(StartEnded{.error = "not ready", .running = true});
  story.step(StopEnded{});
  story.pass(5s).tick();
  story.stopping();
  EXPECT_THAT(story.step(StopEnded{}), ElementsAre("slept: after 0.0 s"));
}

// --- stopping

TEST(Gate, is_stopped_by_hand_at_once) {
  Story story{{.min_up = 1h, .veto = true}};
  story.awake().step(KeepUntil{story.now.wall + 1h});
  EXPECT_THAT(story.step(StopByHand{}), ElementsAre("stopping: by hand", "stop"));
  EXPECT_EQ(story.gate.keep_until(), std::nullopt);
  EXPECT_THAT(story.deeds(StopEnded{}), IsEmpty());
  EXPECT_EQ(story.gate.state(), GateState::asleep);
}

TEST(Gate, wakes_again_at_once_and_once_for_traffic_that_came_while_it_stopped) {
  Story story;
  story.stopping();
  EXPECT_THAT(story.step(story.keep()), IsEmpty());
  for (int i = 0; i < 10; ++i) EXPECT_THAT(story.step(story.wake()), IsEmpty());
  EXPECT_THAT(story.deeds(StopEnded{}), ElementsAre("start"));
  EXPECT_EQ(story.gate.state(), GateState::waking);
  story.step(StartEnded{});
  story.pass(15min).tick();
  EXPECT_THAT(story.deeds(StopEnded{}), IsEmpty()) << "remembered for one start";
}

TEST(Gate, is_started_again_by_hand_when_the_stop_is_done) {
  Story story;
  story.stopping();
  EXPECT_THAT(story.step(StartByHand{}), IsEmpty());
  EXPECT_THAT(story.step(StopEnded{}), ElementsAre("slept: after 0.0 s", "woke: started by hand", "start"));
}

TEST(Gate, forgets_traffic_that_came_while_it_stopped_when_stopped_by_hand_again) {
  Story story;
  story.stopping().step(story.wake());
  story.step(StopByHand{});
  EXPECT_THAT(story.deeds(StopEnded{}), IsEmpty());
  EXPECT_EQ(story.gate.state(), GateState::asleep);
}

TEST(Gate, is_awake_again_after_a_stop_that_failed_and_tries_with_growing_pauses) {
  Story story{{.retry_first = 5s, .retry_most = 15s}};
  story.awake().pass(15min).tick();
  EXPECT_THAT(story.step(StopEnded{.error = "stop exited 1"}),
              ElementsAre("stop failed: stop exited 1, again in 5.0 s"));
  EXPECT_EQ(story.gate.state(), GateState::awake);
  EXPECT_EQ(story.gate.last_error(), "stop exited 1");
  for (const Duration wait : {5s, 10s, 15s, 15s}) {
    EXPECT_EQ(story.due(), wait);
    EXPECT_THAT(story.pass(wait).tick(), ElementsAre("stop"));
    story.step(StopEnded{.error = "stop exited 1"});
  }
  story.pass(15s).tick();
  story.step(StopEnded{});
  EXPECT_EQ(story.gate.state(), GateState::asleep);
  EXPECT_EQ(story.gate.last_error(), "");
}

TEST(Gate, does_not_try_a_failed_stop_again_when_traffic_has_come) {
  Story story;
  story.stopping().step(story.wake());
  EXPECT_THAT(story.deeds(StopEnded{.error = "stop exited 1"}), IsEmpty());
  EXPECT_EQ(story.gate.state(), GateState::awake);
  EXPECT_EQ(story.due(), 15min);
}

TEST(Gate, tries_a_stop_by_hand_again_although_it_is_not_idle) {
  Story story;
  story.stopping().step(StopEnded{.error = "stop exited 1"});
  EXPECT_EQ(story.due(), 5s);
  EXPECT_EQ(story.gate.sleeps_at(story.now), story.now.instant + 5s);
  EXPECT_THAT(story.pass(5s).step(Tick{}), ElementsAre("stopping: by hand", "stop"));
}

TEST(Gate, takes_a_failed_stop_for_done_when_the_service_ended_meanwhile) {
  Story story;
  story.stopping();
  EXPECT_THAT(story.step(Gone{.how = "exited 0"}), IsEmpty());
  EXPECT_THAT(story.step(StopEnded{.error = "stop exited 1"}), ElementsAre("slept: after 0.0 s"));
}

TEST(Gate, changes_its_state_whatever_the_commands_say_when_they_are_not_trusted) {
  Story story{{.trust_exit_status = false}};
  story.step(story.wake());
  EXPECT_THAT(story.step(StartEnded{.error = "start exited 1"}),
              ElementsAre("start failed: start exited 1, taken as started", "ready: after 0.0 s"));
  EXPECT_EQ(story.gate.state(), GateState::awake);
  story.step(StopByHand{});
  EXPECT_THAT(story.step(StopEnded{.error = "stop exited 1"}),
              ElementsAre("stop failed: stop exited 1, taken as stopped", "slept: after 0.0 s"));
  EXPECT_EQ(story.gate.state(), GateState::asleep);
}

TEST(Gate, ignores_answers_that_its_state_does_not_expect) {
  Story story;
  EXPECT_THAT(story.step(StartEnded{}), IsEmpty());
  EXPECT_THAT(story.step(StopEnded{}), IsEmpty());
  EXPECT_THAT(story.step(VetoAnswered{}), IsEmpty());
  EXPECT_EQ(story.gate.state(), GateState::asleep);
  story.step(story.wake());
  EXPECT_THAT(story.step(StopEnded{}), IsEmpty());
  EXPECT_EQ(story.gate.state(), GateState::waking);
  story.step(StartEnded{});
  EXPECT_THAT(story.step(StartEnded{.error = "late"}), IsEmpty());
  EXPECT_THAT(story.step(StopEnded{}), IsEmpty());
  EXPECT_THAT(story.step(VetoAnswered{}), IsEmpty());
  EXPECT_EQ(story.gate.state(), GateState::awake);
  story.step(StopByHand{});
  EXPECT_THAT(story.step(StartEnded{}), IsEmpty());
  EXPECT_EQ(story.gate.state(), GateState::stopping);
}

// --- found and gone

TEST(Gate, adopts_a_service_that_runs_already) {
  Story story;
  EXPECT_THAT(story.step(Running{}), ElementsAre("found: it runs, and is taken over"));
  EXPECT_EQ(story.gate.state(), GateState::awake);
  EXPECT_EQ(story.gate.cause(), "found");
  EXPECT_EQ(story.due(), 15min);
  EXPECT_THAT(story.pass(1min).step(Running{}), IsEmpty());
  EXPECT_EQ(story.due(), 14min);
}

TEST(Gate, adopts_a_service_that_runs_although_its_start_failed) {
  Story story;
  story.failed().step(Running{});
  EXPECT_EQ(story.gate.state(), GateState::awake);
  EXPECT_EQ(story.gate.last_error(), "");
}

TEST(Gate, stops_a_service_that_runs_already_when_told_so) {
  Story story{{.found = GateSettings::Found::stop}};
  EXPECT_THAT(story.step(Running{}),
              ElementsAre("found: it runs, and is to be stopped", "stopping: found running", "stop"));
  story.step(StopEnded{.error = "stop exited 1"});
  EXPECT_THAT(story.pass(5s).tick(), ElementsAre("stop")) << "a stop that failed is tried again";
}

TEST(Gate, stops_a_service_found_after_a_failure_and_keeps_the_retry_time) {
  Story story{{.found = GateSettings::Found::stop}};
  story.failed().step(story.wake());
  EXPECT_THAT(story.pass(1s).deeds(Running{}), ElementsAre("stop"));
  story.step(StopEnded{});
  EXPECT_EQ(story.gate.state(), GateState::failed);
  EXPECT_EQ(story.due(), 4s);
}

TEST(Gate, leaves_a_service_alone_that_runs_already_when_told_so) {
  Story story{{.found = GateSettings::Found::ignore}};
  EXPECT_THAT(story.step(Running{}), IsEmpty());
  EXPECT_EQ(story.gate.state(), GateState::asleep);
  story.awake();
  EXPECT_THAT(story.step(Gone{.how = "nothing listens on its ports any more"}), IsEmpty());
  EXPECT_EQ(story.gate.state(), GateState::awake);
  story.step(Gone{.how = "exited 1", .failed = true});
  EXPECT_EQ(story.gate.state(), GateState::failed) << "a failure cannot be left alone";
}

TEST(Gate, sleeps_when_the_service_has_ended_by_itself) {
  Story story;
  EXPECT_THAT(story.awake().step(Gone{.how = "exited 0"}), ElementsAre("gone: exited 0"));
  EXPECT_EQ(story.gate.state(), GateState::asleep);
  EXPECT_THAT(story.deeds(story.wake()), ElementsAre("start"));
}

TEST(Gate, has_failed_when_the_service_failed_soon_after_its_start) {
  Story story;
  EXPECT_THAT(story.awake().step(Gone{.how = "killed by SIGSEGV", .failed = true}),
              ElementsAre("gone: killed by SIGSEGV, again in 5.0 s"));
  EXPECT_EQ(story.gate.state(), GateState::failed);
  EXPECT_EQ(story.gate.last_error(), "killed by SIGSEGV");
}

TEST(Gate, pauses_before_it_restarts_what_ends_at_once_though_it_is_to_be_kept) {
  Story story;
  story.step(KeepUntil{story.now.wall + 1h});
  story.step(StartEnded{});
  EXPECT_THAT(story.deeds(Gone{.how = "exited 0"}), IsEmpty());
  EXPECT_EQ(story.due(), 5s);
  EXPECT_THAT(story.pass(5s).tick(), ElementsAre("start"));
}

// --- what it tells

TEST(Gate, tells_when_it_would_sleep) {
  Story story{{.idle = 10min, .max_up = 1h}};
  EXPECT_EQ(story.gate.sleeps_at(story.now), std::nullopt);
  story.awake();
  EXPECT_EQ(story.gate.sleeps_at(story.now), story.now.instant + 10min);
  for (int i = 0; i < 11; ++i) story.pass(5min).step(story.wake());
  EXPECT_EQ(story.gate.sleeps_at(story.now), story.now.instant + 5min) << "max_up comes first";
}

TEST(Gate, names_its_states) {
  EXPECT_EQ(to_string(GateState::asleep), "asleep");
  EXPECT_EQ(to_string(GateState::waking), "waking");
  EXPECT_EQ(to_string(GateState::awake), "awake");
  EXPECT_EQ(to_string(GateState::stopping), "stopping");
  EXPECT_EQ(to_string(GateState::failed), "failed");
}

}  // namespace
}  // namespace tidegate
