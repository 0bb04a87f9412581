#include "daemon/alert_actions.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio.hpp>
#include <string>
#include <utility>
#include <vector>

#include "observe/clock.h"

namespace tidegate {
namespace {

namespace asio = boost::asio;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;
using testing::SizeIs;
using testing::StartsWith;
using testing::UnorderedElementsAre;

class AlertActionsTest : public testing::Test {
 protected:
  static AlertSettings alert(std::string name, std::vector<AlertAction> actions) {
    return {.name = std::move(name), .when = {.value = 20}, .actions = std::move(actions)};
  }

  static AlertThrottle slow(std::string forward, std::uint64_t rate) {
    return {.forward = std::move(forward), .to = rate};
  }

  static AlertChange raised() {
    return {.raised = true, .at = system_now(), .reading = {.requests = 2417}, .value = 20.1};
  }
  static AlertChange recovered() { return {.raised = false, .at = system_now(), .reading = {}, .value = 0}; }

  [[nodiscard]] AlertActions::Hooks hooks() {
    return {
        .tell = [this](Event event) { events_.push_back(std::move(event)); },
        .start = [this](const std::string& service, const std::string& why) { started_.emplace_back(service, why); },
        .throttle = [this](const std::string& forward, std::uint64_t rate) { throttles_.emplace_back(forward, rate); }};
  }

  // Until every command has ended.
  void run() {
    io_.restart();
    io_.run();
  }

  [[nodiscard]] std::vector<std::pair<std::string, std::uint64_t>> take_throttles() {
    return std::exchange(throttles_, {});
  }

  [[nodiscard]] std::vector<std::string> troubles() const {
    std::vector<std::string> texts;
    for (const auto& event : events_) {
      if (event.kind == EventKind::trouble) texts.push_back(event.service + ": " + event.text);
    }
    return texts;
  }

