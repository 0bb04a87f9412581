// The readiness probe: from the map of the file, and from a kind and a text.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "config/reader.h"
#include "model/service.h"

namespace tidegate {

// The value of `ready`: none, or a map with one kind of probe in it. Says what is wrong and leaves `into` alone then.
void read_ready(const Value& value, Ready& into);

// Bytes written as text: \xNN, \n, \r, \t, \0 and \\ stand for one byte each.
[[nodiscard]] Result<std::string> parse_escapes(std::string_view text);

// The keys of `ready` and of what is below it: "tcp", "udp", "udp.send", …
[[nodiscard]] std::vector<std::string> ready_keys();

}  // namespace tidegate
