#include "cli/forward_view.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>

namespace tidegate::cli {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

boost::json::object forward() {
  return boost::json::parse(R"({
    "name": "web", "origin": "api", "protocol": "both", "listen": "*:10001", "service": "wiki", "state": "cut",
    "targets": [{"target": "127.0.0.1:1", "weight": 1, "state": "up", "open": 2},
                {"target": "127.0.0.1:2", "weight": 3, "state": "down", "open": 0}],
    "upload": 1024, "download": 2048, "connections": 7, "sessions": 2, "errors": 1, "refused": 4, "dropped": 5,
    "open_connections": 2, "open_sessions": 1, "waiting": 3, "quotas": ["web/limit"]})")
      .as_object();
}

TEST(ForwardTable, tells_who_listens_where_it_leads_and_what_it_carried) {
  const auto lines = forward_table({{"forwards", boost::json::array{forward()}}});
  EXPECT_THAT(lines, ElementsAre("FORWARD  STATE  PROTOCOL  LISTENS ON  LEADS TO                         OPEN   UPLOAD"
                                 "  DOWNLOAD  ERRORS  REFUSED",
                                 "web      cut    both      *:10001     127.0.0.1:1, 127.0.0.1:2 (down)     3  1.00 KB"
                                 "   2.00 KB       1        4  3 waiting for wiki"));
}

TEST(ForwardTable, is_nothing_where_the_answer_has_no_forwards) {
  EXPECT_THAT(forward_table({{"services", boost::json::array{}}}), IsEmpty());
  EXPECT_THAT(forward_table({{"forwards", boost::json::array{}}}), IsEmpty());
}

TEST(ForwardLines, tell_everything_of_one) {
  const auto lines = forward_lines(forward());
  EXPECT_THAT(lines, Contains("web is cut: both on *:10001, added at run time"));
  EXPECT_THAT(lines, Contains("  leads to    127.0.0.1:2 (down, weight 3, 0 open)"));
  EXPECT_THAT(lines, Contains("  wakes       wiki (3 clients waiting)"));
  EXPECT_THAT(lines, Contains(HasSubstr("1.00 KB up, 2.00 KB down")));
  EXPECT_THAT(lines, Contains("  quota       web/limit"));
}

}  // namespace
}  // namespace tidegate::cli
