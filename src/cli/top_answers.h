// What the daemon answers to `tidegate top`, and how that is read.
#pragma once

#include <fmt/format.h>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <string>
#include <string_view>

#include "cli/fields.h"

namespace tidegate::cli {

// Asked at one moment; as the control socket answers.
struct TopAnswers {
  boost::json::object status;
  boost::json::array clients;
  boost::json::array events;  // oldest first
  boost::json::array watches;
};

// A number of an answer; 0 where it is missing.
inline double number(const boost::json::object& object, std::string_view name) {
  return number_of(object, name).value_or(0);
}

// What tells one service, forward or client from all others.
inline std::string key_of(std::string_view kind, const boost::json::object& object) {
  if (kind == "client") return fmt::format("client/{}/{}", text_of(object, "forward"), text_of(object, "client"));
  return fmt::format("{}/{}", kind, text_of(object, "name"));
}

inline double open_of(const boost::json::object& forward) {
  return number(forward, "open_connections") + number(forward, "open_sessions");
}

}  // namespace tidegate::cli
