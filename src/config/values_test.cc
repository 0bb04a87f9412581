#include "config/config.h"
#include "config/ready.h"

namespace tidegate {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(Values, a_bare_port_is_both_protocols) {
  EXPECT_THAT(parse_ports("80").value(),
              ElementsAre(PortRange{Protocol::tcp, 80, 80}, PortRange{Protocol::udp, 80, 80}));
  EXPECT_THAT(parse_ports("udp/27000-27015").value(), ElementsAre(PortRange{Protocol::udp, 27000, 27015}));
  for (const std::string_view text : {"0", "65536", "-1", "80-90", "sctp/80", "tcp/", "tcp/9-8", "", "http"}) {
    EXPECT_FALSE(parse_ports(text)) << text;
  }
}

TEST(Values, a_group_is_a_number_of_two_bytes) {
  EXPECT_EQ(parse_nflog_group("0"), NflogSource{.group = 0});
  EXPECT_EQ(parse_nflog_group("65535"), NflogSource{.group = 65535});
  for (const char* text : {"", "-1", "65536", "1 ", "0x1", "one"}) EXPECT_FALSE(parse_nflog_group(text)) << text;
}

TEST(Values, a_packet_rate_is_a_number_in_a_time) {
  EXPECT_EQ(parse_packet_rate("3/10s"), (PacketRate{3, 10s}));
  EXPECT_EQ(parse_packet_rate("1000 / 1h"), (PacketRate{1000, 1h}));
  for (const std::string_view text :
       {"", "3", "/10s", "3/", "0/10s", "1001/10s", "3/0", "-3/10s", "3/10 parsecs", "3/10s/2"}) {
    EXPECT_FALSE(parse_packet_rate(text)) << text;
  }
  EXPECT_THAT(parse_packet_rate("three").error().what,
              HasSubstr("\"three\" is not a number of packets in a time (try 3/10s)"));
}

TEST(Values, tcp_flags_are_set_or_clear) {
  EXPECT_EQ(parse_tcp_flags("syn,!ack"), (TcpFlags{tcp_flag::kSyn, tcp_flag::kAck}));
  EXPECT_EQ(parse_tcp_flags(" psh , ack "), (TcpFlags{tcp_flag::kPsh | tcp_flag::kAck, 0}));
  EXPECT_EQ(parse_tcp_flags("!rst"), (TcpFlags{0, tcp_flag::kRst}));
  EXPECT_EQ(parse_tcp_flags("any"), TcpFlags{});
  for (const std::string_view text : {"", "syn,", "SYN", "!", "any,syn", "syn,!syn", "synack"}) {
    EXPECT_FALSE(parse_tcp_flags(text)) << text;
  }
}

TEST(Values, noise_has_its_kinds) {
  EXPECT_EQ(parse_noise("icmp"), static_cast<std::uint8_t>(Noise::icmp));
  EXPECT_EQ(parse_noise("neighbour"), static_cast<std::uint8_t>(Noise::neighbour));
  EXPECT_THAT(parse_noise("ping").error().what,
              HasSubstr("allowed: broadcast, multicast, neighbour, icmp, rst or arp"));
}

TEST(Values, a_weekly_time_has_days_and_hours) {
  struct Case {
    std::string_view text;
    ScheduleWindow window;
  };
  const Case cases[] = {
      {"Mon-Fri 18:00-23:00", {0b0011111, 18h, 23h}}, {"Sat 10:00-24:00", {0b0100000, 10h, 24h}},
      {"daily 22:00-02:00", {0b1111111, 22h, 2h}},    {"Sat,Sun 9:30-10:05", {0b1100000, 9h + 30min, 10h + 5min}},
      {"Fri-Mon 00:00-24:00", {0b1110001, 0h, 24h}},  {"mon,WED-thu 1:00-2:00", {0b0001101, 1h, 2h}},
  };
  for (const Case& c : cases) {
    const auto window = parse_schedule_window(c.text);
    ASSERT_TRUE(window) << c.text;
    EXPECT_EQ(*window, c.window) << c.text;
  }
}

TEST(Values, a_weekly_time_that_is_none_is_refused) {
  for (const std::string_view text :
       {"", "Mon", "18:00-23:00", "Mon 18:00", "Mon 18-23", "Mon 25:00-26:00", "Mon 18:60-19:00", "Mon 24:00-02:00",
        "Mon 10:00-24:01", "Mon 10:00-10:00", "Foo 10:00-11:00", "Mon-Foo 10:00-11:00", "Mon, 10:00-11:00",
        "Mon 100:00-11:00", "Mon 10:0-11:00", "Mon 10:00-11:00-12:00"}) {
    EXPECT_FALSE(parse_schedule_window(text)) << text;
  }
}

TEST(Values, probes_are_read_from_a_kind_and_a_text) {
  struct Case {
    std::string_view kind;
    std::string_view value;
    Ready ready;
  };
  const Case cases[] = {
      {"none", "", ReadyNow{}},
      {"tcp", "8212", ReadyTcp{"", 8212}},
      {"tcp", "game.example:1", ReadyTcp{"game.example", 1}},
      {"tcp", "[::1]:80", ReadyTcp{"::1", 80}},
      {"udp", "192.0.2.1:53", ReadyUdp{"192.0.2.1", 53, ""}},
      {"http", "http://127.0.0.1", ReadyHttp{"127.0.0.1", 80, "/", "http://127.0.0.1", {}}},
      {"http", "http://[::1]:8080/a?b=c", ReadyHttp{"::1", 8080, "/a?b=c", "http://[::1]:8080/a?b=c", {}}},
      {"http", "http://h?x", ReadyHttp{"h", 80, "/?x", "http://h?x", {}}},
      {"command", "test -e /run/up", ReadyCommand{Command::shell("test -e /run/up")}},
      {"delay", "1.5s", ReadyDelay{1500ms}},
  };
  for (const Case& c : cases) {
    const auto ready = parse_ready(c.kind, c.value);
    ASSERT_TRUE(ready) << c.kind << ' ' << c.value << ": " << ready.error().what;
    EXPECT_EQ(*ready, c.ready) << c.kind << ' ' << c.value;
  }
}

TEST(Values, probes_that_are_none_are_refused) {
  const std::pair<std::string_view, std::string_view> cases[] = {
      {"tcp", ""},
      {"tcp", "0"},
      {"tcp", "65536"},
      {"tcp", "host"},
      {"tcp", ":80"},
      {"tcp", "host:"},
      {"tcp", "::1:80"},
      {"tcp", "[::1]"},
      {"tcp", "[::1:80"},
      {"tcp", "[h]:80"},
      {"tcp", "a b:80"},
      {"udp", "[127.0.0.1]:5"},
      {"http", "ftp://h/"},
      {"http", "http://"},
      {"http", "http://h:0/"},
      {"http", "http://h:/"},
      {"http", "http://u@h/"},
      {"http", "http://h/ x"},
      {"http", "http://h/\r\n"},
      {"http", "https://h/"},
      {"http", "http://h/#x"},
      {"command", " "},
      {"delay", "soon"},
      {"none", "1"},
      {"icmp", "1"},
  };
  for (const auto& [kind, value] : cases) EXPECT_FALSE(parse_ready(kind, value)) << kind << ' ' << value;
  EXPECT_THAT(parse_ready("http", "https://h/").error().what, HasSubstr("https is not asked"));
}

TEST(Values, escapes_stand_for_bytes) {
  EXPECT_EQ(parse_escapes(R"(\xff\xFE\x00a\n\r\t\0\\)"), std::string("\xff\xfe\0a\n\r\t\0\\", 9));
  EXPECT_EQ(parse_escapes("plain"), "plain");
  for (const std::string_view text : {"\\", "\\x", "\\x1", "\\xg0", "\\x+1", "\\q"})
    EXPECT_FALSE(parse_escapes(text)) << text;
}

}  // namespace
}  // namespace tidegate
