#include "model/forward.h"

namespace tidegate {
namespace {

using ::testing::HasSubstr;

IpAddress address(std::string_view text) { return IpAddress::parse(text).value(); }

TEST(ForwardProtocol, says_what_it_carries) {
  EXPECT_EQ(to_string(ForwardProtocol::both), "both");
  EXPECT_TRUE(carries_tcp(ForwardProtocol::both) && carries_udp(ForwardProtocol::both));
  EXPECT_TRUE(carries_tcp(ForwardProtocol::tcp) && !carries_udp(ForwardProtocol::tcp));
  EXPECT_TRUE(!carries_tcp(ForwardProtocol::udp) && carries_udp(ForwardProtocol::udp));
}

TEST(Host, is_an_address_or_a_name) {
  for (const std::string_view text : {"127.0.0.1", "::1", "db.example.net", "my_box", "A-1"}) {
    EXPECT_TRUE(is_host(text)) << text;
  }
  for (const std::string& text : {std::string{}, std::string{"a b"}, std::string{"a/b"}, std::string{"[::1]"},
                                  std::string{"*"}, std::string{"é"}, std::string(254, 'x')}) {
    EXPECT_FALSE(is_host(text)) << text;
  }
}

TEST(PortSpan, is_one_port_or_several_in_a_row) {
  EXPECT_EQ(PortSpan::parse("10001").value(), (PortSpan{10001, 10001}));
  EXPECT_EQ(PortSpan::parse("1-65535").value(), (PortSpan{1, 65535}));
  for (const std::string_view text : {"", "0", "65536", "2-1", "1-", "-1", "1-2-3", " 1", "+1", "http"}) {
    const auto parsed = PortSpan::parse(text);
    ASSERT_FALSE(parsed) << text;
    EXPECT_EQ(parsed.error().what, fmt::format("\"{}\" is not a port (try 10001 or 10000-19999; 1 to 65535)", text));
  }
}

TEST(ListenAddress, is_a_port_an_address_with_ports_or_a_unix_socket) {
  struct Case {
    std::string_view text;
    ListenAddress listen;
    std::string_view written;
  };
  const Case cases[] = {
      {"10001", {{}, {}, 10001, 10001}, "*:10001"},
      {"10000-19999", {{}, {}, 10000, 19999}, "*:10000-19999"},
      {"*:10000-19999", {{}, {}, 10000, 19999}, "*:10000-19999"},
      {"192.0.2.10:10001", {{}, address("192.0.2.10"), 10001, 10001}, "192.0.2.10:10001"},
      {"[::]:10001", {{}, address("::"), 10001, 10001}, "[::]:10001"},
      {"[2001:db8::1]:1-2", {{}, address("2001:db8::1"), 1, 2}, "[2001:db8::1]:1-2"},
      {"unix:/run/x.sock", {"/run/x.sock", {}, 0, 0}, "unix:/run/x.sock"},
  };
  for (const Case& c : cases) {
    const auto parsed = ListenAddress::parse(c.text);
    ASSERT_TRUE(parsed) << c.text;
    EXPECT_EQ(*parsed, c.listen) << c.text;
    EXPECT_EQ(parsed->to_string(), c.written);
    EXPECT_EQ(ListenAddress::parse(c.written).value(), c.listen);
  }
}

TEST(ListenAddress, knows_how_many_ports_it_has) {
  EXPECT_EQ(ListenAddress::parse("*:10000-19999")->ports(), 10'000U);
  EXPECT_EQ(ListenAddress::parse("80")->ports(), 1U);
  EXPECT_EQ(ListenAddress::parse("unix:/x")->ports(), 1U);
}

TEST(ListenAddress, refuses_everything_else_and_quotes_it) {
  for (const std::string_view text : {"", "0", ":80", "*", "*:0", "*:65536", "*:9-8", "host:80", "::1:80", "[::1]",
                                      "[::1]80", "[*]:80", "[192.0.2.1]:80", "192.0.2.1", "[]:80", "]:80"}) {
    const auto parsed = ListenAddress::parse(text);
    ASSERT_FALSE(parsed) << text;
    EXPECT_THAT(parsed.error().what, HasSubstr(fmt::format("\"{}\" is not an address to listen on", text)));
  }
  EXPECT_THAT(ListenAddress::parse("unix:").error().what, HasSubstr("is not the path of a UNIX socket"));
  EXPECT_TRUE(ListenAddress::parse("unix:" + std::string(107, 'x')));
  EXPECT_FALSE(ListenAddress::parse("unix:" + std::string(108, 'x')));
}

TEST(Target, is_a_host_with_ports_or_a_unix_socket) {
  struct Case {
    std::string_view text;
    Target target;
  };
  const Case cases[] = {
      {"127.0.0.1:10000", {.unix_path = {}, .host = "127.0.0.1", .port = 10000}},
      {"db.example.net:5432", {.unix_path = {}, .host = "db.example.net", .port = 5432}},
      {"[::1]:80", {.unix_path = {}, .host = "::1", .port = 80}},
      {"h:100-199", {.unix_path = {}, .host = "h", .port = 100, .each_port = true, .last = 199}},
      {"unix:/run/app.sock", {.unix_path = "/run/app.sock", .host = {}}},
  };
  for (const Case& c : cases) {
    const auto parsed = Target::parse(c.text);
    ASSERT_TRUE(parsed) << c.text;
    EXPECT_EQ(*parsed, c.target) << c.text;
    EXPECT_EQ(parsed->to_string(), c.text);
  }
  EXPECT_EQ((Target{.unix_path = {}, .host = "::1"}).to_string(), "[::1]");
  EXPECT_EQ((Target{.unix_path = {}, .host = "h", .port = 7, .each_port = true}).to_string(), "h:7-…");
}

TEST(Target, refuses_everything_else_and_quotes_it) {
  for (const std::string_view text : {"", "80", "h", ":80", "h:", "h:0", "h:70000", "h:2-1", "::1:80", "[h]:80",
                                      "[127.0.0.1]:80", "a b:80", "a/b:80", "*:80", "http://h:80"}) {
    const auto parsed = Target::parse(text);
    ASSERT_FALSE(parsed) << text;
    EXPECT_THAT(parsed.error().what, HasSubstr(fmt::format("\"{}\" is not a target", text)));
  }
  EXPECT_THAT(Target::parse("unix:").error().what, HasSubstr("is not the path of a UNIX socket"));
}

}  // namespace
}  // namespace tidegate
