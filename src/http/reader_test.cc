// Messages of whole connections, as captured packets.
#include "http/reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "http/traffic_for_tests.h"

namespace tidegate {
namespace {

using namespace std::chrono_literals;
using test::get;
using test::kEmpty;
using test::Traffic;
using testing::ElementsAre;
using testing::IsEmpty;

TEST(HttpReader, tells_a_request_and_its_response) {
  Traffic traffic;
  traffic.handshake();
  const std::string request =
      "POST /foo/index.html?a HTTP/1.1\r\nHost: www.example.com:80\r\nContent-Length: 3\r\n\r\nabc";
  const std::string response = "HTTP/1.1 404 Not Found\r\nContent-Length: 5\r\n\r\nhello";
  traffic.client(request);
  const auto asked = traffic.now;
  traffic.server_ack();
  traffic.pass(20ms);
  traffic.server(response.substr(0, 30));
  traffic.client_ack();
  traffic.server(response.substr(30));
  const auto answered = traffic.now;
  traffic.client_ack();

  EXPECT_THAT(traffic.story(), ElementsAre("> POST /foo/index.html?a", "< 404 POST /foo"));
  const auto& told = traffic.told().requests.at(0);
  EXPECT_EQ(told.host, "www.example.com");
  EXPECT_EQ(told.section, "/foo");
  EXPECT_EQ(told.client, traffic.client_end());
  EXPECT_EQ(told.server, traffic.server_end());
  EXPECT_EQ(told.at.instant, asked.instant);
  const auto& exchange = traffic.exchange();
  EXPECT_EQ(exchange.client, traffic.client_end());
  EXPECT_EQ(exchange.server, traffic.server_end());
  EXPECT_EQ(exchange.request_bytes, request.size());
  EXPECT_EQ(exchange.response_bytes, response.size());
  EXPECT_EQ(exchange.at.instant, answered.instant);
  EXPECT_EQ(exchange.at.wall, answered.wall);
  EXPECT_EQ(exchange.first_byte, 22ms);
  EXPECT_EQ(traffic.losses(), HttpLosses{});
}

TEST(HttpReader, pairs_pipelined_requests_in_order) {
  Traffic traffic;
  traffic.handshake();
  traffic.client(get("/a/") + get("/b/") + get("/c/").substr(0, 5));
  traffic.client(get("/c/").substr(5));
  traffic.server("HTTP/1.1 201 A\r\nContent-Length: 0\r\n\r\nHTTP/1.1 202 B\r\nContent-Le");
  traffic.server("ngth: 2\r\n\r\nxxHTTP/1.1 203 C\r\nContent-Length: 0\r\n\r\n");
  EXPECT_THAT(traffic.story(),
              ElementsAre("> GET /a/", "> GET /b/", "> GET /c/", "< 201 GET /a", "< 202 GET /b", "< 203 GET /c"));
}

TEST(HttpReader, pairs_rightly_behind_more_requests_than_it_keeps) {
  Traffic traffic;
  traffic.handshake();
  constexpr std::size_t kRequests = PendingRequests::kMost + 10;
  for (std::size_t i = 0; i < kRequests; ++i) traffic.client(get("/a/"));
  for (std::size_t i = 0; i < kRequests; ++i) traffic.server(kEmpty);
  traffic.client(get("/b/"));
  traffic.server(kEmpty);
  ASSERT_EQ(traffic.story().size(), 2 * kRequests + 2);
  EXPECT_EQ(traffic.story().at(kRequests + PendingRequests::kMost - 1), "< 200 GET /a");
  EXPECT_EQ(traffic.story().at(kRequests + PendingRequests::kMost), "< 200 - ");
  EXPECT_EQ(traffic.story().back(), "< 200 GET /b");
  EXPECT_EQ(traffic.losses(), HttpLosses{});
}

TEST(HttpReader, what_comes_behind_more_requests_than_it_keeps_is_kept_again) {
  Traffic traffic;
  traffic.handshake();
  for (std::size_t i = 0; i < PendingRequests::kMost + 6; ++i) traffic.client(get("/burst/"));
  for (std::size_t i = 0; i < PendingRequests::kMost; ++i) traffic.server(kEmpty);
  for (int i = 0; i < 100; ++i) {  // six always wait
    traffic.client(get("/after/"));
    traffic.server(kEmpty);
  }
  const auto& story = traffic.story();
  EXPECT_EQ(std::ranges::count(story, "< 200 GET /burst"), PendingRequests::kMost);
  EXPECT_EQ(std::ranges::count(story, "< 200 - "), 6);
  EXPECT_EQ(std::ranges::count(story, "< 200 GET /after"), 94);
}

TEST(HttpReader, a_queue_that_never_runs_empty_stays_small) {
  Traffic traffic;
  traffic.handshake();
  traffic.client(get("/first/"));
  for (int i = 0; i < 300; ++i) {
    traffic.client(get("/next/"));
    traffic.server(kEmpty);
  }
  EXPECT_EQ(traffic.story().back(), "< 200 GET /next");
  EXPECT_LT(traffic.reader.held_bytes(), 20'000u);
}

TEST(HttpReader, interim_responses_are_counted_with_the_final_one) {
  Traffic traffic;
  traffic.handshake();
  traffic.client("PUT /a/b HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n");
  traffic.server("HTTP/1.1 100 Continue\r\n\r\n");
  traffic.client("body");
  traffic.server("HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n");
  traffic.server(kEmpty);
  EXPECT_THAT(traffic.story(), ElementsAre("> PUT /a/b", "< 200 PUT /a"));
  EXPECT_EQ(traffic.exchange().response_bytes, 25u + 37u + kEmpty.size());
  EXPECT_EQ(traffic.exchange().first_byte, 2ms);  // from the body's last byte to the final response
}

TEST(HttpReader, responses_without_a_body_have_none_whatever_their_head_says) {
  Traffic traffic;
  traffic.handshake();
  traffic.client("HEAD /a/ HTTP/1.1\r\n\r\n" + get("/b/") + get("/c/") + get("/d/"));
  traffic.server("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n");
  traffic.server("HTTP/1.1 204 No Content\r\nContent-Length: 1000\r\n\r\n");
  traffic.server("HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n");
  traffic.server(kEmpty);
  EXPECT_THAT(traffic.story(), ElementsAre("> HEAD /a/", "> GET /b/", "> GET /c/", "> GET /d/", "< 200 HEAD /a",
                                           "< 204 GET /b", "< 304 GET /c", "< 200 GET /d"));
}

TEST(HttpReader, a_response_may_end_with_its_connection) {
  Traffic traffic;
  traffic.handshake();
  traffic.client("GET /a/b HTTP/1.0\r\n\r\n");
  traffic.server("HTTP/1.0 200 OK\r\n\r\nsome ");
  traffic.server("body");
  const auto last = traffic.now;
  EXPECT_THAT(traffic.story(), ElementsAre("> GET /a/b"));
  traffic.server_closes();
  EXPECT_THAT(traffic.story(), ElementsAre("> GET /a/b", "< 200 GET /a"));
  EXPECT_EQ(traffic.exchange().response_bytes, 28u);
  EXPECT_EQ(traffic.exchange().at.instant, last.instant);
}

TEST(HttpReader, a_response_that_breaks_off_is_incomplete) {
  for (const std::string_view head :
       {"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.0 200 OK\r\n\r\n"}) {
    Traffic traffic;
    traffic.handshake();
    traffic.client(get("/a/"));
    traffic.server(head);
    traffic.capture(traffic.make(false, "", tcp_flag::kRst));
    EXPECT_THAT(traffic.story(), ElementsAre("> GET /a/", "< 200 GET /a (incomplete)")) << head;
    EXPECT_EQ(traffic.losses(), HttpLosses{});
  }
}

TEST(HttpReader, a_response_that_comes_before_the_whole_request_ends_the_exchange) {
  Traffic traffic;
  traffic.handshake();
  traffic.client("POST /a/ HTTP/1.1\r\nContent-Length: 10\r\n\r\nabc");
  traffic.server("HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n");
  traffic.client("defghij" + get("/b/"));
  traffic.server(kEmpty);
  EXPECT_THAT(traffic.story(), ElementsAre("> POST /a/", "< 413 POST /a", "> GET /b/", "< 200 GET /b"));
}

TEST(HttpReader, requests_that_nobody_answered_are_counted) {
  Traffic traffic;
  traffic.handshake();
  traffic.client(get("/a/") + get("/b/"));
  traffic.server(kEmpty);
  traffic.client_closes();
  traffic.server_closes();
  EXPECT_EQ(traffic.losses().unanswered, 1u);
  traffic.reader.finish();
  EXPECT_EQ(traffic.losses().unanswered, 1u);

  traffic.reconnect(40'001);
  traffic.handshake();
  traffic.client(get("/c/"));
  traffic.reader.finish();
  EXPECT_EQ(traffic.losses().unanswered, 2u);
  EXPECT_EQ(traffic.reader.connections(), 0u);
}

TEST(HttpReader, a_client_may_close_its_side_and_wait) {
  Traffic traffic;
  traffic.handshake();
  traffic.client(get("/a/"));
  traffic.client_closes();
  traffic.server(kEmpty);
  traffic.server_closes();
  EXPECT_THAT(traffic.story(), ElementsAre("> GET /a/", "< 200 GET /a"));
  EXPECT_EQ(traffic.losses(), HttpLosses{});
}

TEST(HttpReader, hosts_come_from_the_target_before_the_field) {
  Traffic traffic;
  traffic.handshake();
  traffic.client("GET http://one.example:8080/a/b HTTP/1.1\r\nHost: two.example\r\n\r\n");
  traffic.client("OPTIONS * HTTP/1.1\r\nHost: two.example:80\r\n\r\n");
  traffic.client("GET / HTTP/1.0\r\n\r\n");
  traffic.client("CONNECT three.example:443 HTTP/1.1\r\nHost: two.example\r\n\r\n");
  const auto& requests = traffic.told().requests;
  ASSERT_EQ(requests.size(), 4u);
  EXPECT_EQ(requests[0].host, "one.example");
  EXPECT_EQ(requests[0].section, "/a");
  EXPECT_EQ(requests[1].host, "two.example");
  EXPECT_EQ(requests[1].section, "/");
  EXPECT_EQ(requests[2].host, "");
  EXPECT_EQ(requests[3].host, "three.example");
}

TEST(HttpReader, long_names_are_cut) {
  Traffic traffic;
  traffic.handshake();
  const std::string longer(300, 'x');
  traffic.client("GET /" + longer + "/ HTTP/1.1\r\nHost: " + longer + "\r\n\r\n");
  EXPECT_EQ(traffic.told().requests.at(0).host.size(), Conversation::kMostText);
  EXPECT_EQ(traffic.told().requests.at(0).section.size(), Conversation::kMostText);
}

TEST(HttpReader, after_an_upgrade_nothing_is_read) {
  Traffic traffic;
  traffic.handshake();
  traffic.client("GET /chat/ HTTP/1.1\r\nUpgrade: websocket\r\n\r\n");
  traffic.server("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n" + std::string{kEmpty});
  traffic.client(get("/no/"));
  traffic.client_closes();
  traffic.server_closes();
  EXPECT_THAT(traffic.story(), ElementsAre("> GET /chat/", "< 101 GET /chat"));
  EXPECT_EQ(traffic.losses(), HttpLosses{});
}

TEST(HttpReader, a_tunnel_is_not_read_unless_it_was_refused) {
  Traffic traffic;
  traffic.handshake();
  traffic.client("CONNECT a:443 HTTP/1.1\r\n\r\n");
  traffic.server("HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 2\r\n\r\nno");
  traffic.client("CONNECT a:443 HTTP/1.1\r\nProxy-Authorization: x\r\n\r\n");
  traffic.server("HTTP/1.1 200 Established\r\nContent-Length: 20\r\n\r\n");
  traffic.client("\x16\x03\x01");
  traffic.client(get("/no/"));
  EXPECT_THAT(traffic.story(), ElementsAre("> CONNECT a:443", "< 407 CONNECT /", "> CONNECT a:443", "< 200 CONNECT /"));
  EXPECT_EQ(traffic.losses(), HttpLosses{});
}

TEST(HttpReader, data_in_the_syn_is_read) {
  Traffic traffic;
  traffic.capture(traffic.make(true, get("/a/"), tcp_flag::kSyn));
  traffic.capture(traffic.make(false, "", tcp_flag::kSyn | tcp_flag::kAck));
  traffic.client(get("/b/"));
  traffic.server(kEmpty);
  EXPECT_THAT(traffic.story(), ElementsAre("> GET /a/", "> GET /b/", "< 200 GET /a"));
}

TEST(HttpReader, a_syn_that_is_repeated_changes_nothing) {
  Traffic traffic;
  const auto syn = traffic.make(true, "", tcp_flag::kSyn);
  traffic.capture(syn);
  traffic.capture(syn);
  traffic.capture(traffic.make(false, "", tcp_flag::kSyn | tcp_flag::kAck));
  traffic.client(get("/a/"));
  traffic.capture(syn);
  traffic.server(kEmpty);
  EXPECT_THAT(traffic.story(), ElementsAre("> GET /a/", "< 200 GET /a"));
}

TEST(HttpReader, a_new_syn_between_the_same_ends_is_a_new_connection) {
  Traffic traffic;
  traffic.handshake();
  traffic.client(get("/a/"));
  traffic.client_next += 100'000;
  traffic.server_next += 100'000;
  traffic.handshake();
  EXPECT_EQ(traffic.losses().unanswered, 1u);
  traffic.client(get("/b/"));
  traffic.server(kEmpty);
  EXPECT_THAT(traffic.story(), ElementsAre("> GET /a/", "> GET /b/", "< 200 GET /b"));
  EXPECT_EQ(traffic.reader.connections(), 1u);
}

TEST(HttpReader, late_copies_after_the_end_are_not_told_again) {
  Traffic traffic;
  traffic.handshake();
  const auto request = traffic.from_client(get("/a/"));
  const auto response = traffic.from_server(kEmpty);
  traffic.capture(request);
  traffic.capture(response);
  traffic.client_closes();
  traffic.server_closes();
  traffic.capture(request);
  traffic.capture(response);
  EXPECT_EQ(traffic.story().size(), 2u);
}

TEST(HttpReader, a_reset_from_elsewhere_does_not_end_a_connection) {
  Traffic traffic;
  traffic.handshake();
  traffic.client(get("/a/"));
  traffic.capture({.from_client = false, .sequence = 0x7000'0000, .flags = tcp_flag::kRst});
  traffic.server(kEmpty);
  EXPECT_THAT(traffic.story(), ElementsAre("> GET /a/", "< 200 GET /a"));
}

TEST(HttpReader, tls_is_recognised_and_not_read) {
  for (const bool seen_from_start : {true, false}) {
    Traffic traffic;
    if (seen_from_start) traffic.handshake();
    traffic.client("\x16\x03\x01\x02");
    traffic.client(get("/a/"));
    traffic.server("\x16\x03\x03");
    traffic.reader.finish();
    EXPECT_THAT(traffic.story(), IsEmpty());
    EXPECT_EQ(traffic.losses(), (HttpLosses{.tls_connections = 1}));
  }
}

TEST(HttpReader, http_2_is_recognised_and_not_read) {
  Traffic traffic;
  traffic.handshake();
  traffic.client("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
  traffic.client(get("/a/"));
  traffic.reader.finish();
  EXPECT_THAT(traffic.story(), IsEmpty());
  EXPECT_EQ(traffic.losses(), (HttpLosses{.http2_connections = 1}));
}

TEST(HttpReader, http_2_by_upgrade_is_recognised) {
  Traffic traffic;
  traffic.handshake();
  traffic.client("GET /a/ HTTP/1.1\r\nUpgrade: h2c\r\n\r\n");
  traffic.server("HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n");
  traffic.client("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
  traffic.reader.finish();
  EXPECT_THAT(traffic.story(), ElementsAre("> GET /a/", "< 101 GET /a"));
  EXPECT_EQ(traffic.losses(), (HttpLosses{.http2_connections = 1}));
}

TEST(HttpReader, what_is_no_http_is_counted_once) {
  Traffic traffic;
  traffic.handshake();
  traffic.server("220 mail.example ESMTP\r\n");
  EXPECT_EQ(traffic.losses().other_connections, 1u);  // at once
  traffic.client("EHLO x\r\n");
  traffic.client(get("/a/"));
  traffic.reader.finish();
  EXPECT_THAT(traffic.story(), IsEmpty());
  EXPECT_EQ(traffic.losses(), (HttpLosses{.other_connections = 1}));
}

TEST(HttpReader, what_is_no_http_and_was_joined_late_is_counted_at_its_end) {
  Traffic traffic;
  traffic.client("some protocol\r\n");
  traffic.server("or other\r\n");
  EXPECT_EQ(traffic.losses().other_connections, 0u);
  traffic.reader.finish();
  EXPECT_EQ(traffic.losses(), (HttpLosses{.other_connections = 1}));
}

TEST(HttpReader, a_connection_without_a_byte_is_nothing) {
  Traffic traffic;
  traffic.handshake();
  traffic.client_closes();
  traffic.server_closes();
  traffic.reader.finish();
  EXPECT_EQ(traffic.losses(), HttpLosses{});
}

TEST(HttpReader, only_the_watched_servers_are_read) {
  Traffic traffic{{.ports = {80, 8080}, .address = IpAddress::parse("192.0.2.10").value()}};
  for (const std::uint16_t port : std::initializer_list<std::uint16_t>{80, 8080, 81}) {
    traffic.server_port = port;
    traffic.reconnect(40'000);
    traffic.handshake();
    traffic.client(get(fmt::format("/{}/", port)));
  }
  EXPECT_THAT(traffic.story(), ElementsAre("> GET /80/", "> GET /8080/"));
}

TEST(HttpReader, a_client_on_a_watched_port_is_no_server) {
  Traffic traffic{{.ports = {40'000}}};
  traffic.handshake();
  traffic.client(get("/a/"));
  traffic.server(kEmpty);
  traffic.reader.finish();
  EXPECT_THAT(traffic.story(), IsEmpty());
  EXPECT_EQ(traffic.losses(), HttpLosses{});
}

TEST(HttpReader, what_a_watched_address_asks_of_others_is_none_of_its_server) {
  Traffic traffic{{.address = IpAddress::parse("192.0.2.1").value()}};  // the client's
  traffic.handshake();
  traffic.client("\x16\x03\x01 hello");
  traffic.server("\x16\x03\x03 hello");
  traffic.reconnect(40'001);
  traffic.handshake();
  traffic.client(get("/a/"));
  traffic.server(kEmpty);
  traffic.reader.finish();
  EXPECT_THAT(traffic.story(), IsEmpty());
  EXPECT_EQ(traffic.losses(), HttpLosses{});
}

TEST(HttpReader, without_ports_the_client_is_who_asks) {
  Traffic traffic{HttpReaderSettings{}};
  traffic.handshake();
  traffic.server(get("/a/"));
  traffic.client(kEmpty);
  EXPECT_THAT(traffic.story(), ElementsAre("> GET /a/", "< 200 GET /a"));
  EXPECT_EQ(traffic.told().requests.at(0).client, traffic.server_end());
}

TEST(HttpReader, later_fragments_are_counted_as_undecoded) {
  Traffic traffic;
  const auto frame = test::PacketBuilder{}
                         .ethernet()
                         .ipv4("192.0.2.1", "192.0.2.10", {.fragment_at = 100})
                         .next_header(6)
                         .payload(100)
                         .bytes();
  traffic.add(frame, frame.size());
  EXPECT_EQ(traffic.losses(), (HttpLosses{.undecoded_packets = 1}));
}

TEST(HttpReader, ipv6_is_read_as_well) {
  Traffic traffic;
  const auto send = [&](bool up, std::string_view payload) {
    auto builder =
        test::PacketBuilder{}.ethernet().ipv6(up ? "2001:db8::1" : "2001:db8::2", up ? "2001:db8::2" : "2001:db8::1");
    const test::PacketBuilder::Tcp tcp{.sequence = 1, .acknowledgement = up ? 1u : 2u};
    const auto frame = builder.tcp(up ? 1234 : 80, up ? 80 : 1234, tcp_flag::kAck, tcp).payload(payload).bytes();
    traffic.add(frame, frame.size());
  };
  send(true, get("/a/"));
  send(false, kEmpty);
  EXPECT_THAT(traffic.story(), ElementsAre("> GET /a/", "< 200 GET /a"));
}

}  // namespace
}  // namespace tidegate
