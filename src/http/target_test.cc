#include "http/target.h"

#include <gtest/gtest.h>

#include <string_view>

namespace tidegate {
namespace {

TEST(Section, is_the_first_segment_where_a_second_slash_follows) {
  EXPECT_EQ(section_of("/foo/index.html"), "/foo");
  EXPECT_EQ(section_of("/foo/"), "/foo");
  EXPECT_EQ(section_of("/foo/bar/baz"), "/foo");
}

TEST(Section, is_the_root_where_none_follows) {
  EXPECT_EQ(section_of("/index.html"), "/");
  EXPECT_EQ(section_of("/foo"), "/");
  EXPECT_EQ(section_of("/"), "/");
  EXPECT_EQ(section_of("//x"), "/");
  EXPECT_EQ(section_of(""), "/");
}

TEST(Section, has_nothing_of_query_and_fragment) {
  EXPECT_EQ(section_of("/foo?next=/a/b"), "/");
  EXPECT_EQ(section_of("/foo#/a/b"), "/");
  EXPECT_EQ(section_of("/foo/bar?next=/a/b"), "/foo");
}

TEST(Section, is_of_the_path_in_absolute_form) {
  EXPECT_EQ(section_of("http://example.com/foo/index.html"), "/foo");
  EXPECT_EQ(section_of("http://example.com/index.html"), "/");
  EXPECT_EQ(section_of("http://example.com"), "/");
  EXPECT_EQ(section_of("http://example.com?a=/b/c"), "/");
}

TEST(Section, is_the_root_where_there_is_no_path) {
  EXPECT_EQ(section_of("*"), "/");
  EXPECT_EQ(section_of("example.com:443"), "/");
  EXPECT_EQ(section_of("foo/bar/baz"), "/");
}

TEST(Section, is_whatever_bytes_were_sent) {
  EXPECT_EQ(section_of("/f\xff \x1b[31m/x"), "/f\xff \x1b[31m");
  EXPECT_EQ(section_of(std::string_view{"/a\0b/c", 6}), std::string_view("/a\0b", 4));
}

TEST(Authority, is_that_of_absolute_form_and_of_connect) {
  EXPECT_EQ(authority_of("http://example.com:8080/x", false), "example.com:8080");
  EXPECT_EQ(authority_of("http://example.com", false), "example.com");
  EXPECT_EQ(authority_of("http://example.com?x", false), "example.com");
  EXPECT_EQ(authority_of("example.com:443", true), "example.com:443");
  EXPECT_EQ(authority_of("/x?u=http://example.com/", false), "");
  EXPECT_EQ(authority_of("*", false), "");
  EXPECT_EQ(authority_of("x?u=http://example.com/", false), "");
}

TEST(Host, is_without_port_and_user) {
  EXPECT_EQ(host_of("example.com"), "example.com");
  EXPECT_EQ(host_of("Example.com:8080"), "Example.com");
  EXPECT_EQ(host_of("me:secret@example.com:80"), "example.com");
  EXPECT_EQ(host_of("[2001:db8::1]:80"), "[2001:db8::1]");
  EXPECT_EQ(host_of("[2001:db8::1"), "[2001");
  EXPECT_EQ(host_of(""), "");
}

}  // namespace
}  // namespace tidegate
