// What a table holds that this process did not make: by another life of it, as a rule.
#pragma once

#include <optional>
#include <string>

#include "base/error.h"
#include "netfilter/rule_set.h"

namespace tidegate {

struct FoundRules {
  RuleSet names;  // of everything that is there; what it is stays unknown, but that it is another one than any
  std::string
      forgets;  // a text that empties maps and sets, but for those that rules fill; to stand before a difference
};

// None where there is no such table. The error says what the kernel refused.
[[nodiscard]] Result<std::optional<FoundRules>> list_rules(const RuleTable& table);

}  // namespace tidegate
