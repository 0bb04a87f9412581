#include "netfilter/rule_set.h"

#include <gtest/gtest.h>

namespace tidegate {
namespace {

constexpr RuleTable kTable{.family = "inet", .name = "t"};

RuleSet small() {
  RuleSet rules;
  rules.counters["seen"] = "packets 0 bytes 0";
  rules.quotas["q"] = "over 100 bytes";
  rules.maps["m"] = {.is_set = false, .type = "type mark : verdict;", .elements = {{"1", "goto a"}, {"2", "goto a"}}};
  rules.chains["a"] = {.hook = {}, .rules = {"counter name \"seen\""}};
  rules.chains["in"] = {.hook = "type filter hook input priority 0;", .rules = {"ct mark vmap @m"}};
  return rules;
}

TEST(RuleSet, makes_what_is_referred_to_before_what_refers_to_it) {
  EXPECT_EQ(difference(kTable, {}, small()),
            "add table inet t\n"
            "add counter inet t seen { packets 0 bytes 0 ; }\n"
            "add quota inet t q { over 100 bytes ; }\n"
            "add map inet t m { type mark : verdict; }\n"
            "add chain inet t a\n"
            "add chain inet t in { type filter hook input priority 0; }\n"
            "add rule inet t a counter name \"seen\"\n"
            "add rule inet t in ct mark vmap @m\n"
            "add element inet t m { 1 : goto a, 2 : goto a }\n");
}

TEST(RuleSet, touches_only_what_is_another_one) {
  RuleSet after = small();
  EXPECT_EQ(difference(kTable, small(), after), "");
  after.counters["seen"] = "packets 9 bytes 9";  // it has counted meanwhile
  EXPECT_EQ(difference(kTable, small(), after), "");
  after.quotas["q"] = "over 200 bytes";
  after.chains["b"] = {.hook = {}, .rules = {"accept"}};
  after.maps["m"].elements["2"] = "goto b";
  EXPECT_EQ(difference(kTable, small(), after),
            "add quota inet t q { over 200 bytes ; }\n"
            "add chain inet t b\n"
            "delete element inet t m { 2 }\n"
            "add rule inet t b accept\n"
            "add element inet t m { 2 : goto b }\n");
}

TEST(RuleSet, removes_what_refers_before_what_is_referred_to) {
  RuleSet after = small();
  after.chains.erase("a");
  after.counters.clear();
  after.maps.clear();
  after.chains["in"].rules = {"accept"};
  EXPECT_EQ(difference(kTable, small(), after),
            "delete element inet t m { 1, 2 }\n"
            "flush chain inet t a\n"
            "flush chain inet t in\n"
            "add rule inet t in accept\n"
            "delete chain inet t a\n"
            "delete map inet t m\n"
            "delete counter inet t seen\n");
  EXPECT_EQ(removal(kTable), "add table inet t\ndelete table inet t\n");
}

}  // namespace
}  // namespace tidegate
