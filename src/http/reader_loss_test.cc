// Packets that are missing, late, copied or cut, and more connections and bytes than may be remembered.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "http/reader.h"
#include "http/traffic_for_tests.h"

namespace tidegate {
namespace {

using namespace std::chrono_literals;
using test::get;
using test::kEmpty;
using test::Traffic;
using testing::ElementsAre;
using testing::IsEmpty;

TEST(HttpLoss, late_and_repeated_segments_are_put_in_order) {
  Traffic traffic;
  traffic.handshake();
  const auto first = traffic.from_client(get("/a/").substr(0, 9));
  const auto second = traffic.from_client(get("/a/").substr(9) + get("/b/"));
  traffic.capture(second);
  traffic.capture(second);
  EXPECT_THAT(traffic.story(), IsEmpty());
  EXPECT_GT(traffic.reader.held_bytes(), 0u);
  traffic.capture(first);
  traffic.capture(first);
  EXPECT_THAT(traffic.story(), ElementsAre("> GET /a/", "> GET /b/"));
  EXPECT_EQ(traffic.told().requests.at(0).at.instant, traffic.now.instant - 1ms);
  EXPECT_EQ(traffic.told().requests.at(1).at.instant, traffic.now.instant - 3ms);
  EXPECT_EQ(traffic.reader.held_bytes(), 0u);
  EXPECT_EQ(traffic.losses(), HttpLosses{});
}

TEST(HttpLoss, a_connection_that_was_joined_late_is_read_from_its_next_message) {
  Traffic traffic;
  traffic.client("rest of a body\r\n" + get("/a/"));
  traffic.server(kEmpty);
  EXPECT_THAT(traffic.story(), ElementsAre("> GET /a/", "< 200 GET /a"));
  EXPECT_EQ(traffic.losses(), HttpLosses{});
}

TEST(HttpLoss, only_requests_are_seen) {
  Traffic traffic;
  for (int i = 0; i < 3; ++i) {
    traffic.client(get("/a/"));
    traffic.from_server(kEmpty);
  }
  traffic.reader.finish();
  EXPECT_THAT(traffic.story(), ElementsAre("> GET /a/", "> GET /a/", "> GET /a/"));
  EXPECT_EQ(traffic.losses(), (HttpLosses{.unanswered = 3}));
}

TEST(HttpLoss, only_responses_are_seen) {
  Traffic traffic;
  traffic.server("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
  traffic.server("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n");  // of a HEAD, it seems
  traffic.server("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
  EXPECT_THAT(traffic.story(), ElementsAre("< 200 - ", "< 200 - ", "< 404 - "));
  EXPECT_EQ(traffic.exchange().client, traffic.client_end());
  EXPECT_EQ(traffic.exchange().server, traffic.server_end());
  EXPECT_EQ(traffic.exchange().first_byte, std::nullopt);
  EXPECT_EQ(traffic.losses(), HttpLosses{});
}

TEST(HttpLoss, a_gap_in_a_body_of_known_length_costs_nothing_else) {
  Traffic traffic;
  traffic.handshake();
  traffic.client(get("/a/") + get("/b/"));
  traffic.server("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + std::string(100, 'x'));
  traffic.from_server(std::string(800, 'x'));  // lost
  traffic.server(std::string(100, 'x') + std::string{kEmpty});
  EXPECT_THAT(traffic.story(), ElementsAre("> GET /a/", "> GET /b/"));  // it may still come
  traffic.settle();
  EXPECT_THAT(traffic.story(), ElementsAre("> GET /a/", "> GET /b/", "< 200 GET /a (incomplete)", "< 200 GET /b"));
  EXPECT_EQ(traffic.told().exchanges.at(0).response_bytes, 1'041u);
  EXPECT_EQ(traffic.losses(), (HttpLosses{.gap_bytes = 800}));
}

TEST(HttpLoss, after_any_other_gap_the_next_message_is_found) {
  Traffic traffic;
  traffic.handshake();
  traffic.client(get("/a/"));
  traffic.server("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n");
  traffic.from_server("5\r\nworld\r\n");  // lost
  traffic.server("5\r\nHTTP/1.1 \r\n0\r\n\r\n");
  traffic.settle();
  traffic.client(get("/b/"));
  traffic.server(kEmpty);
  EXPECT_THAT(traffic.story(), ElementsAre("> GET /a/", "< 200 GET /a (incomplete)", "> GET /b/", "< 200 GET /b"));
  EXPECT_EQ(traffic.losses(), (HttpLosses{.gap_bytes = 10, .resynchronisations = 1}));
}

// A message whose first 30 bytes are lost and which has a body of 11 bytes, the next one right behind it, and the two
// cut in two at `cut`; then one more.
std::vector<std::string> behind_a_torn_head(bool from_client, std::size_t cut) {
  const std::string start = from_client ? "POST /a/ HTTP/1.1" : "HTTP/1.1 200 OK";
  const auto text = start + "\r\nContent-Length: 11\r\nX-Field: x\r\n\r\n{\"b\": true}" +
                    (from_client ? get("/b/") : "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
  Traffic traffic;
  traffic.handshake();
  if (!from_client) traffic.client(get("/a/") + get("/b/") + get("/c/"));
  traffic.make(from_client, text.substr(0, 30));
  const auto rest = text.substr(30);
  for (const auto& part : {rest.substr(0, cut), rest.substr(std::min(cut, rest.size()))}) {
    if (!part.empty()) traffic.capture(traffic.make(from_client, part));
    traffic.settle();
  }
  traffic.capture(traffic.make(from_client, from_client ? get("/c/") : kEmpty));
  EXPECT_EQ(traffic.losses().gap_bytes, 30u);
  EXPECT_EQ(traffic.losses().resynchronisations, 1u);
  auto story = traffic.story();
  if (!from_client) story.erase(story.begin(), story.begin() + 3);
  return story;
}

TEST(HttpLoss, what_looks_like_a_field_behind_what_was_given_up_is_none) {
  const auto text = get("/a/") + "\xc6h:" + get("/b/");
  for (std::size_t cut = 0; cut < text.size(); ++cut) {
    Traffic traffic;
    traffic.handshake();
    for (const auto& part : {text.substr(0, cut), text.substr(cut)}) {
      if (!part.empty()) traffic.capture(traffic.make(true, part));
    }
    EXPECT_THAT(traffic.story(), ElementsAre("> GET /a/", "> GET /b/")) << cut;
  }
}

TEST(HttpLoss, a_message_that_follows_a_body_of_unknown_length_is_found) {
  for (std::size_t cut = 0; cut < 90; ++cut) {
    EXPECT_THAT(behind_a_torn_head(true, cut), ElementsAre("> GET /b/", "> GET /c/")) << cut;
    EXPECT_THAT(behind_a_torn_head(false, cut), ElementsAre(testing::StartsWith("< 404"), testing::StartsWith("< 200")))
        << cut;
  }
}

TEST(HttpLoss, a_start_line_without_its_begin_is_none) {
  Traffic traffic;
  traffic.handshake();
  traffic.client(get("/a/"));
  for (const std::string_view line : {"GET /b/", "DELETE /c/", "POST /d/"}) {
    const auto text = std::string{line} + " HTTP/1.1\r\nHost: h\r\n\r\n";
    traffic.from_client(text.substr(0, 2));  // lost
    traffic.client(text.substr(2));
    traffic.settle();
  }
  traffic.client("x-odd /e/ HTTP/1.1\r\n\r\n");  // a line that is whole may have any method
  EXPECT_THAT(traffic.story(), ElementsAre("> GET /a/", "> x-odd /e/"));
}

TEST(HttpLoss, a_field_that_quotes_a_request_line_is_none) {
  Traffic traffic;
  traffic.handshake();
  traffic.from_client("GET / HTTP/1.1\r\nHost");  // lost
  traffic.client(": h\r\nX-Asked: GET /a/ HTTP/1.1\r\n\r\n" + get("/b/"));
  traffic.settle();
  EXPECT_THAT(traffic.story(), ElementsAre("> GET /b/"));
}

TEST(HttpLoss, a_lost_request_leaves_its_response_alone) {
  Traffic traffic;
  traffic.handshake();
  traffic.client(get("/a/"));
  traffic.server(kEmpty);
  traffic.from_client(get("/lost/"));
  traffic.server("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
  traffic.client(get("/b/"));
  traffic.server(kEmpty);
  traffic.settle();
  EXPECT_THAT(traffic.story(), ElementsAre("> GET /a/", "< 200 GET /a", "< 404 - ", "> GET /b/", "< 200 GET /b"));
  EXPECT_EQ(traffic.losses(), (HttpLosses{.gap_bytes = get("/lost/").size(), .resynchronisations = 1}));
}

TEST(HttpLoss, the_response_to_a_lost_request_is_not_given_to_the_next_one) {
  Traffic traffic;
  traffic.handshake();
  traffic.from_client(get("/lost/"));
  const auto response = traffic.from_server("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
  traffic.client(get("/b/"));
  traffic.pass(5s);
  traffic.client_ack();  // the sweep gives the gap up, and the request behind it is read first
  traffic.capture(response);
  traffic.server(kEmpty);
  EXPECT_THAT(traffic.story(), ElementsAre("> GET /b/", "< 404 - ", "< 200 GET /b"));
}

// A capture that merges two directions may have them in another order than they were sent.
TEST(HttpLoss, a_response_that_is_captured_before_its_request_is_still_its_own) {
  for (const std::size_t first : {kEmpty.size(), std::size_t{60}}) {  // all of it, or its first packet alone
    Traffic traffic;
    traffic.handshake();
    for (const std::string_view target : {"/a/", "/b/", "/c/"}) {
      const auto text = first == kEmpty.size()
                            ? std::string{kEmpty}
                            : "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n" + std::string(100, 'x');
      const auto request = traffic.from_client(get(target));
      const auto response = traffic.from_server(text.substr(0, first));
      traffic.capture(response);
      traffic.capture(request);
      if (first < text.size()) traffic.server(text.substr(first));
    }
    traffic.client(get("/d/"));
    traffic.server(kEmpty);
    EXPECT_THAT(traffic.story(), ElementsAre("> GET /a/", "< 200 GET /a", "> GET /b/", "< 200 GET /b", "> GET /c/",
                                             "< 200 GET /c", "> GET /d/", "< 200 GET /d"));
    EXPECT_EQ(traffic.losses(), HttpLosses{});
  }
}

TEST(HttpLoss, while_a_lost_request_is_waited_for_the_responses_to_those_behind_it_wait_too) {
  Traffic traffic;
  traffic.handshake();
  traffic.from_client(get("/lost/"));
  traffic.server(kEmpty);
  for (const std::string_view target : {"/a/", "/b/", "/c/"}) {
    traffic.client(get(target));
    traffic.server(kEmpty);
  }
  EXPECT_THAT(traffic.story(), IsEmpty());
  traffic.settle();
  EXPECT_THAT(traffic.story(), ElementsAre("< 200 - ", "> GET /a/", "< 200 GET /a", "> GET /b/", "< 200 GET /b",
                                           "> GET /c/", "< 200 GET /c"));
  EXPECT_EQ(traffic.losses().unanswered, 0u);
}

TEST(HttpLoss, a_response_to_nothing_is_not_given_to_what_comes_after_it) {
  Traffic traffic;
  traffic.handshake();
  traffic.client(get("/a/"));
  traffic.server(kEmpty);
  const auto request = traffic.from_client(get("/b/"));
  traffic.client_next -= static_cast<std::uint32_t>(request.payload.size());  // the server has not got it yet
  const auto timeout = traffic.from_server("HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n");
  traffic.capture(request);
  traffic.capture(timeout);
  traffic.reader.finish();
  EXPECT_THAT(traffic.story(), ElementsAre("> GET /a/", "< 200 GET /a", "> GET /b/", "< 408 - "));
  EXPECT_EQ(traffic.losses().unanswered, 1u);
}

TEST(HttpLoss, a_request_in_the_body_of_a_response_that_was_joined_late_is_none) {
  for (const bool by_client : {false, true}) {
    Traffic traffic;
    const std::string tail = by_client ? "body\r\nHTTP/1.1 500 Oh\r\nA: b\r\n\r\n" : "body\r\n" + get("/docs/x");
    traffic.capture(traffic.make(by_client, tail));
    for (int i = 0; i < 3; ++i) {
      traffic.client(get("/a/"));
      traffic.server(kEmpty);
    }
    EXPECT_THAT(traffic.story(),
                ElementsAre("> GET /a/", "< 200 GET /a", "> GET /a/", "< 200 GET /a", "> GET /a/", "< 200 GET /a"));
  }
}

TEST(HttpLoss, a_lost_response_leaves_its_request_unanswered) {
  Traffic traffic;
  traffic.handshake();
  traffic.client(get("/a/"));
  traffic.from_server(kEmpty);  // lost
  traffic.client(get("/b/"));
  traffic.server("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
  traffic.settle();
  EXPECT_THAT(traffic.story(), ElementsAre("> GET /a/", "> GET /b/", "< 404 GET /b"));
  EXPECT_EQ(traffic.losses(), (HttpLosses{.gap_bytes = kEmpty.size(), .resynchronisations = 1, .unanswered = 1}));
}

TEST(HttpLoss, a_gap_that_nobody_acknowledges_is_given_up_by_packet_time) {
  Traffic traffic;
  traffic.handshake();
  traffic.from_client(get("/lost/"));
  traffic.client(get("/b/"));
  traffic.pass(1s);
  traffic.client_ack();
  EXPECT_THAT(traffic.story(), IsEmpty());
  traffic.pass(3s);
  traffic.reconnect(40'001);  // another connection's packet tells the time
  traffic.client_ack();
  EXPECT_THAT(traffic.story(), ElementsAre("> GET /b/"));
}

TEST(HttpLoss, what_waits_behind_a_gap_is_told_at_the_end) {
  Traffic traffic;
  traffic.handshake();
  traffic.from_client(get("/lost/"));
  traffic.client(get("/b/"));
  traffic.reader.finish();
  EXPECT_THAT(traffic.story(), ElementsAre("> GET /b/"));
  EXPECT_EQ(traffic.losses().unanswered, 1u);
}

TEST(HttpLoss, frames_that_were_cut_short_leave_gaps) {
  Traffic traffic;
  traffic.handshake();
  for (const std::string_view target : {"/a/", "/b/"}) {
    auto request = traffic.from_client(get(target));
    traffic.capture(request);
    auto response = traffic.from_server("HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n" + std::string(500, 'x'));
    response.captured = 100;
    traffic.capture(response);
  }
  EXPECT_THAT(traffic.story(),
              ElementsAre("> GET /a/", "< 200 GET /a (incomplete)", "> GET /b/", "< 200 GET /b (incomplete)"));
  EXPECT_EQ(traffic.exchange().response_bytes, 540u);
  EXPECT_EQ(traffic.losses(), (HttpLosses{.gap_bytes = 880}));
}

TEST(HttpLoss, a_closed_connection_frees_the_ends_for_another_even_unseen) {
  Traffic traffic;
  traffic.handshake();
  traffic.client_closes();
  traffic.server_closes();
  traffic.client_next += 1'000'000'000;
  traffic.client(get("/a/"));
  EXPECT_THAT(traffic.story(), ElementsAre("> GET /a/"));
}

TEST(HttpLoss, acknowledgements_alone_make_no_connection) {
  Traffic traffic;
  traffic.client_ack();
  traffic.capture(traffic.make(true, "", tcp_flag::kRst));
  EXPECT_EQ(traffic.reader.connections(), 0u);
}

TEST(HttpBounds, a_silent_connection_leaves_by_packet_time) {
  Traffic traffic;
  traffic.handshake();
  traffic.client(get("/a/"));
  traffic.pass(4min);
  traffic.reconnect(40'001);
  traffic.client(get("/b/"));
  traffic.pass(2min);
  traffic.client(get("/b/"));
  EXPECT_EQ(traffic.reader.connections(), 1u);
  EXPECT_EQ(traffic.losses(), (HttpLosses{.unanswered = 1}));
  traffic.client_closes();
  traffic.server_closes();
}

TEST(HttpBounds, closed_connections_leave_soon) {
  Traffic traffic;
  traffic.handshake();
  traffic.client_closes();
  traffic.server_closes();
  EXPECT_EQ(traffic.reader.connections(), 1u);
  traffic.pass(11s);
  traffic.client_ack();
  EXPECT_EQ(traffic.reader.connections(), 0u);
}

TEST(HttpBounds, the_connection_silent_for_longest_makes_way) {
  Traffic traffic{{.connections = 3}};
  const auto request = [&](std::uint16_t port) {
    traffic.reconnect(port);
    traffic.client(get("/a/"));
    traffic.pass(2s);
  };
  request(1);
  request(2);
  request(3);
  traffic.reconnect(1);  // speaks again
  traffic.client_next += static_cast<std::uint32_t>(get("/a/").size());
  traffic.client_ack();
  request(4);
  EXPECT_EQ(traffic.losses().evicted_streams, 1u);
  EXPECT_EQ(traffic.reader.connections(), 3u);
  traffic.reconnect(1);
  traffic.client_next += static_cast<std::uint32_t>(get("/a/").size());
  traffic.server(kEmpty);  // still known, and so paired
  EXPECT_EQ(traffic.story().back(), "< 200 GET /a");
  traffic.reconnect(2);
  traffic.server(kEmpty);  // forgotten
  EXPECT_EQ(traffic.story().back(), "< 200 - ");
}

TEST(HttpBounds, a_closed_connection_makes_way_without_loss) {
  Traffic traffic{{.connections = 1}};
  for (std::uint16_t port = 1; port < 10; ++port) {
    traffic.reconnect(port);
    traffic.handshake();
    traffic.client(get("/a/"));
    traffic.server(kEmpty);
    traffic.client_closes();
    traffic.server_closes();
  }
  EXPECT_EQ(traffic.story().size(), 18u);
  EXPECT_EQ(traffic.losses(), HttpLosses{});
}

TEST(HttpBounds, one_stream_holds_no_more_than_it_may) {
  Traffic traffic{{.ports = {80}, .stream_bytes = 10'000}};
  traffic.handshake();
  traffic.client("POST /a/ HTTP/1.1\r\nContent-Length: 1000001\r\n\r\n");
  traffic.from_client("x");  // lost
  const std::string part(1'000, 'x');
  for (int i = 0; i < 1'000; ++i) {
    traffic.client(part);
    EXPECT_LE(traffic.reader.held_bytes(), 10'000u);
  }
  traffic.client(get("/b/"));
  EXPECT_THAT(traffic.story(), ElementsAre("> POST /a/", "> GET /b/"));
  EXPECT_EQ(traffic.losses(), (HttpLosses{.gap_bytes = 1}));
}

TEST(HttpBounds, all_together_hold_no_more_than_they_may) {
  Traffic traffic{{.ports = {80}, .held_bytes = 50'000}};
  const std::string part(1'400, 'x');
  std::uint64_t lost = 0;
  for (std::uint16_t port = 1; port < 200; ++port) {
    traffic.reconnect(port);
    traffic.handshake();
    if (port % 2 == 0) {
      traffic.from_client("x");
      ++lost;
    }
    traffic.client("GET /" + part + " HTTP/1.1\r\n");  // a head that does not end, every other one behind a gap
    EXPECT_LE(traffic.reader.held_bytes(), 50'000u);
  }
  EXPECT_GT(traffic.reader.held_bytes(), 40'000u);
  EXPECT_GT(traffic.losses().resynchronisations, 100u);
  traffic.reader.finish();
  EXPECT_EQ(traffic.losses().gap_bytes, lost);
  EXPECT_EQ(traffic.reader.held_bytes(), 0u);
}

TEST(HttpBounds, long_queues_of_requests_count_as_held) {
  Traffic traffic{{.ports = {80}, .held_bytes = 20'000}};
  const std::string host(250, 'h');
  for (std::uint16_t port = 1; port < 50; ++port) {
    traffic.reconnect(port);
    traffic.handshake();
    for (int i = 0; i < 30; ++i) traffic.client("GET / HTTP/1.1\r\nHost: " + host + "\r\n\r\n");
    EXPECT_LE(traffic.reader.held_bytes(), 20'000u);
  }
  traffic.reader.finish();
  EXPECT_EQ(traffic.losses().unanswered, 49u * 30u);
}

}  // namespace
}  // namespace tidegate
