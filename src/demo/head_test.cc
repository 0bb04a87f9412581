#include "demo/head.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace tidegate::demo {
namespace {

std::string request(std::string_view fields, std::string_view first = "GET /foo/bar HTTP/1.1") {
  return fmt::format("{}\r\nHost: a\r\n{}\r\n", first, fields);
}

// The status that the bytes are refused with; 0: they are not.
int refusal(std::string_view bytes) {
  const auto head = read_request_head(bytes);
  return head ? 0 : head.error().status;
}

RequestHead read(const std::string& bytes) {
  const auto head = read_request_head(bytes);
  EXPECT_TRUE(head) << head.error().why;
  EXPECT_TRUE(head && *head) << bytes;
  return head && *head ? **head : RequestHead{};
}

TEST(Head, says_what_a_request_is_and_where_it_ends) {
  const auto bytes = request("Accept: */*\r\n");
  const auto both = bytes + "GET /next";
  const auto head = read(both);
  EXPECT_EQ(head.method, "GET");
  EXPECT_EQ(head.target, "/foo/bar");
  EXPECT_EQ(head.head_bytes, bytes.size());
  EXPECT_TRUE(head.keep_alive);
  EXPECT_FALSE(head.version_1_0);
  EXPECT_FALSE(head.chunked);
  EXPECT_FALSE(head.content_length);
}

TEST(Head, is_none_while_any_byte_of_it_is_missing) {
  const auto bytes = request("Content-Length: 3\r\n");
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    const auto head = read_request_head(std::string_view{bytes}.substr(0, size));
    ASSERT_TRUE(head) << size;
    EXPECT_FALSE(*head) << size;
  }
  EXPECT_EQ(read(bytes).content_length, 3U);
}

TEST(Head, may_end_its_lines_with_a_line_feed_alone_and_begin_with_empty_ones) {
  const std::string bytes = "\r\n\nGET / HTTP/1.1\nHost: a\n\n";
  EXPECT_EQ(read(bytes).head_bytes, bytes.size());
}

TEST(Head, keeps_a_connection_as_its_version_and_the_field_say) {
  EXPECT_FALSE(read(request("connection: foo, CLOSE\r\n")).keep_alive);
  EXPECT_FALSE(read("GET / HTTP/1.0\r\n\r\n").keep_alive);
  EXPECT_TRUE(read("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n").keep_alive);
  EXPECT_FALSE(read("GET / HTTP/1.0\r\nConnection: Keep-Alive, close\r\n\r\n").keep_alive);
}

TEST(Head, tells_of_a_body) {
  EXPECT_TRUE(read(request("Transfer-Encoding: Chunked\r\n")).chunked);
  EXPECT_EQ(read(request("Content-Length: 12\r\nContent-Length: 12\r\n")).content_length, 12U);
  EXPECT_TRUE(read(request("Content-Length: 1\r\nExpect: 100-Continue\r\n")).expects_continue);
}

TEST(Head, is_refused_with_400_where_it_is_no_request) {
  for (const std::string_view first :
       {"GET /", "GET  / HTTP/1.1", "GE(T / HTTP/1.1", "GET / HTTP/1.1 ", " GET / HTTP/1.1", "GET / http/1.1",
        "GET /a b HTTP/1.1", "GET /\x01 HTTP/1.1", "nonsense"}) {
    EXPECT_EQ(refusal(request("", first)), 400) << first;
  }
  for (const std::string_view field : {"no colon\r\n", "space : a\r\n", ": a\r\n", "A: b\r\n folded\r\n", "A: \x01\r\n",
                                       "A: b\rc\r\n", "Host: b\r\n", "Content-Length: -1\r\n", "Content-Length:\r\n",
                                       "Content-Length: 1, 1\r\n", "Content-Length: 1\r\nContent-Length: 2\r\n"}) {
    EXPECT_EQ(refusal(request(field)), 400) << field;
  }
  EXPECT_EQ(refusal("GET / HTTP/1.1\r\n\r\n"), 400) << "no host";
}

TEST(Head, is_refused_where_it_might_smuggle_another_request) {
  EXPECT_EQ(refusal(request("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n")), 400);
  EXPECT_EQ(refusal("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"), 400);
}

TEST(Head, is_refused_by_what_is_wrong_with_it) {
  EXPECT_EQ(refusal(request("", "GET / HTTP/2.0")), 505);
  EXPECT_EQ(refusal(request("Transfer-Encoding: gzip, chunked\r\n")), 501);
  EXPECT_EQ(refusal(request("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n")), 501);
  EXPECT_EQ(refusal(request("Expect: miracles\r\n")), 417);
  EXPECT_EQ(refusal(request("Content-Length: 99999999999999999999\r\n")), 413);
}

TEST(Head, is_bounded_whether_or_not_it_ever_ends) {
  const std::string line = "GET /" + std::string(kMostFirstLine, 'a');
  EXPECT_EQ(refusal(line), 414);
  EXPECT_EQ(refusal(request("", line + " HTTP/1.1")), 414);
  std::string fields;
  while (fields.size() <= kMostHead) fields += "A: " + std::string(1000, 'b') + "\r\n";
  EXPECT_EQ(refusal(request(fields)), 431);
  EXPECT_EQ(refusal("GET / HTTP/1.1\r\nHost: a\r\n" + fields), 431);
  EXPECT_EQ(refusal("GET / HTTP/1.1\r\nHost: a\r\nA: " + std::string(kMostHead, 'b')), 431);
  EXPECT_EQ(refusal(std::string(kMostHead + 1, '\n')), 400);
}

TEST(Head, of_a_response_says_its_status_and_framing) {
  const auto head =
      read_response_head("HTTP/1.1 503 Out of\xff order\r\nContent-Length: 7\r\nConnection: close\r\n\r\n");
  ASSERT_TRUE(head && *head);
  EXPECT_EQ((*head)->status, 503);
  EXPECT_EQ((*head)->content_length, 7U);
  EXPECT_FALSE((*head)->keep_alive);
}

TEST(Head, of_a_response_has_no_length_where_it_is_coded) {
  const auto chunked = read_response_head("HTTP/1.1 200 OK\r\nContent-Length: 7\r\nTransfer-Encoding: chunked\r\n\r\n");
  ASSERT_TRUE(chunked && *chunked);
  EXPECT_TRUE((*chunked)->chunked);
  EXPECT_FALSE((*chunked)->content_length);
  const auto coded = read_response_head("HTTP/1.1 200\r\nTransfer-Encoding: gzip\r\nContent-Length: 7\r\n\r\n");
  ASSERT_TRUE(coded && *coded);
  EXPECT_FALSE((*coded)->chunked);
  EXPECT_FALSE((*coded)->content_length);
}

TEST(Head, of_a_response_is_refused_where_it_is_none) {
  for (const std::string_view bytes : {"HTTP/1.1 99 No\r\n\r\n", "HTTP/1.1 2000 OK\r\n\r\n", "HTTP/1.1 abc\r\n\r\n",
                                       "SSH-2.0-OpenSSH_9\r\n", "HTTP/2.0 200 OK\r\n\r\n"}) {
    EXPECT_FALSE(read_response_head(bytes)) << bytes;
  }
}

}  // namespace
}  // namespace tidegate::demo
