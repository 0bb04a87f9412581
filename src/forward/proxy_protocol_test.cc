#include "forward/proxy_protocol.h"

#include <gtest/gtest.h>

#include <random>

namespace tidegate {
namespace {

using Kind = ProxyHeaderResult::Kind;

Endpoint at(const std::string& address, std::uint16_t port) { return {*IpAddress::parse(address), port}; }

ProxyHeaderResult parse(std::string_view text) {
  return parse_proxy_header({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
}

std::string bytes(std::initializer_list<int> values) {
  std::string text;
  for (const int value : values) text.push_back(static_cast<char>(value));
  return text;
}

const std::string kSignature = bytes({0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a});
const std::string kV2Tcp4 = kSignature + bytes({0x21, 0x11, 0, 12, 192, 0, 2, 1, 198, 51, 100, 2, 0x30, 0x39, 0, 80});

// A whole header, at its beginning and with bytes of the connection behind it.
void expect_header(const std::string& text, const Endpoint& source, const Endpoint& destination) {
  for (const std::string& rest : {std::string{}, std::string{"GET / HTTP/1.1\r\n\r\n"}}) {
    const auto parsed = parse(text + rest);
    ASSERT_EQ(parsed.kind, Kind::header) << parsed.reason;
    EXPECT_EQ(parsed.length, text.size());
    EXPECT_EQ(parsed.source, source);
    EXPECT_EQ(parsed.destination, destination);
  }
  for (std::size_t length = 0; length < text.size(); ++length) {
    EXPECT_EQ(parse(text.substr(0, length)).kind, Kind::need_more) << length << " bytes";
  }
}

void expect_invalid(const std::string& text) {
  const auto parsed = parse(text);
  EXPECT_EQ(parsed.kind, Kind::invalid) << text;
  EXPECT_FALSE(parsed.reason.empty());
}

TEST(ProxyProtocol, version_1_is_read) {
  expect_header("PROXY TCP4 192.0.2.1 198.51.100.2 12345 80\r\n", at("192.0.2.1", 12'345), at("198.51.100.2", 80));
  expect_header("PROXY TCP6 2001:db8::1 ::1 65535 0\r\n", at("2001:db8::1", 65'535), at("::1", 0));
  expect_header("PROXY TCP6 ::ffff:192.0.2.1 2001:db8::2 1 2\r\n", at("192.0.2.1", 1), at("2001:db8::2", 2));
}

TEST(ProxyProtocol, version_1_unknown_has_no_addresses) {
  expect_header("PROXY UNKNOWN\r\n", {}, {});
  expect_header("PROXY UNKNOWN ffff:f...f:ffff and whatever else 65535\r\n", {}, {});
  const std::string longest =
      "PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n";
  ASSERT_EQ(longest.size(), 107U);
  expect_header(longest, {}, {});
}

TEST(ProxyProtocol, version_1_is_refused_when_it_is_not_to_the_letter) {
  expect_invalid("PROXY TCP5 1.2.3.4 1.2.3.4 1 2\r\n");
  expect_invalid("PROXY tcp4 1.2.3.4 1.2.3.4 1 2\r\n");
  expect_invalid("PROXY  TCP4 1.2.3.4 1.2.3.4 1 2\r\n");
  expect_invalid("PROXY TCP4 1.2.3.4  1.2.3.4 1 2\r\n");
  expect_invalid("PROXY TCP4 1.2.3.4 1.2.3.4 1 2 \r\n");
  expect_invalid("PROXY TCP4 1.2.3.4 1.2.3.4 1 2 3\r\n");
  expect_invalid("PROXY TCP4 1.2.3.4 1.2.3.4 1\r\n");
  expect_invalid("PROXY TCP4 1.2.3.4 1.2.3.4 1 \r\n");
  expect_invalid("PROXY TCP4 1.2.3 1.2.3.4 1 2\r\n");
  expect_invalid("PROXY TCP4 ::1 ::1 1 2\r\n");
  expect_invalid("PROXY TCP6 1.2.3.4 ::1 1 2\r\n");
  expect_invalid("PROXY TCP4 1.2.3.4 1.2.3.4 01 2\r\n");
  expect_invalid("PROXY TCP4 1.2.3.4 1.2.3.4 +1 2\r\n");
  expect_invalid("PROXY TCP4 1.2.3.4 1.2.3.4 1 65536\r\n");
  expect_invalid("PROXY TCP4 1.2.3.4 1.2.3.4 1 2\n\r\n");
  expect_invalid("PROXY \r\n");
  expect_invalid("PROXY UNKNOWNS\r\n");
  expect_invalid("PROXY TCP4 " + std::string(96, '1'));  // 107 bytes without an end
}

TEST(ProxyProtocol, anything_else_is_refused_at_its_first_byte_that_differs) {
  expect_invalid("GET / HTTP/1.1\r\n");
  expect_invalid("PROXZ");
  expect_invalid("\r\n\r\n\r");
  expect_invalid("\x16\x03\x01");
}

TEST(ProxyProtocol, version_2_is_read) {
  expect_header(kV2Tcp4, at("192.0.2.1", 12'345), at("198.51.100.2", 80));
  expect_header(kSignature + bytes({0x21, 0x21, 0, 36}) +
                    bytes({0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}) +
                    bytes({0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 9}) + bytes({1, 2, 3, 4}),
                at("2001:db8::1", 0x0102), at("192.0.2.9", 0x0304));
}

TEST(ProxyProtocol, version_2_skips_what_follows_the_addresses) {
  std::string header = kV2Tcp4 + bytes({0x04, 0, 3, 'a', 'b', 'c'});
  header[15] = 12 + 6;
  expect_header(header, at("192.0.2.1", 12'345), at("198.51.100.2", 80));
  header = kV2Tcp4 + std::string(520 - 12, 'x');
  header[14] = 520 >> 8;
  header[15] = 520 & 0xff;
  ASSERT_EQ(header.size(), kMostProxyHeader);
  expect_header(header, at("192.0.2.1", 12'345), at("198.51.100.2", 80));
  header[15] = 521 & 0xff;
  expect_invalid(header);
}

TEST(ProxyProtocol, version_2_has_no_addresses_that_we_could_use_in_other_cases) {
  expect_header(kSignature + bytes({0x20, 0x00, 0, 0}), {}, {});                            // LOCAL
  expect_header(kSignature + bytes({0x20, 0x99, 0, 2, 1, 2}), {}, {});                      // of any family
  expect_header(kSignature + bytes({0x21, 0x00, 0, 0}), {}, {});                            // unspecified
  expect_header(kSignature + bytes({0x21, 0x12, 0, 12}) + std::string(12, 'x'), {}, {});    // UDP
  expect_header(kSignature + bytes({0x21, 0x31, 0, 216}) + std::string(216, 'x'), {}, {});  // UNIX
}

TEST(ProxyProtocol, version_2_is_refused_when_it_is_not_to_the_letter) {
  expect_invalid(kSignature + bytes({0x11}));                  // version 1
  expect_invalid(kSignature + bytes({0x22}));                  // an unknown command
  expect_invalid(kSignature + bytes({0x21, 0x41}));            // an unknown family
  expect_invalid(kSignature + bytes({0x21, 0x13}));            // an unknown transport
  expect_invalid(kSignature + bytes({0x21, 0x01}));            // half unspecified
  expect_invalid(kSignature + bytes({0x21, 0x11, 0, 11}));     // too short for its addresses
  expect_invalid(kSignature + bytes({0x21, 0x21, 0, 35}));     // likewise
  expect_invalid(kSignature + bytes({0x20, 0x00, 255, 255}));  // longer than we read
}

TEST(ProxyProtocol, is_written_as_others_read_it) {
  const auto client = at("192.0.2.1", 12'345);
  const auto here = at("198.51.100.2", 80);
  EXPECT_EQ(format_proxy_header(ProxyHeader::none, client, here), "");
  EXPECT_EQ(format_proxy_header(ProxyHeader::v1, client, here), "PROXY TCP4 192.0.2.1 198.51.100.2 12345 80\r\n");
  EXPECT_EQ(format_proxy_header(ProxyHeader::v1, at("2001:db8::1", 1), at("::1", 2)),
            "PROXY TCP6 2001:db8::1 ::1 1 2\r\n");
  EXPECT_EQ(format_proxy_header(ProxyHeader::v2, client, here), kV2Tcp4);
}

TEST(ProxyProtocol, is_written_without_addresses_where_one_is_missing) {
  for (const auto& [source, destination] :
       {std::pair{Endpoint{}, at("192.0.2.1", 1)}, {at("192.0.2.1", 1), Endpoint{}}}) {
    EXPECT_EQ(format_proxy_header(ProxyHeader::v1, source, destination), "PROXY UNKNOWN\r\n");
    EXPECT_EQ(format_proxy_header(ProxyHeader::v2, source, destination), kSignature + bytes({0x20, 0, 0, 0}));
  }
}

TEST(ProxyProtocol, is_written_in_one_family_and_read_as_it_was) {
  const auto v4 = at("192.0.2.1", 7);
  const auto v6 = at("2001:db8::1", 8);
  EXPECT_EQ(format_proxy_header(ProxyHeader::v1, v4, v6), "PROXY TCP6 ::ffff:192.0.2.1 2001:db8::1 7 8\r\n");
  EXPECT_EQ(format_proxy_header(ProxyHeader::v1, v6, v4), "PROXY TCP6 2001:db8::1 ::ffff:192.0.2.1 8 7\r\n");
  for (const auto version : {ProxyHeader::v1, ProxyHeader::v2}) {
    for (const auto& source : {v4, v6}) {
      for (const auto& destination : {v4, v6}) {
        expect_header(format_proxy_header(version, source, destination), source, destination);
      }
    }
  }
}

TEST(ProxyProtocol, survives_every_flipped_bit) {
  const std::string v1 = "PROXY TCP4 192.0.2.1 198.51.100.2 12345 80\r\n";
  for (const std::string& header : {v1, kV2Tcp4}) {
    for (std::size_t i = 0; i < header.size() * 8; ++i) {
      std::string flipped = header;
      flipped[i / 8] = static_cast<char>(flipped[i / 8] ^ (1 << i % 8));
      const auto parsed = parse(flipped);
      if (parsed.kind == Kind::header) {
        EXPECT_LE(parsed.length, flipped.size());
      }
      if (parsed.kind == Kind::invalid) {
        EXPECT_FALSE(parsed.reason.empty());
      }
    }
  }
}

TEST(ProxyProtocol, never_needs_more_than_its_most) {
  std::mt19937 random{1};
  for (int i = 0; i < 20'000; ++i) {
    std::string text = i % 2 == 0 ? "PROXY " : kSignature;
    while (text.size() < kMostProxyHeader) text.push_back(static_cast<char>(random()));
    EXPECT_NE(parse(text).kind, Kind::need_more);
  }
}

}  // namespace
}  // namespace tidegate
