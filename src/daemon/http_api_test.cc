#include "daemon/http_api.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>

#include "api/openapi.h"
#include "tests/support/temporary_directory.h"

namespace tidegate {
namespace {

ListenAddress at(std::string_view text) { return ListenAddress::parse(text).value(); }

std::string file_with(const test::TemporaryDirectory& folder, std::string_view text) {
  auto path = folder.file("token");
  std::ofstream{path} << text;
  return path;
}

TEST(HttpApi, takes_the_token_of_the_settings_first) {
  ::setenv("TIDEGATE_TOKEN", "of the environment", 1);  // NOLINT(concurrency-mt-unsafe): a test has one thread
  const test::TemporaryDirectory folder;
  ApiSettings settings;
  EXPECT_EQ(read_token(settings).value(), "of the environment");
  settings.token_file = file_with(folder, "of the file\nanother line\n");
  EXPECT_EQ(read_token(settings).value(), "of the file");
  settings.token = "of the settings";
  EXPECT_EQ(read_token(settings).value(), "of the settings");
  ::unsetenv("TIDEGATE_TOKEN");  // NOLINT(concurrency-mt-unsafe)
  EXPECT_EQ(read_token({}).value(), "");
}

TEST(HttpApi, refuses_a_token_file_that_has_no_token) {
  const test::TemporaryDirectory folder;
  ApiSettings settings;
  settings.token_file = folder.file("missing");
  EXPECT_THAT(read_token(settings).error().what, testing::EndsWith("missing: No such file or directory"));
  settings.token_file = file_with(folder, "\nsecond line\n");
  EXPECT_THAT(read_token(settings).error().what, testing::EndsWith("token is empty"));
}

TEST(HttpApi, knows_which_addresses_are_in_the_way_of_each_other) {
  const std::vector both{at("127.0.0.1:8080"), at("unix:/run/x.sock")};
  EXPECT_TRUE(share_an_address(both, std::vector{at("*:8080")}));
  EXPECT_TRUE(share_an_address(both, std::vector{at("unix:/run/x.sock")}));
  EXPECT_FALSE(share_an_address(both, std::vector{at("127.0.0.1:8081"), at("unix:/run/y.sock")}));
}

TEST(HttpApi, has_a_route_for_every_operation_of_its_document) {
  for (const auto& operation : api_operations()) {
    const auto route = std::ranges::find_if(http_routes(), [&](const auto& row) {
      return row.method == operation.method && row.pattern == operation.path;
    });
    ASSERT_NE(route, http_routes().end()) << operation.method << " " << operation.path;
    EXPECT_EQ(route->needs_token, operation.needs_token) << operation.path;
  }
}

TEST(HttpApi, documents_every_route_but_the_second_spelling_of_quota_keys) {
  for (const auto& row : http_routes()) {
    EXPECT_TRUE((row.answer != nullptr) != (row.stream != nullptr)) << row.pattern;
    if (row.pattern.contains("{owner}/{kind}")) continue;
    EXPECT_TRUE(std::ranges::any_of(
        api_operations(),
        [&](const auto& operation) { return operation.method == row.method && operation.path == row.pattern; }))
        << row.method << " " << row.pattern;
  }
}

}  // namespace
}  // namespace tidegate
