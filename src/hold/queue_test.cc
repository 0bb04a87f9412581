#include "hold/queue.h"

#include "tests/support/network_lab.h"

namespace tidegate {
namespace {

class QueueSupport : public test::NetworkTest {};

TEST_F(QueueSupport, is_told_in_words_with_a_remedy_where_there_is_none) {
  const auto finding = queue_finding();
  EXPECT_EQ(finding.what, "hold queue");
  EXPECT_FALSE(finding.detail.empty());
  EXPECT_EQ(finding.verdict == Finding::Verdict::yes, finding.remedy.empty()) << finding.detail;
  EXPECT_NE(std::system("nft list tables 2>&1 | grep -q tidegate"), 0) << "nothing is left behind";
}

}  // namespace
}  // namespace tidegate
