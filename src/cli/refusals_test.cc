// Values that flags refuse before anything is done.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "cli/cli.h"
#include "cli/command.h"

namespace tidegate::cli {
namespace {

using testing::HasSubstr;

struct Done {
  int status;
  std::string complaint;
};

Done done(std::vector<std::string> words) {
  std::vector<char*> argv;
  argv.reserve(words.size() + 1);
  for (auto& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  testing::internal::CaptureStderr();
  const int status = run(static_cast<int>(words.size()), argv.data());
  return {status, testing::internal::GetCapturedStderr()};
}

TEST(Refusals, name_a_window_that_stands_twice) {
  for (const std::string windows : {"10s,10s", "10s,1m,10s", "60s,1m"}) {
    const auto [status, complaint] = done({"tidegate", "http", "-r", "/no/such.pcap", "--window", windows});
    EXPECT_EQ(status, kUsage) << windows;
    EXPECT_THAT(complaint, HasSubstr("http: --window: \"")) << windows;
    EXPECT_THAT(complaint, HasSubstr("\" stands there twice")) << windows;
  }
  EXPECT_EQ(done({"tidegate", "http", "-r", "/no/such.pcap", "--window", "10s,1m"}).status, kFailed);
}

TEST(Refusals, name_a_seed_that_is_none) {
  for (const std::string seed : {"-1", "18446744073709551616", "1x", ""}) {
    const auto [status, complaint] = done({"tidegate", "demo", "load", "--seed", seed, "--profile", "1/s:1s"});
    EXPECT_EQ(status, kUsage) << seed;
    EXPECT_THAT(complaint, HasSubstr("--seed")) << seed;
  }
}

}  // namespace
}  // namespace tidegate::cli