  asio::io_context io_{1};
  std::vector<Event> events_;
  std::vector<std::pair<std::string, std::string>> started_;
  std::vector<std::pair<std::string, std::uint64_t>> throttles_;
  AlertActions actions_{io_.get_executor(), false, hooks()};
};

TEST_F(AlertActionsTest, tells_what_was_raised_and_what_recovered) {
  const auto busy = alert("busy", {});
  actions_.carry_out("shop", busy, raised());
  actions_.carry_out("shop", busy, recovered());
  ASSERT_THAT(events_, SizeIs(2));
  EXPECT_EQ(events_[0].kind, EventKind::alert_raised);
  EXPECT_EQ(events_[0].service, "shop");
  EXPECT_TRUE(events_[0].text.starts_with("High traffic generated an alert - hits = 2417 triggered at "));
  EXPECT_EQ(events_[1].kind, EventKind::alert_recovered);
}

TEST_F(AlertActionsTest, starts_a_service_when_it_is_raised_only) {
  const auto busy = alert("busy", {AlertStart{"spare"}});
  actions_.carry_out("shop", busy, raised());
  actions_.carry_out("shop", busy, recovered());
  EXPECT_THAT(started_, ElementsAre(Pair("spare", "shop/busy")));
}

TEST_F(AlertActionsTest, slows_a_forward_to_the_smallest_rate_of_all_that_are_raised) {
  const auto busy = alert("busy", {slow("web", 1000), slow("dns", 10)});
  const auto broken = alert("broken", {slow("web", 500)});
  const auto mild = alert("mild", {slow("web", 2000)});
  actions_.carry_out("shop", busy, raised());
  EXPECT_THAT(take_throttles(), UnorderedElementsAre(Pair("web", 1000), Pair("dns", 10)));
  actions_.carry_out("shop", mild, raised());
  EXPECT_THAT(take_throttles(), IsEmpty());
  actions_.carry_out("other", broken, raised());
  EXPECT_THAT(take_throttles(), ElementsAre(Pair("web", 500)));
  actions_.carry_out("other", broken, recovered());
  EXPECT_THAT(take_throttles(), ElementsAre(Pair("web", 1000)));
  actions_.carry_out("shop", busy, recovered());
  EXPECT_THAT(take_throttles(), UnorderedElementsAre(Pair("dns", 0), Pair("web", 2000)));
  actions_.carry_out("shop", mild, recovered());
  EXPECT_THAT(take_throttles(), ElementsAre(Pair("web", 0)));
}

TEST_F(AlertActionsTest, takes_a_throttle_back_with_the_watch_that_wanted_it) {
  actions_.carry_out("shop", alert("busy", {slow("web", 1000)}), raised());
  actions_.carry_out("other", alert("busy", {slow("web", 3000)}), raised());
  EXPECT_THAT(take_throttles(), ElementsAre(Pair("web", 1000)));
  actions_.forget("shop");
  EXPECT_THAT(take_throttles(), ElementsAre(Pair("web", 3000)));
  actions_.forget("shop");
  EXPECT_THAT(take_throttles(), IsEmpty());
}

TEST_F(AlertActionsTest, runs_commands_that_know_what_happened) {
  const auto said = [](const std::string& words) {
    return AlertCommand{"test \"" + words + "\" = 'shop busy raised'"};
  };
  actions_.carry_out("shop", alert("busy", {said("$TIDEGATE_WATCH $TIDEGATE_ALERT $TIDEGATE_STATE")}), raised());
  actions_.carry_out("shop", alert("calm", {said("$TIDEGATE_WATCH $TIDEGATE_ALERT $TIDEGATE_STATE")}), raised());
  run();
  EXPECT_EQ(actions_.counts().commands, 1U);
  EXPECT_EQ(actions_.counts().commands_failed, 1U);
  EXPECT_THAT(troubles(), ElementsAre("shop: alert calm: its command exited 1"));
}

TEST_F(AlertActionsTest, leaves_out_commands_beyond_those_that_may_run_at_one_time) {
  const auto busy = alert("busy", {AlertCommand{"true"}});
  for (std::size_t i = 0; i <= AlertActions::kMostCommands; ++i) actions_.carry_out("shop", busy, raised());
  EXPECT_THAT(troubles(), ElementsAre("shop: alert busy: its command was left out: 32 run already"));
  run();
  EXPECT_EQ(actions_.counts().commands, AlertActions::kMostCommands);
  EXPECT_EQ(actions_.counts().commands_left_out, 1U);
  actions_.carry_out("shop", busy, raised());
  run();
  EXPECT_EQ(actions_.counts().commands, AlertActions::kMostCommands + 1) << "there is room again";
}

TEST_F(AlertActionsTest, gives_up_what_a_webhook_of_no_alert_has_not_delivered) {
  WatchSettings watch{.name = "shop", .ports = {80}};
  watch.alerts.push_back(alert("busy", {AlertWebhook{.url = "http://127.0.0.1:1/secret"}}));
  ASSERT_TRUE(actions_.apply({watch}));
  actions_.carry_out("shop", watch.alerts.front(), raised());
  actions_.carry_out("shop", watch.alerts.front(), recovered());
  ASSERT_TRUE(actions_.apply({watch})) << "nothing changes";
  EXPECT_EQ(actions_.counts().webhooks, WebhookCounts{});
  ASSERT_TRUE(actions_.apply({}));
  run();
  EXPECT_EQ(actions_.counts().webhooks.left_out, 2U);
  EXPECT_THAT(troubles(), ElementsAre(": 2 messages to http://127.0.0.1:1 are given up: no alert names it any more"));
}

TEST_F(AlertActionsTest, refuses_certificates_that_cannot_be_read) {
  WatchSettings watch{.name = "shop", .ports = {80}};
  watch.alerts.push_back(alert("busy", {AlertWebhook{"https://127.0.0.1:1/", "/nonexistent.pem"}}));
  const auto applied = actions_.apply({watch});
  ASSERT_FALSE(applied);
  EXPECT_THAT(applied.error().what,
              StartsWith("post https://127.0.0.1:1: read the certificates of /nonexistent.pem: "));
}

TEST_F(AlertActionsTest, does_nothing_outside_in_a_dry_run) {
  AlertActions dry{io_.get_executor(), true, hooks()};
  WatchSettings watch{.name = "shop", .ports = {80}};
  watch.alerts.push_back(alert("busy", {AlertCommand{"false"}, AlertWebhook{.url = "http://127.0.0.1:1/"}}));
  dry.carry_out("shop", watch.alerts.front(), raised());
  run();
  EXPECT_EQ(dry.counts().commands_failed, 0U);
  EXPECT_THAT(troubles(), IsEmpty());
}

}  // namespace
}  // namespace tidegate
