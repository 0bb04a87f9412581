#include "api/http_target.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tidegate {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

TEST(HttpTarget, decodes_segments_and_query) {
  const auto target = parse_target("/api/a%2Fb%20c/d+e?x=1&y=a+b%26&x=2&flag&=nothing").value();
  EXPECT_THAT(target.path, ElementsAre("api", "a/b c", "d+e"));
  EXPECT_THAT(target.query, ElementsAre(Pair("flag", ""), Pair("x", "2"), Pair("y", "a b&")));
  EXPECT_EQ(target.authority, "");
}

TEST(HttpTarget, knows_the_root_and_empty_segments) {
  EXPECT_THAT(parse_target("/").value().path, IsEmpty());
  EXPECT_THAT(parse_target("/?a=b").value().path, IsEmpty());
  EXPECT_THAT(parse_target("//a/").value().path, ElementsAre("", "a", ""));
}

TEST(HttpTarget, takes_the_absolute_form) {
  const auto target = parse_target("http://localhost:8080/health?a").value();
  EXPECT_EQ(target.authority, "localhost:8080");
  EXPECT_THAT(target.path, ElementsAre("health"));
  EXPECT_THAT(parse_target("https://host").value().path, IsEmpty());
}

TEST(HttpTarget, refuses_what_is_none) {
  for (const auto* wrong : {"",
                            "*",
                            "health",
                            "http://",
                            "http:///x",
                            "http://host?x",
                            "/%",
                            "/%4",
                            "/%zz",
                            "/%+1",
                            "/a%00",
                            "/a\n",
                            "/a%0d%0aSet-Cookie:x",
                            "/..",
                            "/a/../b",
                            "/%2e%2e/x",
                            "/.",
                            "/a?b=%",
                            "/a?%01=b",
                            "/\x7f"}) {
    EXPECT_FALSE(parse_target(wrong)) << wrong;
  }
}

TEST(HttpTarget, matches_a_pattern_whole_segments_at_a_time) {
  const auto match = [](std::string_view pattern, std::vector<std::string> path) { return match_path(pattern, path); };
  EXPECT_THAT(match("/", {}), testing::Optional(IsEmpty()));
  EXPECT_THAT(match("/api/{name}/usage", {"api", "a/b", "usage"}), testing::Optional(ElementsAre(Pair("name", "a/b"))));
  EXPECT_THAT(match("/{a}/{b}", {"1", "2"}), testing::Optional(ElementsAre(Pair("a", "1"), Pair("b", "2"))));
  EXPECT_EQ(match("/api/{name}", {"api", ""}), std::nullopt);
  EXPECT_EQ(match("/api/{name}", {"api"}), std::nullopt);
  EXPECT_EQ(match("/api/{name}", {"api", "a", "b"}), std::nullopt);
  EXPECT_EQ(match("/api", {"API"}), std::nullopt);
  EXPECT_EQ(match("/", {"api"}), std::nullopt);
}

}  // namespace
}  // namespace tidegate
