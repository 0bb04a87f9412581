#include "model/quota.h"

namespace tidegate {
namespace {

TEST(Quota, has_a_word_for_each_of_its_kinds) {
  EXPECT_EQ(to_string(QuotaPeriod::none), "none");
  EXPECT_EQ(to_string(QuotaPeriod::hour), "hour");
  EXPECT_EQ(to_string(QuotaPeriod::month), "month");
  EXPECT_EQ(to_string(QuotaCount::sum), "sum");
  EXPECT_EQ(to_string(QuotaCount::larger), "larger");
  EXPECT_EQ(to_string(LimitAction::cut), "cut");
  EXPECT_EQ(to_string(LimitAction::throttle), "throttle");
}

}  // namespace
}  // namespace tidegate
