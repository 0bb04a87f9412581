#include "api/access.h"

#include <gtest/gtest.h>

namespace tidegate {
namespace {

TEST(Access, compares_texts_of_any_length) {
  EXPECT_TRUE(constant_time_equal("", ""));
  EXPECT_TRUE(constant_time_equal("secret", "secret"));
  EXPECT_FALSE(constant_time_equal("secret", "secreT"));
  EXPECT_FALSE(constant_time_equal("Secret", "secret"));
  EXPECT_FALSE(constant_time_equal("secre", "secret"));
  EXPECT_FALSE(constant_time_equal("secrets", "secret"));
  EXPECT_FALSE(constant_time_equal("", "secret"));
  EXPECT_FALSE(constant_time_equal("secret", ""));
  EXPECT_FALSE(constant_time_equal(std::string_view{"se\0ret", 6}, "secret"));
  EXPECT_FALSE(constant_time_equal("\x80", std::string_view{"\0", 1}));
}

TEST(Access, finds_each_single_bit_that_differs) {
  const std::string secret = "a token of some length";
  for (std::size_t bit = 0; bit < secret.size() * 8; ++bit) {
    auto given = secret;
    given[bit / 8] = static_cast<char>(given[bit / 8] ^ (1 << (bit % 8)));
    EXPECT_FALSE(constant_time_equal(given, secret)) << bit;
  }
}

TEST(Access, takes_the_token_by_the_bearer_scheme_alone) {
  EXPECT_EQ(wrong_authorization("", "t"), "missing authorization header");
  EXPECT_EQ(wrong_authorization("Bearer t", "t"), std::nullopt);
  EXPECT_EQ(wrong_authorization("bearer  t", "t"), std::nullopt);
  for (const auto* wrong : {"t", "Bearer", "Bearer ", "Basic t", "Bearer x", "Bearer t, Bearer t", "Bearert"}) {
    EXPECT_EQ(wrong_authorization(wrong, "t"), "invalid token") << wrong;
  }
}

TEST(Access, needs_a_token_where_other_hosts_reach) {
  for (const auto* open : {"0.0.0.0:8080", "192.0.2.1:8080", "[::]:8080", "[2001:db8::1]:80", "*:8080"}) {
    const auto listen = ListenAddress::parse(open).value();
    const auto refused = check_exposure(listen, false, false);
    ASSERT_FALSE(refused) << open;
    for (const auto* allowed : {"token:", "token_file:", "TIDEGATE_TOKEN", "127.0.0.1", "insecure: true"}) {
      EXPECT_NE(refused.error().what.find(allowed), std::string::npos) << allowed;
    }
    EXPECT_TRUE(check_exposure(listen, true, false)) << open;
    EXPECT_TRUE(check_exposure(listen, false, true)) << open;
  }
  for (const auto* local : {"127.0.0.1:8080", "127.9.9.9:8080", "[::1]:8080", "unix:/run/x.sock"}) {
    EXPECT_TRUE(check_exposure(ListenAddress::parse(local).value(), false, false)) << local;
  }
}

TEST(Access, knows_the_names_of_the_loopback) {
  for (const auto* own :
       {"localhost", "LocalHost:8080", "127.0.0.1", "127.0.0.1:1", "127.1.2.3:80", "[::1]", "[::1]:9"}) {
    EXPECT_TRUE(names_loopback(own)) << own;
  }
  for (const auto* foreign :
       {"", "evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "192.0.2.1", "[2001:db8::1]", "::1",
        "[127.0.0.1]", "localhost:", "localhost:x", "localhost:99999", "[::1", "[", "localhost, localhost", ":80"}) {
    EXPECT_FALSE(names_loopback(foreign)) << foreign;
  }
}

TEST(Access, knows_a_page_of_its_own) {
  EXPECT_TRUE(same_origin("http://localhost:8080", "localhost:8080"));
  EXPECT_TRUE(same_origin("https://Gate.example", "gate.example"));
  EXPECT_FALSE(same_origin("http://localhost:8081", "localhost:8080"));
  EXPECT_FALSE(same_origin("http://evil.example", "localhost"));
  EXPECT_FALSE(same_origin("null", "localhost"));
  EXPECT_FALSE(same_origin("localhost", "localhost"));
}

}  // namespace
}  // namespace tidegate
