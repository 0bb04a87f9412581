// A quota of the file: a forward's own, or one of a group.
#pragma once

#include <string>
#include <vector>

#include "config/reader.h"
#include "model/quota.h"

namespace tidegate {

// The quota that the map describes; what is wrong is told, and the rest is read all the same.
void read_quota(const Value& value, QuotaSettings& into);

// Every key a quota may have: "bytes", "every", …
[[nodiscard]] std::vector<std::string> quota_keys();

}  // namespace tidegate
