#include "store/traffic_monitor_state.h"

#include <gmock/gmock.h>

namespace tidegate {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST(TrafficMonitorState, is_read_as_the_original_writes_it) {
  const auto proxies = parse_traffic_monitor_state(R"({
  "web": {
    "name": "web", "protocol": "tcp", "listen_port": 10001, "target_port": 10000,
    "total_upload": 1073741824, "total_download": 9223372036854775807,
    "monthly_upload": 536870912, "monthly_download": 1073741824,
    "current_month": "2024-12", "limit": 107374182400, "limit_monthly": 0
  },
  "dns": {"name": "dns", "protocol": "both", "total_upload": 1, "some_day": {"deep": [1, 2]}, "current_month": ""}
})");
  ASSERT_TRUE(proxies) << proxies.error().what;
  EXPECT_THAT(*proxies, ElementsAre(TrafficMonitorUsage{.name = "dns", .upload = 1},
                                    TrafficMonitorUsage{.name = "web",
                                                        .upload = 1073741824,
                                                        .download = 9223372036854775807,
                                                        .month = "2024-12",
                                                        .month_upload = 536870912,
                                                        .month_download = 1073741824}));
}

TEST(TrafficMonitorState, without_proxies_is_empty) {
  for (const auto* text : {"{}", "null", R"({"web": null})"}) {
    const auto proxies = parse_traffic_monitor_state(text);
    ASSERT_TRUE(proxies) << text << ": " << proxies.error().what;
    EXPECT_THAT(*proxies, IsEmpty()) << text;
  }
}

TEST(TrafficMonitorState, that_is_wrong_is_refused_by_proxy_and_field) {
  const auto error = [](std::string_view text) {
    const auto proxies = parse_traffic_monitor_state(text);
    return proxies ? std::string{"no error"} : proxies.error().what;
  };
  EXPECT_THAT(error(""), HasSubstr("not JSON"));
  EXPECT_THAT(error(R"({"web": {"total_upload": 12)"), HasSubstr("not JSON"));  // cut off
  EXPECT_THAT(error("[1]"), HasSubstr("not a JSON object of proxies"));
  EXPECT_EQ(error(R"({"web": 5})"), "proxy \"web\" is not a JSON object");
  EXPECT_EQ(error(R"({"web": {"total_upload": -5}})"), "proxy \"web\": total_upload is not a number of bytes");
  EXPECT_EQ(error(R"({"web": {"monthly_download": 1.5}})"), "proxy \"web\": monthly_download is not a number of bytes");
  EXPECT_EQ(error(R"({"web": {"total_download": "5"}})"), "proxy \"web\": total_download is not a number of bytes");
  EXPECT_EQ(error(R"({"web": {"current_month": 202412}})"), "proxy \"web\": current_month is not a text");
  for (const auto* month : {"2024-13", "2024-00", "2024-1", "24-12", "2024/12", "2024-12-01"})
    EXPECT_THAT(error(fmt::format(R"({{"web": {{"current_month": "{}"}}}})", month)), HasSubstr("YYYY-MM")) << month;
}

}  // namespace
}  // namespace tidegate
