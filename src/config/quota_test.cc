// Each key of a quota, of a forward and of a group.
#include "config/quota.h"

#include "config/config.h"

namespace tidegate {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Q = QuotaSettings;

constexpr std::string_view kForward = "forwards: [{name: f, listen_port: 1, target_port: 2}]";

std::string errors(const std::string& text) {
  const auto config = parse_config(text, "t.yaml");
  std::string all;
  if (!config) {
    for (const ConfigError& error : config.error()) all += error.to_string() + "\n";
  }
  return all;
}

std::string group_with(std::string_view keys) {
  return fmt::format("{}\nquotas:\n  - group: g\n    {}\n", kForward, keys);
}

Q read(std::string_view keys) {
  const auto config = parse_config(group_with(keys), "t.yaml");
  if (config) return config->quotas.at(0);
  ADD_FAILURE() << errors(group_with(keys));
  return {};
}

TEST(Quota, takes_each_key_as_documented) {
  struct Case {
    std::string_view keys;
    std::function<bool(const Q&)> holds;
  };
  const Case cases[] = {
      {"bytes: 5GB",
       [](const Q& q) { return q.bytes == 5ULL << 30 && q.group == "g" && q.every == QuotaPeriod::none; }},
      {"bytes: 1\n    every: none", [](const Q& q) { return q.every == QuotaPeriod::none; }},
      {"bytes: 1\n    every: hour", [](const Q& q) { return q.every == QuotaPeriod::hour; }},
      {"bytes: 1\n    every: day\n    zone: Europe/Berlin",
       [](const Q& q) { return q.every == QuotaPeriod::day && q.zone == "Europe/Berlin"; }},
      {"bytes: 1\n    every: week\n    from: sun", [](const Q& q) { return q.weekday == 6; }},
      {"bytes: 1\n    every: month\n    day: 31", [](const Q& q) { return q.day == 31; }},
      {"bytes: 1\n    zone: Etc/GMT+5", [](const Q& q) { return q.zone == "Etc/GMT+5"; }},
      {"bytes: 1\n    until: 2028-02-29",
       [](const Q& q) { return q.until == std::chrono::year{2028} / std::chrono::February / 29; }},
      {"bytes: 1\n    count: download", [](const Q& q) { return q.count == QuotaCount::download; }},
      {"bytes: 1\n    action: reject", [](const Q& q) { return q.action == LimitAction::reject; }},
      {"bytes: 1\n    action: throttle\n    to: 1Mbit/s", [](const Q& q) { return q.throttle == 125'000; }},
      {"bytes: 1\n    warn: 50%", [](const Q& q) { return q.warn == std::vector{50U}; }},
      {"bytes: 1\n    warn: [95%, 80]", [](const Q& q) { return q.warn == std::vector{80U, 95U}; }},
  };
  for (const Case& c : cases) {
    EXPECT_TRUE(c.holds(read(c.keys))) << c.keys;
  }
}

TEST(Quota, refuses_wrong_values_with_their_place_and_what_is_allowed) {
  struct Case {
    std::string_view keys;  // in line 4
    std::string_view error;
  };
  const Case cases[] = {
      {"bytes: many", "t.yaml:4:12: quotas[0].bytes: \"many\" is not a size"},
      {"bytes: 0", "t.yaml:3:5: quotas[0]: has no bytes"},
      {"bytes: 1\n    every: year",
       "t.yaml:5:12: quotas[0].every: \"year\" is not known here (allowed: none, hour, day, week or month)"},
      {"bytes: 1\n    from: Mon", "t.yaml:5:11: quotas[0].from: goes only with \"every: week\""},
      {"bytes: 1\n    every: week\n    from: Noon",
       "quotas[0].from: \"Noon\" is not known here (allowed: Mon, Tue, Wed, Thu, Fri, Sat or Sun)"},
      {"bytes: 1\n    day: 15", "t.yaml:5:10: quotas[0].day: goes only with \"every: month\""},
      {"bytes: 1\n    every: month\n    day: 32", "t.yaml:6:10: quotas[0].day: \"32\" is not a number from 1 to 31"},
      {"bytes: 1\n    zone: Mars Base", "t.yaml:5:11: quotas[0].zone: \"Mars Base\" is not the name of a time zone"},
      {"bytes: 1\n    zone: ../etc/passwd", "quotas[0].zone: \"../etc/passwd\" is not the name of a time zone"},
      {"bytes: 1\n    zone: /etc/localtime", "is not the name of a time zone (try Europe/Berlin)"},
      {"bytes: 1\n    until: 2026-02-30",
       "t.yaml:5:12: quotas[0].until: \"2026-02-30\" is not a date (try 2026-12-31)"},
      {"bytes: 1\n    every: day\n    until: 2026-12-31",
       "t.yaml:6:12: quotas[0].until: goes only with \"every: none\", not with day"},
      {"bytes: 1\n    count: all",
       "quotas[0].count: \"all\" is not known here (allowed: sum, upload, download or larger)"},
      {"bytes: 1\n    action: throttle", "t.yaml:5:13: quotas[0].action: \"throttle\" needs a rate (to: 1Mbit/s)"},
      {"bytes: 1\n    to: 1Mbit/s", "t.yaml:5:9: quotas[0].to: goes only with \"action: throttle\""},
      {"bytes: 1\n    action: throttle\n    to: none", "t.yaml:6:9: quotas[0].to: \"none\" is not a rate"},
      {"bytes: 1\n    warn: [80%, 100%]",
       "t.yaml:5:17: quotas[0].warn[1]: \"100%\" is not a percentage from 1% to 99%"},
      {"bytes: 1\n    warn: [80%, 80]", "t.yaml:5:17: quotas[0].warn[1]: 80% stands here twice"},
      {"byts: 1", "t.yaml:4:5: quotas[0]: unknown key \"byts\" (did you mean \"bytes\"?)"},
  };
  for (const Case& c : cases) {
    const std::string found = errors(group_with(c.keys));
    EXPECT_THAT(found, HasSubstr(std::string{c.error})) << c.keys;
    EXPECT_LE(std::ranges::count(found, '\n'), 2) << found;
  }
}

TEST(Quota, of_a_group_has_a_name_and_bytes_of_its_own) {
  EXPECT_EQ(errors(fmt::format("{}\nquotas: [{{bytes: 1}}]", kForward)), "t.yaml:2:10: quotas[0]: has no group\n");
  EXPECT_EQ(errors(fmt::format("{}\nquotas: [{{group: g}}]", kForward)), "t.yaml:2:10: quotas[0]: has no bytes\n");
  EXPECT_EQ(errors(fmt::format("{}\nquotas: [{{group: g, bytes: 1}}, {{group: g, bytes: 2}}]", kForward)),
            "t.yaml:2:40: quotas[1].group: \"g\" is the group of quotas[0] already\n");
  EXPECT_THAT(errors(fmt::format("{}\nquotas: [{{group: a b, bytes: 1}}]", kForward)),
              HasSubstr("quotas[0].group: \"a b\" is not a name"));
  EXPECT_EQ(errors(fmt::format("{}\nquotas: []", kForward)), "");
  EXPECT_EQ(errors(fmt::format("{}\nquotas: {{group: g}}", kForward)),
            "t.yaml:2:9: quotas: a list of quotas belongs here\n");
}

std::string forward_with(std::string_view quota) {
  return fmt::format(
      "forwards: [{{name: f, listen_port: 1, target_port: 2, quota: {}}}]\nquotas: [{{group: family, bytes: 1}}]",
      quota);
}

TEST(Quota, of_a_forward_joins_a_group_or_counts_beside_it) {
  const auto joined = parse_config(forward_with("{group: family}"), "t.yaml");
  ASSERT_TRUE(joined);
  EXPECT_EQ(joined->forwards[0].quota->bytes, 0U);
  EXPECT_EQ(joined->forwards[0].quota->group, "family");
  const auto both = parse_config(forward_with("{bytes: 5, every: day, group: family}"), "t.yaml");
  ASSERT_TRUE(both);
  EXPECT_EQ(both->forwards[0].quota->bytes, 5U);
  EXPECT_EQ(errors(forward_with("{every: day, group: family}")),
            "t.yaml:1:69: forwards[0].quota.every: goes only with \"bytes\"\n");
  EXPECT_EQ(errors(forward_with("{group: famly}")),
            "t.yaml:1:69: forwards[0].quota.group: there is no group in quotas \"famly\" (did you mean \"family\"?)\n");
  EXPECT_EQ(errors(forward_with("{bytes: 0}")), "t.yaml:1:61: forwards[0].quota: has no bytes (or group)\n");
}

TEST(Quota, is_checked_where_no_file_says_it) {
  Config config;
  Q q;
  q.group = "g";
  q.bytes = 1;
  q.weekday = 7;
  q.day = 0;
  q.warn = {0, 90, 90};
  q.until = std::chrono::year{2026} / std::chrono::February / 30;
  config.quotas = {q};
  std::vector<std::string> found;
  for (const ConfigError& error : validate(config)) found.push_back(error.to_string());
  EXPECT_THAT(found, ElementsAre("quotas[0].from: 7 is no day of the week", "quotas[0].day: 0 is no day of a month",
                                 "quotas[0].until: is not a date", "quotas[0].warn: 0% is not from 1% to 99%",
                                 "quotas[0].warn: must rise from one to the next"));
}

}  // namespace
}  // namespace tidegate
