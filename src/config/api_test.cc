// Each key of `api`.
#include "config/api.h"

#include "config/config.h"

namespace tidegate {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::string errors(const std::string& text) {
  const auto config = parse_config(text, "t.yaml");
  std::string all;
  if (!config) {
    for (const ConfigError& error : config.error()) all += error.to_string() + "\n";
  }
  return all;
}

ApiSettings read(std::string_view value) {
  const auto config = parse_config(fmt::format("api: {}", value), "t.yaml");
  if (config) return config->api;
  ADD_FAILURE() << errors(fmt::format("api: {}", value));
  return {};
}

std::string listens(const ApiSettings& api) {
  std::string all;
  for (const ListenAddress& listen : api.listen) all += listen.to_string() + " ";
  return all;
}

TEST(Api, is_off_unless_it_is_there) {
  const auto config = parse_config("forwards: [{name: f, listen_port: 1, target_port: 2}]", "t");
  ASSERT_TRUE(config);
  EXPECT_FALSE(config->api.enabled);
  EXPECT_TRUE(config->api.listen.empty());
  EXPECT_TRUE(read("{}").enabled);
}

TEST(Api, listens_on_loopback_unless_told_otherwise) {
  EXPECT_EQ(listens(read("{}")), "127.0.0.1:8080 ");
  EXPECT_EQ(listens(read("{token: x}")), "127.0.0.1:8080 ");
  EXPECT_EQ(listens(read("{port: 9000}")), "127.0.0.1:9000 ");
  EXPECT_EQ(listens(read("{listen: 192.0.2.1:80}")), "192.0.2.1:80 ");
  EXPECT_EQ(listens(read("{listen: \"*:80\"}")), "*:80 ");
  EXPECT_EQ(listens(read("{listen: [\"[::1]:80\", \"unix:/run/x.sock\"]}")), "[::1]:80 unix:/run/x.sock ");
}

TEST(Api, takes_its_token_from_the_file_or_from_another) {
  EXPECT_EQ(read("{token: \"a secret\"}").token, "a secret");
  EXPECT_EQ(read("{token: \"\"}").token, "");
  EXPECT_EQ(read("{token_file: /etc/t}").token_file, "/etc/t");
  EXPECT_TRUE(read("{insecure: true}").insecure);
  EXPECT_FALSE(read("{}").insecure);
}

TEST(Api, refuses_wrong_values_with_their_place) {
  const std::pair<std::string_view, std::string_view> cases[] = {
      {"", "t.yaml:1:1: api: has no value\n"},
      {"true", "t.yaml:1:6: api: a map belongs here, not a single value\n"},
      {"{port: 0}", "t.yaml:1:13: api.port: \"0\" is not a number from 1 to 65535\n"},
      {"{listen: 8080}", "t.yaml:1:15: api.listen: \"8080\" names no address (try 127.0.0.1:8080)\n"},
      {"{listen: here}",
       "t.yaml:1:15: api.listen: \"here\" is not an address to listen on (try 127.0.0.1:8080 or unix:/run/x.sock)\n"},
      {"{listen: 127.0.0.1:80-81}", "t.yaml:1:15: api.listen: the API listens on one port, not on a range\n"},
      {"{listen: [\"127.0.0.1:80\", \"127.0.0.1:80\"]}",
       "t.yaml:1:32: api.listen[1]: 127.0.0.1:80 stands here twice\n"},
      {"{listen: 127.0.0.1:80, port: 81}", "t.yaml:1:35: api.port: goes only without \"listen\"\n"},
      {"{token: x, token_file: /y}", "t.yaml:1:29: api.token_file: goes only without \"token\"\n"},
      {"{tokn: x}", "t.yaml:1:7: api: unknown key \"tokn\" (did you mean \"token\"?)\n"},
      {"{insecure: maybe}", "t.yaml:1:17: api.insecure: \"maybe\" is not known here (allowed: true or false)\n"},
  };
  for (const auto& [value, error] : cases) EXPECT_EQ(errors(fmt::format("api: {}", value)), error) << value;
}

TEST(Api, never_shows_a_token_that_is_wrong) {
  for (const std::string& token : {std::string{"\"sesame\\n\""}, "sesame" + std::string(5000, 'x')}) {
    const std::string found = errors(fmt::format("api: {{token: {}}}", token));
    EXPECT_THAT(found, HasSubstr("t.yaml:1:14: api.token: is not a token (at most 4096 characters"));
    EXPECT_THAT(found, Not(HasSubstr("sesame")));
  }
}

TEST(Api, keeps_forwards_off_its_own_port) {
  EXPECT_EQ(errors("api: {}\nforwards: [{name: f, listen_port: 8080, target_port: 1}]"),
            "t.yaml:2:35: forwards[0].listen_port: *:8080 is where the API listens (127.0.0.1:8080)\n");
  EXPECT_EQ(errors("api: {}\nforwards: [{name: f, listen_port: 8080, target_port: 1, protocol: udp}]"), "");
  EXPECT_EQ(errors("api: {}\nforwards: [{name: f, listen: 192.0.2.1:8080, target_port: 1}]"), "");
}

}  // namespace
}  // namespace tidegate
