#include "privacy/pseudonyms.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tidegate {
namespace {

using testing::HasSubstr;

std::vector<std::uint8_t> key(std::string_view text) { return {text.begin(), text.end()}; }

IpAddress ip(const char* text) { return IpAddress::parse(text).value(); }

const auto kLongKey = key("0123456789abcdefghijklmnopqrstuv");  // 32 bytes

TEST(Pseudonyms, show_addresses_as_they_are_without_privacy) {
  const auto made = Pseudonyms::make(Privacy::none, {});
  ASSERT_TRUE(made);
  EXPECT_EQ(made->mode(), Privacy::none);
  EXPECT_EQ(made->of(ip("203.0.113.7")), "203.0.113.7");
  EXPECT_EQ(Pseudonyms{}.of(ip("2001:db8::1")), "2001:db8::1");
  EXPECT_EQ(Pseudonyms{}.of(Endpoint{ip("2001:db8::1"), 80}), "[2001:db8::1]:80");
}

TEST(Pseudonyms, hash_with_any_key_but_an_empty_one) {
  const auto made = Pseudonyms::make(Privacy::hash, key("foo"));
  ASSERT_TRUE(made);
  EXPECT_EQ(made->mode(), Privacy::hash);
  EXPECT_EQ(made->of(ip("127.0.0.1")), "2da25a664b49c9b5");
  EXPECT_EQ(made->of(Endpoint{ip("::1"), 443}), "cdc9870dfbd82419:443");
  EXPECT_FALSE(Pseudonyms::make(Privacy::hash, {}));
}

TEST(Pseudonyms, preserve_prefixes_within_the_family) {
  const auto made = Pseudonyms::make(Privacy::prefix, kLongKey);
  ASSERT_TRUE(made);
  EXPECT_EQ(made->mode(), Privacy::prefix);
  const auto v4 = IpAddress::parse(made->of(ip("203.0.113.7")));
  ASSERT_TRUE(v4);
  EXPECT_TRUE(v4->is_v4());
  EXPECT_NE(*v4, ip("203.0.113.7"));
  EXPECT_EQ(made->of(Endpoint{ip("::1"), 443}), "[" + made->of(ip("::1")) + "]:443");
}

TEST(Pseudonyms, preserve_prefixes_with_the_first_32_bytes_of_a_key_and_not_with_fewer) {
  auto longer = kLongKey;
  longer.push_back('w');
  const auto made = Pseudonyms::make(Privacy::prefix, longer);
  ASSERT_TRUE(made);
  EXPECT_EQ(made->of(ip("203.0.113.7")), Pseudonyms::make(Privacy::prefix, kLongKey)->of(ip("203.0.113.7")));
  const auto refused = Pseudonyms::make(Privacy::prefix, std::span{kLongKey}.first(31));
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().what, HasSubstr("31 bytes"));
}

TEST(Pseudonyms, show_no_address_as_a_dash_in_every_mode) {
  for (const auto mode : {Privacy::none, Privacy::hash, Privacy::prefix})
    EXPECT_EQ(Pseudonyms::make(mode, kLongKey)->of(IpAddress{}), "-");
}

TEST(ParsePrivacy, knows_three_words) {
  EXPECT_EQ(parse_privacy("none"), Privacy::none);
  EXPECT_EQ(parse_privacy("hash"), Privacy::hash);
  EXPECT_EQ(parse_privacy("prefix"), Privacy::prefix);
  EXPECT_EQ(parse_privacy("Hash"), std::nullopt);
}

TEST(ParseKey, takes_hexadecimal_digits_for_the_bytes_they_stand_for) {
  const std::string digits = "00ff10Aa" + std::string(56, '1');
  const auto parsed = parse_key(" " + digits + "\n");
  ASSERT_TRUE(parsed);
  ASSERT_EQ(parsed->size(), 32u);
  EXPECT_THAT(std::span(*parsed).first(5), testing::ElementsAre(0x00, 0xff, 0x10, 0xaa, 0x11));
  EXPECT_FALSE(parse_key(digits + "1"));
}

TEST(ParseKey, takes_anything_else_as_it_is_to_the_last_byte) {
  std::string raw(32, '\n');
  raw[3] = '\0';
  const auto parsed = parse_key(raw);
  ASSERT_TRUE(parsed);
  EXPECT_EQ(*parsed, key(raw));
}

TEST(ParseKey, refuses_a_short_key_without_saying_it) {
  const auto refused = parse_key("hunter2");
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().what, HasSubstr("7 bytes"));
  EXPECT_THAT(refused.error().what, testing::Not(HasSubstr("hunter2")));
  EXPECT_FALSE(parse_key(std::string(63, 'a').substr(0, 31)));
}

}  // namespace
}  // namespace tidegate
