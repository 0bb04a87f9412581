// Forwards as the daemon tells of them, for people.
#pragma once

#include <boost/json/object.hpp>
#include <string>
#include <vector>

namespace tidegate::cli {

// Their table, titles first. Of an answer with a list `forwards`; without one, or with none in it, no lines.
[[nodiscard]] std::vector<std::string> forward_table(const boost::json::object& answer);

// One of them, a line for each thing.
[[nodiscard]] std::vector<std::string> forward_lines(const boost::json::object& forward);

}  // namespace tidegate::cli
