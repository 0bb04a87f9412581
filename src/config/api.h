// The API of the file.
#pragma once

#include <string>
#include <vector>

#include "config/reader.h"
#include "model/api.h"

namespace tidegate {

// The value of `api`, which is enabled by being there; what is wrong is told, and the rest is read all the same. What
// it says of a token is not quoted.
void read_api(const Value& value, ApiSettings& into);

// Every key of `api`: "listen", "port", …
[[nodiscard]] std::vector<std::string> api_keys();

}  // namespace tidegate
