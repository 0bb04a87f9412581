// JSON for people's eyes too: numbers without exponents.
#pragma once

#include <boost/json/value.hpp>
#include <string>

namespace tidegate {

// The value on one line. Like boost::json::serialize, but 2.897 stays 2.897, where that one writes 2.897E0.
[[nodiscard]] std::string json_text(const boost::json::value& value);

}  // namespace tidegate
