#include "netfilter/nft.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/network_lab.h"

namespace tidegate {
namespace {

using ::testing::HasSubstr;

class Nft : public test::NetworkTest {
 protected:
  void SetUp() override {
    NetworkTest::SetUp();
    if (IsSkipped()) return;
    if (const auto done = nft::run("add table inet probe\n"); !done) GTEST_SKIP() << done.error().what;
  }
};

TEST_F(Nft, carries_out_all_of_a_text_or_nothing) {
  ASSERT_TRUE(nft::run("add table inet a\nadd counter inet a seen { packets 2 bytes 300 }\n"));
  const auto listed = nft::read("list counters table inet a\n");
  ASSERT_TRUE(listed) << listed.error().what;
  EXPECT_THAT(*listed, HasSubstr(R"("name": "seen", "table": "a")"));
  EXPECT_THAT(*listed, HasSubstr(R"("bytes": 300)"));
  EXPECT_FALSE(nft::run("add table inet b\ndelete counter inet a never_there\n"));
  EXPECT_THAT(nft::read("list tables\n").value(), testing::Not(HasSubstr(R"("name": "b")")));
}

TEST_F(Nft, says_what_is_wrong_in_the_words_of_nft) {
  const auto wrong = nft::run("add table inet a\nadd rule inet a nowhere accept\n");
  ASSERT_FALSE(wrong);
  EXPECT_THAT(wrong.error().what, HasSubstr("No such file or directory"));
  EXPECT_TRUE(nft::is_missing(wrong.error()));
  const auto nonsense = nft::run("make it so\n");
  ASSERT_FALSE(nonsense);
  EXPECT_EQ(nonsense.error().what, "nft: syntax error, unexpected newline: make it so");
  EXPECT_FALSE(nft::is_missing(nonsense.error()));
}

TEST_F(Nft, checks_without_doing_it) {
  EXPECT_TRUE(nft::check("add table inet b\nadd counter inet b c\n"));
  EXPECT_FALSE(nft::check("add counter inet nowhere c\n"));
  EXPECT_THAT(nft::read("list tables\n").value(), testing::Not(HasSubstr(R"("name": "b")")));
}

}  // namespace
}  // namespace tidegate
