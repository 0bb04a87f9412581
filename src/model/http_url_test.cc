#include "model/http_url.h"

namespace tidegate {
namespace {

TEST(HttpUrl, has_a_scheme_a_host_a_port_and_a_target) {
  const std::pair<std::string_view, HttpUrl> cases[] = {
      {"http://a", {false, "a", 80, "/"}},
      {"https://a", {true, "a", 443, "/"}},
      {"https://example.net/hook?x=1&y", {true, "example.net", 443, "/hook?x=1&y"}},
      {"http://192.0.2.1:8080?q", {false, "192.0.2.1", 8080, "/?q"}},
      {"http://[::1]/a:b/[c]", {false, "::1", 80, "/a:b/[c]"}},
      {"https://[2001:db8::1]:8443/", {true, "2001:db8::1", 8443, "/"}},
  };
  for (const auto& [text, url] : cases) {
    const auto parsed = HttpUrl::parse(text);
    ASSERT_TRUE(parsed) << text;
    EXPECT_EQ(*parsed, url) << text;
  }
}

TEST(HttpUrl, is_refused_without_being_quoted) {
  for (const std::string_view text : {"",
                                      "http://",
                                      "https:///sesame",
                                      "ftp://sesame/",
                                      "//sesame",
                                      "sesame.net/hook",
                                      "HTTP://sesame",
                                      "http://u:sesame@h/",
                                      "http://h/sesame#x",
                                      "http://h/a sesame",
                                      "http://h/\xc3\xa9sesame",
                                      "http://h:/sesame",
                                      "http://h:0/sesame",
                                      "http://h:1-2/",
                                      "http://h:65536/",
                                      "http://h:80:80/",
                                      "http://::1/sesame",
                                      "http://[::1/sesame",
                                      "http://[127.0.0.1]/",
                                      "http://[::1]8080/",
                                      "http://a b/",
                                      "http://h\n/"}) {
    const auto parsed = HttpUrl::parse(text);
    ASSERT_FALSE(parsed) << text;
    EXPECT_EQ(parsed.error().what, "is not a URL of http or https (try https://example.net/hook)") << text;
  }
}

TEST(HttpUrl, shows_where_it_leads_but_not_what_it_asks) {
  EXPECT_EQ(HttpUrl::parse("https://example.net/secret").value().origin(), "https://example.net");
  EXPECT_EQ(HttpUrl::parse("https://example.net:443/").value().origin(), "https://example.net");
  EXPECT_EQ(HttpUrl::parse("http://example.net:443/").value().origin(), "http://example.net:443");
  EXPECT_EQ(HttpUrl::parse("http://[::1]:8080/x").value().authority(), "[::1]:8080");
}

}  // namespace
}  // namespace tidegate
