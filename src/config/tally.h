// A tally of the file, and how addresses are shown.
#pragma once

#include <string>
#include <vector>

#include "config/reader.h"
#include "model/watch.h"

namespace tidegate {

// The tally that the map describes, and the value of `privacy`; what is wrong is told, and the rest is read all the
// same.
[[nodiscard]] TallySettings read_tally(const Value& value);
void read_privacy(const Value& value, PrivacySettings& into);

// Every key a tally may have, and every key of `privacy`.
[[nodiscard]] std::vector<std::string> tally_keys();
[[nodiscard]] std::vector<std::string> privacy_keys();

}  // namespace tidegate
