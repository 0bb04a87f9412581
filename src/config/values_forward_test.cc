#include "config/config.h"

namespace tidegate {
namespace {

using namespace std::chrono_literals;

TEST(ForwardValues, are_words_as_in_the_file) {
  EXPECT_EQ(parse_forward_protocol("both").value(), ForwardProtocol::both);
  EXPECT_EQ(parse_balance("least_connections").value(), Balance::least_connections);
  EXPECT_EQ(parse_hold_answer("503").value(), HoldAnswer::http_503);
  EXPECT_EQ(parse_hold_answer("page").value(), HoldAnswer::http_page);
  EXPECT_EQ(parse_limit_action("throttle").value(), LimitAction::throttle);
  EXPECT_EQ(parse_proxy_version("v2").value(), ProxyHeader::v2);
  EXPECT_EQ(parse_weekday("Sun").value(), 6U);
  EXPECT_EQ(parse_forward_protocol("TCP").error().what, "\"TCP\" is not known here (allowed: tcp, udp or both)");
  EXPECT_EQ(parse_balance("random").error().what,
            "\"random\" is not known here (allowed: round_robin, least_connections or source)");
}

TEST(ForwardValues, have_the_words_of_the_model) {
  for (const QuotaPeriod period :
       {QuotaPeriod::none, QuotaPeriod::hour, QuotaPeriod::day, QuotaPeriod::week, QuotaPeriod::month}) {
    EXPECT_EQ(parse_quota_period(to_string(period)).value(), period);
  }
  for (const QuotaCount count : {QuotaCount::sum, QuotaCount::upload, QuotaCount::download, QuotaCount::larger}) {
    EXPECT_EQ(parse_quota_count(to_string(count)).value(), count);
  }
  for (const LimitAction action : {LimitAction::cut, LimitAction::reject, LimitAction::throttle}) {
    EXPECT_EQ(parse_limit_action(to_string(action)).value(), action);
  }
  for (const ForwardProtocol protocol : {ForwardProtocol::tcp, ForwardProtocol::udp, ForwardProtocol::both}) {
    EXPECT_EQ(parse_forward_protocol(to_string(protocol)).value(), protocol);
  }
}

TEST(ForwardValues, a_new_rate_is_a_number_in_a_time) {
  const std::pair<std::string_view, NewRate> cases[] = {
      {"20/s", {20, 1s}},        {"300/m", {300, 1min}},         {"5/10s", {5, 10s}},
      {"1 / 1h30m", {1, 90min}}, {"1000000/h", {1'000'000, 1h}}, {"none", {}}};
  for (const auto& [text, rate] : cases) {
    const auto parsed = parse_new_rate(text);
    ASSERT_TRUE(parsed) << text;
    EXPECT_EQ(*parsed, rate) << text;
  }
  for (const std::string_view text :
       {"", "20", "/s", "20/", "0/s", "1000001/s", "-1/s", "20/0s", "20/parsec", "1.5/s", "20/s/s"}) {
    const auto parsed = parse_new_rate(text);
    ASSERT_FALSE(parsed) << text;
    EXPECT_TRUE(parsed.error().what.contains(fmt::format("\"{}\"", text))) << parsed.error().what;
  }
}

TEST(ForwardValues, a_percentage_is_from_1_to_99) {
  EXPECT_EQ(parse_percent("80%").value(), 80U);
  EXPECT_EQ(parse_percent("1").value(), 1U);
  EXPECT_EQ(parse_percent(" 99 % ").value(), 99U);
  for (const std::string_view text : {"", "%", "0%", "100%", "-5%", "8.5%", "80%%", "80 percent"}) {
    EXPECT_FALSE(parse_percent(text)) << text;
  }
}

TEST(ForwardValues, a_date_is_a_day_that_exists) {
  EXPECT_EQ(parse_date("2026-12-31").value(), std::chrono::year{2026} / 12 / 31);
  for (const std::string_view text : {"", "2026-1-1", "2026-13-01", "2026-02-30", "26-12-31", "2026/12/31",
                                      "-026-12-31", "2026-12-31T00", "31.12.2026"}) {
    EXPECT_FALSE(parse_date(text)) << text;
  }
}

TEST(ForwardValues, a_limit_may_be_none_and_a_rate_may_not_be_nothing) {
  for (const std::string_view text : {"", " ", "0", "none", "0 GB"}) EXPECT_EQ(parse_limit(text).value(), 0U) << text;
  EXPECT_EQ(parse_limit("1.5TB").value(), 1649267441664U);
  EXPECT_FALSE(parse_limit("unlimited"));
  EXPECT_EQ(parse_rate_limit("none").value(), 0U);
  EXPECT_EQ(parse_rate_limit("20Mbit/s").value(), 2'500'000U);
  EXPECT_FALSE(parse_rate_limit("0bit/s"));
  EXPECT_FALSE(parse_rate_limit(""));
}

}  // namespace
}  // namespace tidegate
