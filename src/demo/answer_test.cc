#include "demo/answer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace tidegate::demo {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

constexpr WallTime kSunday{std::chrono::seconds{784'111'777}};  // the date of RFC 9110 section 5.6.7

TEST(Answer, greets_with_the_path_as_the_original_does) {
  EXPECT_EQ(greeting("/foo/index.html?q=1"), "Hello, your path is: foo/index.html");
  EXPECT_EQ(greeting("/"), "Hello, your path is: ");
  EXPECT_EQ(greeting("/a%20b%2Fc"), "Hello, your path is: a b/c");
  EXPECT_EQ(greeting("http://example.net:80/foo?q"), "Hello, your path is: foo");
  EXPECT_EQ(greeting("http://example.net"), "Hello, your path is: ");
  EXPECT_EQ(greeting("/go?to=http://example.net/"), "Hello, your path is: go");
  EXPECT_EQ(greeting("*"), "Hello, your path is: *");
}

TEST(Answer, lets_no_path_become_html_or_a_control_character) {
  EXPECT_EQ(greeting("/<b>&'\""), "Hello, your path is: &lt;b&gt;&amp;&#39;&quot;");
  EXPECT_EQ(greeting("/%3Cscript%3E"), "Hello, your path is: &lt;script&gt;");
  EXPECT_EQ(greeting("/%1b[2J%ff%zz%4"), "Hello, your path is: \\x1b[2J\\xff%zz%4");
}

TEST(Answer, has_a_length_a_type_and_a_date) {
  Answers answers;
  std::string out;
  answers.greet(out, RequestHead{{}, "GET", "/foo"}, true, kSunday);
  EXPECT_THAT(out, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(out, HasSubstr("\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n"));
  EXPECT_THAT(out, HasSubstr("\r\nContent-Type: text/html; charset=utf-8\r\n"));
  EXPECT_THAT(out, HasSubstr("\r\nContent-Length: 24\r\n"));
  EXPECT_THAT(out, EndsWith("\r\n\r\nHello, your path is: foo"));
  EXPECT_THAT(out, Not(HasSubstr("Connection:")));
}

TEST(Answer, to_head_is_that_to_get_without_the_body) {
  Answers answers;
  std::string get;
  std::string head;
  answers.greet(get, RequestHead{{}, "GET", "/foo"}, true, kSunday);
  answers.greet(head, RequestHead{{}, "HEAD", "/foo"}, true, kSunday);
  EXPECT_EQ(head + "Hello, your path is: foo", get);
}

TEST(Answer, says_what_becomes_of_the_connection) {
  Answers answers;
  std::string closed;
  std::string kept;
  answers.greet(closed, RequestHead{{}, "GET", "/"}, false, kSunday);
  answers.greet(kept, RequestHead{{.version_1_0 = true}, "GET", "/"}, true, kSunday);
  EXPECT_THAT(closed, HasSubstr("\r\nConnection: close\r\n"));
  EXPECT_THAT(kept, HasSubstr("\r\nConnection: keep-alive\r\n"));
}

TEST(Answer, has_the_date_of_each_second) {
  Answers answers;
  std::string out;
  answers.greet(out, RequestHead{}, true, kSunday);
  out.clear();
  answers.refuse(out, {400, "it is wrong"}, kSunday + std::chrono::seconds{23});
  EXPECT_THAT(out, StartsWith("HTTP/1.1 400 Bad Request\r\n"));
  EXPECT_THAT(out, HasSubstr(" 08:50:00 GMT\r\n"));
  EXPECT_THAT(out, HasSubstr("\r\nConnection: close\r\n"));
  EXPECT_THAT(out, EndsWith("\r\n\r\n400 Bad Request: it is wrong\n"));
}

}  // namespace
}  // namespace tidegate::demo
