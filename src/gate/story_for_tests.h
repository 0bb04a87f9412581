// What the tests of this folder share: a gate with a clock that is told as a story, and a time zone for a while.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <ctime>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "gate/gate.h"

namespace tidegate {

// Local time is that of `zone` while this lives.
class ZoneForAWhile {
 public:
  explicit ZoneForAWhile(const char* zone) {
    if (const char* before = std::getenv("TZ")) before_ = before;
    ::setenv("TZ", zone, 1);
    ::tzset();
  }
  ~ZoneForAWhile() {
    if (before_) {
      ::setenv("TZ", before_->c_str(), 1);
    } else {
      ::unsetenv("TZ");
    }
    ::tzset();
  }
  ZoneForAWhile(const ZoneForAWhile&) = delete;
  ZoneForAWhile& operator=(const ZoneForAWhile&) = delete;

 private:
  std::optional<std::string> before_;
};

// A gate and its clock. Decisions are noted as words: "start", "stop", "woke: UDP …".
class Story {
 public:
  explicit Story(GateSettings settings = {}) : gate{std::move(settings)} {}

  Story& pass(Duration duration) {
    now.instant += duration;
    now.wall += duration;
    return *this;
  }
  std::vector<std::string> step(const GateEvent& event) {
    std::vector<std::string> words;
    for (const auto& decision : gate.step(event, now)) words.push_back(word(decision));
    return words;
  }
  // What is done at an event, without what is told.
  std::vector<std::string> deeds(const GateEvent& event) {
    auto words = step(event);
    std::erase_if(words, [](const auto& text) { return text.contains(": "); });
    return words;
  }
  std::vector<std::string> tick() { return deeds(gate_event::Tick{}); }

  Reading reading(Class meaning, Duration age = {}) const {
    Sample sample;
    sample.at = {now.instant - age, now.wall - age};
    sample.flow = {{*IpAddress::parse("203.0.113.7"), 50311}, {*IpAddress::parse("192.0.2.10"), 8211}, Protocol::udp};
    sample.bytes = 148;
    return {sample, meaning};
  }
  Reading wake() const { return reading(Class::wake); }
  Reading keep() const { return reading(Class::keep); }

  Story& awake() {
    step(wake());
    step(gate_event::StartEnded{});
    EXPECT_EQ(gate.state(), GateState::awake);
    return *this;
  }
  Story& stopping() {
    awake().step(gate_event::StopByHand{});
    EXPECT_EQ(gate.state(), GateState::stopping);
    return *this;
  }
  Story& failed() {
    step(wake());
    step(gate_event::StartEnded{.error = "start exited 1"});
    EXPECT_EQ(gate.state(), GateState::failed);
    return *this;
  }
  // How long until deadline().
  std::optional<Duration> due() const {
    const auto at = gate.deadline(now);
    return at ? std::optional<Duration>{*at - now.instant} : std::nullopt;
  }

  Gate gate;
  // Friday 20 November 2026, 12:00 UTC
  Now now{Instant{} + std::chrono::seconds{1000},
          std::chrono::sys_days{std::chrono::year{2026} / 11 / 20} + std::chrono::hours{12}};

 private:
  static std::string word(const Decision& decision) {
    switch (decision.kind) {
      case Decision::Kind::start:
        return "start";
      case Decision::Kind::cancel_start:
        return "cancel start";
      case Decision::Kind::stop:
        return "stop";
      case Decision::Kind::ask_veto:
        return "ask veto";
      case Decision::Kind::tell:
        return std::string{to_string(decision.event)} + ": " + decision.text;
    }
    return "?";
  }
};

}  // namespace tidegate
