// The rules `wake` and `keep`: which samples count.
#pragma once

#include <string>
#include <vector>

#include "config/reader.h"
#include "model/service.h"

namespace tidegate {

// A rule as the file gives it: what it leaves out comes from the service's defaults once those are known.
struct RuleDraft {
  SampleRule rule;
  bool has_direction = false;
  bool has_flags = false;

  [[nodiscard]] SampleRule over(const SampleRule& defaults) const;
};

void read_wake(const Value& value, RuleDraft& into);
void read_keep(const Value& value, RuleDraft& into);

[[nodiscard]] std::vector<std::string> wake_keys();
[[nodiscard]] std::vector<std::string> keep_keys();

}  // namespace tidegate
