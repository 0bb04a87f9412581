// Messages of one direction: each rule once whole, and once byte by byte.
#include "http/message.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

namespace tidegate {
namespace {

using Step = MessageReader::Step;
using testing::ElementsAre;

struct Reading {
  MessageReader reader = MessageReader{65'536};
  std::vector<std::string> steps;
  Body otherwise = Body::none;  // where the head says nothing
  bool doubtful = false;

  // "GET / example.com", "200"; then "end", "lost" or "http/2". A gap is given by skip().
  void read(std::string_view bytes) {
    for (Step step = Step::head; step != Step::more;) {
      MessageHead head;
      const auto progress = reader.read(bytes, {}, head);
      ASSERT_LE(progress.used, bytes.size());
      bytes.remove_prefix(progress.used);
      step = progress.step;
      tell(step, head);
      if (step == Step::preface) break;
    }
  }
  void read_bytewise(std::string_view bytes) {
    for (const char& byte : bytes) read({&byte, 1});
  }
  void skip(std::uint64_t bytes) {
    while (bytes > 0) {
      const auto progress = reader.skip(bytes);
      bytes -= progress.used;
      tell(progress.step, {});
    }
  }
  void tell(Step step, const MessageHead& message) {
    const auto& [head, text, begin] = message;
    switch (step) {
      case Step::more:
        break;
      case Step::head:
        steps.push_back(head.response()
                            ? fmt::format("{}", head.status())
                            : fmt::format("{} {} {}", head.method(text), head.target(text), head.host(text)));
        if (head.coding() == TransferCoding::chunked) {
          reader.body(Body::chunked);
        } else if (head.bad_length()) {
          reader.body(Body::unknown);
        } else {
          reader.body(head.length() ? Body::length : otherwise, head.length().value_or(0), doubtful);
        }
        break;
      case Step::end:
        steps.emplace_back("end");
        break;
      case Step::lost:
        steps.emplace_back("lost");
        break;
      case Step::preface:
        steps.emplace_back("http/2");
        break;
    }
  }
};

// The steps of a text, the same whole and byte by byte.
std::vector<std::string> steps_of(std::string_view text, Body otherwise = Body::none) {
  Reading whole{.otherwise = otherwise};
  whole.read(text);
  Reading parts{.otherwise = otherwise};
  parts.read_bytewise(text);
  EXPECT_EQ(whole.steps, parts.steps);
  EXPECT_EQ(whole.reader.in_body(), parts.reader.in_body());
  return whole.steps;
}

TEST(Message, a_request_has_method_target_and_host) {
  EXPECT_THAT(steps_of("GET /a/b?c HTTP/1.1\r\nAccept: */*\r\nhOST: \t example.com:80 \r\n\r\n"),
              ElementsAre("GET /a/b?c example.com:80", "end"));
}

TEST(Message, requests_follow_one_another) {
  EXPECT_THAT(steps_of("GET /a HTTP/1.1\r\n\r\nHEAD /b HTTP/1.0\r\nHost: h\r\n\r\nGET /c HTTP/1.1\r\n\r\n"),
              ElementsAre("GET /a ", "end", "HEAD /b h", "end", "GET /c ", "end"));
}

TEST(Message, lines_may_end_in_lf_alone) {
  EXPECT_THAT(steps_of("GET /a HTTP/1.1\nHost: h\n\nGET /b HTTP/1.1\r\nHost: i\n\r\n"),
              ElementsAre("GET /a h", "end", "GET /b i", "end"));
}

TEST(Message, empty_lines_before_a_start_line_are_nothing) {
  EXPECT_THAT(steps_of("\r\n\n\r\nGET /a HTTP/1.1\r\n\r\n\r\nGET /b HTTP/1.1\r\n\r\n"),
              ElementsAre("GET /a ", "end", "GET /b ", "end"));
}

TEST(Message, a_method_is_any_token_of_up_to_128_bytes) {
  EXPECT_THAT(steps_of("M-SEARCH * HTTP/1.1\r\n\r\n"), ElementsAre("M-SEARCH * ", "end"));
  EXPECT_THAT(steps_of("x!#$%&'*+.^_`|~9 / HTTP/1.1\r\n\r\n"), ElementsAre("x!#$%&'*+.^_`|~9 / ", "end"));
  const std::string longest(128, 'A');
  EXPECT_THAT(steps_of(longest + " / HTTP/1.1\r\n\r\n"), ElementsAre(longest + " / ", "end"));
  EXPECT_THAT(steps_of(longest + "A / HTTP/1.1\r\n\r\n"), ElementsAre("lost"));
}

TEST(Message, a_target_is_of_any_form_and_bytes) {
  EXPECT_THAT(steps_of("GET http://h/a HTTP/1.1\r\n\r\n"), ElementsAre("GET http://h/a ", "end"));
  EXPECT_THAT(steps_of("CONNECT h:443 HTTP/1.1\r\n\r\n"), ElementsAre("CONNECT h:443 ", "end"));
  EXPECT_THAT(steps_of("OPTIONS * HTTP/1.1\r\n\r\n"), ElementsAre("OPTIONS * ", "end"));
  EXPECT_THAT(steps_of("GET /a b\xff\x01/c  HTTP/1.1 \r\n\r\n"), ElementsAre("GET /a b\xff\x01/c ", "end"));
}

TEST(Message, what_is_no_start_line_is_lost) {
  for (const std::string_view text :
       {"GET /\r\n\r\n", "GET HTTP/1.1\r\n\r\n", "GET  HTTP/1.1\r\n\r\n", "GET / HTTP/11\r\n\r\n",
        "GET / HTTP/1.x\r\n\r\n", "GET / http/1.1\r\n\r\n", "SSH-2.0-OpenSSH_9.2\r\n", "HTTP/1.1 20 OK\r\n\r\n",
        "HTTP/1.1 2000\r\n\r\n", "HTTP/1.1 099\r\n\r\n", "HTTP/1.1\r\n\r\n"}) {
    EXPECT_THAT(steps_of(text), ElementsAre("lost")) << text;
  }
}

TEST(Message, a_start_line_behind_anything_else_is_found_once_it_is_looked_for) {
  for (const std::string_view text :
       {" GET / HTTP/1.1\r\n\r\n", "{}GET / HTTP/1.1\r\n\r\n", "(PUT )GET / HTTP/1.1\n\n"}) {
    EXPECT_THAT(steps_of(text), ElementsAre("lost", "GET / ", "end")) << text;
  }
  EXPECT_THAT(steps_of("HTTP/2 200 OK HTTP/1.HTTP/1.1 204 No\r\n\r\n"), ElementsAre("lost", "204", "end"));
  EXPECT_THAT(steps_of("\"\r\nX-Asked: GET / HTTP/1.1\r\n\r\n"), ElementsAre("lost"));
}

TEST(Message, bytes_that_cannot_begin_a_start_line_are_not_waited_for) {
  Reading reading;
  reading.read("\x01");
  EXPECT_THAT(reading.steps, ElementsAre("lost"));
  EXPECT_EQ(reading.reader.held(), 0u);
}

TEST(Message, a_response_has_a_status) {
  EXPECT_THAT(steps_of("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"), ElementsAre("200", "end"));
  EXPECT_THAT(steps_of("HTTP/1.0 404\r\nContent-Length: 0\r\n\r\n"), ElementsAre("404", "end"));
  EXPECT_THAT(steps_of("HTTP/1.1 299 \xff odd\x01\nContent-Length: 0\n\n"), ElementsAre("299", "end"));
}

TEST(Message, each_side_is_read_for_what_it_sends) {
  Reading reading;
  reading.reader.expect(MessageKind::response);
  reading.read("GET / HTTP/1.1\r\n\r\n");
  reading.read("HTTP/1.1 200 OK\r\n\r\n");
  EXPECT_THAT(reading.steps, ElementsAre("lost", "200", "end"));
}

TEST(Message, a_body_is_as_long_as_its_length_says) {
  EXPECT_THAT(steps_of("POST /a HTTP/1.1\r\nContent-Length: 20\r\n\r\nGET /no HTTP/1.1\r\n\r\nGET /b HTTP/1.1\r\n\r\n"),
              ElementsAre("POST /a ", "end", "GET /b ", "end"));
  EXPECT_THAT(
      steps_of("POST /a HTTP/1.1\r\nContent-Length: 3, 3\r\ncontent-length: 3\r\n\r\nabcGET /b HTTP/1.1\r\n\r\n"),
      ElementsAre("POST /a ", "end", "GET /b ", "end"));
}

TEST(Message, after_a_length_that_cannot_be_the_next_message_is_looked_for) {
  for (const std::string_view length : {"x", "-1", "1, 2", "", "99999999999999999999", "0x10"}) {
    const auto text = fmt::format(
        "POST /a HTTP/1.1\r\nContent-Length: {}\r\n\r\n\x02\x03GET /no\nGET /b HTTP/1.1\r\nHost: h\r\n\r\n", length);
    EXPECT_THAT(steps_of(text), ElementsAre("POST /a ", "lost", "GET /b h", "end")) << length;
  }
}

TEST(Message, a_chunked_body_has_extensions_and_trailers) {
  EXPECT_THAT(steps_of("POST /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
                       "5\r\nhello\r\n"
                       "0012 ; name=\"value\";x\r\nGET /no HTTP/1.1\r\n\r\n"
                       "a\nten bytes.\n"
                       "0\r\nTrailer: x\r\n\rodd: y\r\n\r\n"
                       "GET /b HTTP/1.1\r\n\r\n"),
              ElementsAre("POST /a ", "end", "GET /b ", "end"));
}

TEST(Message, a_transfer_coding_overrides_a_length) {
  EXPECT_THAT(steps_of("POST /a HTTP/1.1\r\nContent-Length: 500\r\nTransfer-Encoding: gzip, Chunked\r\n\r\n"
                       "3\r\nabc\r\n0\r\n\r\nGET /b HTTP/1.1\r\n\r\n"),
              ElementsAre("POST /a ", "end", "GET /b ", "end"));
}

TEST(Message, after_a_chunk_that_is_none_the_next_message_is_looked_for) {
  for (const std::string_view chunk :
       {"\r\n", "x\r\n", "5\r\nhelloX\r\n", "ffffffffffffffffff\r\n", "5x\r\nhello\r\n"}) {
    const auto text = fmt::format(
        "POST /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n{}GET /no\r\n\r\nGET /b HTTP/1.1\r\nHost: h\r\n\r\n",
        chunk);
    EXPECT_THAT(steps_of(text), ElementsAre("POST /a ", "lost", "GET /b h", "end")) << chunk;
  }
}

TEST(Message, a_field_that_goes_on_in_the_next_line_is_one) {
  EXPECT_THAT(
      steps_of("POST /a HTTP/1.1\r\nContent-Length:\r\n\t 5\r\nHost: \r\n h\r\n\r\nhelloGET /b HTTP/1.1\r\n\r\n"),
      ElementsAre("POST /a h", "end", "GET /b ", "end"));
  EXPECT_THAT(
      steps_of("POST /a HTTP/1.1\nTransfer-Encoding: gzip,\n chunked\n\n5\r\nhello\r\n0\r\n\r\nGET /b HTTP/1.1\n\n"),
      ElementsAre("POST /a ", "end", "GET /b ", "end"));
}

TEST(Message, a_blank_before_the_colon_hides_no_length) {
  EXPECT_THAT(steps_of("POST /a HTTP/1.1\r\nContent-Length : 5\r\n\r\nhelloGET /b HTTP/1.1\r\n\r\n"),
              ElementsAre("POST /a ", "end", "GET /b ", "end"));
}

TEST(Message, a_body_may_go_on_to_the_end) {
  EXPECT_THAT(steps_of("HTTP/1.0 200 OK\r\n\r\nHTTP/1.0 200 OK\r\n\r\n", Body::close), ElementsAre("200"));
}

TEST(Message, a_doubtful_body_that_begins_as_a_response_is_none) {
  Reading reading{.otherwise = Body::close, .doubtful = true};
  reading.read("HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n");
  reading.read("HTTP/1.1 204 No Content\r\n\r\n");
  reading.read("body");
  reading.read("HTTP/1.1 body");
  EXPECT_THAT(reading.steps, ElementsAre("200", "end", "204"));
}

TEST(Message, a_doubt_is_resolved_byte_by_byte_as_well) {
  Reading reading{.otherwise = Body::close, .doubtful = true};
  reading.read_bytewise(
      "HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n"
      "HTTP/1.1 206 OK\r\nContent-Length: 12\r\n\r\nHTTP no more"
      "HTTP/1.1 404 OK\r\nContent-Length: 3\r\n\r\nHTT"
      "HTTP/1.1 405 OK\r\nContent-Length: 3\r\n\r\n"
      "HTTP/1.1 406 OK\r\nContent-Length: 3\r\n\r\nHTT");
  EXPECT_THAT(reading.steps, ElementsAre("200", "end", "206", "end", "404", "end", "405", "end", "406"));
  EXPECT_EQ(reading.reader.end().step, Step::end);
}

TEST(Message, a_gap_inside_a_body_of_known_length_is_passed_over) {
  Reading reading;
  reading.read("POST /a HTTP/1.1\r\nContent-Length: 100\r\n\r\nabc");
  reading.skip(97);
  reading.read("POST /b HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n64\r\nabc");
  reading.skip(90);
  reading.read("defghij\r\n0\r\n\r\nGET /c HTTP/1.1\r\n\r\n");
  EXPECT_THAT(reading.steps, ElementsAre("POST /a ", "end", "POST /b ", "end", "GET /c ", "end"));
}

TEST(Message, after_a_gap_that_hides_the_end_the_next_message_is_looked_for) {
  Reading reading;
  reading.read("POST /a HTTP/1.1\r\nContent-Length: 10\r\n\r\nabc");
  reading.skip(50);
  EXPECT_THAT(reading.steps, ElementsAre("POST /a ", "end", "lost"));
  reading.read("t: of a head\r\n\r\nGET /b HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhe");
  reading.skip(5);
  reading.read("\r\n0\r\n\r\nGET /c HTTP/1.1\r\n\r\n");
  EXPECT_THAT(reading.steps, ElementsAre("POST /a ", "end", "lost", "GET /b ", "lost", "GET /c ", "end"));
}

TEST(Message, a_gap_in_a_head_loses_it) {
  Reading reading;
  reading.read("GET /a HTTP/1.1\r\nHost");
  reading.skip(7);
  reading.read("\r\n\r\nGET /b HTTP/1.1\r\n\r\n");
  EXPECT_THAT(reading.steps, ElementsAre("lost", "GET /b ", "end"));
}

TEST(Message, gaps_while_it_is_looked_for_are_no_further_loss) {
  Reading reading;
  reading.skip(7);
  reading.read("GET /a HTTP/1.1\r\nHo");
  reading.skip(7);
  reading.read("GET /b HTTP/1.1\r\n\r\n");
  EXPECT_THAT(reading.steps, ElementsAre("lost", "GET /b ", "end"));
}

TEST(Message, text_that_looks_like_a_start_line_is_not_found_without_a_header_block) {
  for (const bool bytewise : {false, true}) {
    Reading reading;
    reading.reader.search();
    const std::string_view text =
        "the request GET / HTTP/1.1 and\r\nGET /no HTTP/1.1\r\nis not a field\r\n\r\n"
        "GET /neither HTTP/1.1\r\nHost: h\r\n<html>\r\n\r\n"
        "GET /nor HTTP/1.1\r\nGET /yes HTTP/1.1\r\nHost: h\r\nX: folded\r\n field\r\n\r\n";
    bytewise ? reading.read_bytewise(text) : reading.read(text);
    EXPECT_THAT(reading.steps, ElementsAre("GET /yes h", "end"));
  }
}

TEST(Message, a_search_keeps_nothing_of_what_cannot_be_a_start_line) {
  Reading reading;
  reading.reader.search();
  const std::string binary(100'000, '\x80');
  reading.read(binary);
  EXPECT_EQ(reading.reader.held(), 0u);
  reading.read("end of it\nGET /a HTTP/1.1\r\n\r\n");
  EXPECT_THAT(reading.steps, ElementsAre("GET /a ", "end"));
}

TEST(Message, a_head_that_is_too_long_is_passed_over) {
  for (const std::size_t part : std::initializer_list<std::size_t>{10, 100, 100'000}) {
    Reading reading{.reader = MessageReader{1'000}};
    const auto text = "GET /a HTTP/1.1\r\nCookie: " + std::string(2'000, 'c') + "\r\n\r\nGET /b HTTP/1.1\r\n\r\n";
    for (std::size_t at = 0; at < text.size(); at += part) {
      reading.read(std::string_view{text}.substr(at, part));
      EXPECT_LT(reading.reader.held(), 4'000u);
    }
    EXPECT_THAT(reading.steps, ElementsAre("lost", "GET /b ", "end")) << part;
  }
}

TEST(Message, a_head_of_many_pieces_says_where_it_began) {
  MessageReader reader;
  MessageHead head;
  const auto read = [&](std::string_view text, std::uint32_t sequence) {
    return reader.read(text, {.at = {}, .sequence = sequence, .acknowledgement = sequence + 1'000}, head).step;
  };
  ASSERT_EQ(read("\r\n\r\nGET /a", 100), Step::more);
  ASSERT_EQ(read(" HTTP/1.1\r\n", 110), Step::more);
  ASSERT_EQ(read("Host: h\r\n\r\n", 121), Step::head);
  EXPECT_EQ(head.begin.sequence, 104u);
  EXPECT_EQ(head.begin.acknowledgement, 1'100u);
  EXPECT_EQ(head.text, "GET /a HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_EQ(head.head.host(head.text), "h");
}

// What might have become a start line before it is kept, but was seen elsewhere.
TEST(Message, a_head_that_is_found_in_a_line_of_many_pieces_says_where_it_began) {
  MessageReader reader;
  reader.expect(MessageKind::response);
  reader.search();
  MessageHead head;
  const auto read = [&](std::string_view text, std::uint32_t sequence, std::uint32_t acknowledgement) {
    return reader.read(text, {.at = {}, .sequence = sequence, .acknowledgement = acknowledgement}, head).step;
  };
  ASSERT_EQ(read("HTTP/1.1 200 ", 100, 1'000), Step::more);
  ASSERT_EQ(read("end of a body", 113, 1'000), Step::more);
  ASSERT_EQ(read("HTTP/1.1", 126, 2'000), Step::more);
  ASSERT_EQ(read(" 404 ", 134, 2'000), Step::more);
  ASSERT_EQ(read("Not Found\r\n", 139, 3'000), Step::more);
  ASSERT_EQ(read("\r\n", 150, 4'000), Step::head);
  EXPECT_EQ(head.text, "HTTP/1.1 404 Not Found\r\n\r\n");
  EXPECT_EQ(head.begin.sequence, 126u);
  EXPECT_EQ(head.begin.acknowledgement, 2'000u);
}

TEST(Message, the_preface_of_http_2_is_known) {
  Reading reading;
  reading.read_bytewise("PRI * HTTP/2.0\r");
  EXPECT_THAT(reading.steps, ElementsAre());
  reading.read("\n\r\nSM\r\n\r\n");
  EXPECT_THAT(reading.steps, ElementsAre("http/2"));
}

TEST(Message, an_upgrade_to_http_2_is_known) {
  for (const std::string_view value : {"h2c", "websocket, H2C", "h2c,x"}) {
    MessageReader reader;
    MessageHead head;
    const auto text = fmt::format("HTTP/1.1 101 x\r\nUpgrade: {}\r\n\r\n", value);
    ASSERT_EQ(reader.read(text, {}, head).step, Step::head);
    EXPECT_TRUE(head.head.upgrades_to_http2()) << value;
  }
  MessageReader reader;
  MessageHead head;
  ASSERT_EQ(reader.read("HTTP/1.1 101 x\r\nUpgrade: websocket\r\n\r\n", {}, head).step, Step::head);
  EXPECT_FALSE(head.head.upgrades_to_http2());
}

}  // namespace
}  // namespace tidegate
