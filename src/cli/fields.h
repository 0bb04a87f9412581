// Fields of the daemon's answers, read for people.
#pragma once

#include <fmt/format.h>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "base/units.h"

namespace tidegate::cli {

// The field's text; empty where it is null or missing.
inline std::string text_of(const boost::json::object& object, std::string_view name) {
  const auto* value = object.if_contains(name);
  return value != nullptr && value->is_string() ? std::string{value->get_string()} : std::string{};
}

// The field's number; none where it is null or missing.
inline std::optional<double> number_of(const boost::json::object& object, std::string_view name) {
  const auto* value = object.if_contains(name);
  return value != nullptr && value->is_number() ? std::optional{value->to_number<double>()} : std::nullopt;
}

// "14m 10s", or "–" where there is none.
inline std::string duration_of(const boost::json::object& object, std::string_view name) {
  const auto seconds = number_of(object, name);
  if (!seconds) return "–";
  return format_duration(std::chrono::duration_cast<Duration>(std::chrono::duration<double>{*seconds}));
}

inline std::string bytes_of(const boost::json::object& object, std::string_view name) {
  return format_bytes(static_cast<std::uint64_t>(number_of(object, name).value_or(0)));
}

// A number of things: "12", and "0" where there is none.
inline std::string count_of(const boost::json::object& object, std::string_view name) {
  return fmt::format("{:.0f}", number_of(object, name).value_or(0));
}

// A moment of the daemon's, `seconds` from now (before it: negative), as a local time of day.
inline std::string time_of_day_in(double seconds) {
  return format_time_of_day(std::chrono::system_clock::now() +
                            std::chrono::duration_cast<Duration>(std::chrono::duration<double>{seconds}));
}

using Objects = std::vector<std::reference_wrapper<const boost::json::object>>;

inline Objects objects_in(const boost::json::array& values) {
  Objects objects;
  objects.reserve(values.size());
  for (const auto& value : values) {
    if (value.is_object()) objects.emplace_back(value.get_object());
  }
  return objects;
}

// Those of a list in an answer, none where it is missing.
inline Objects objects_of(const boost::json::object& answer, std::string_view name) {
  const auto* const list = answer.if_contains(name);
  return list != nullptr && list->is_array() ? objects_in(list->get_array()) : Objects{};
}

}  // namespace tidegate::cli
