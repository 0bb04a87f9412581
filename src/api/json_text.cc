#include "api/json_text.h"

#include <boost/json.hpp>
#include <cmath>
#include <iterator>

namespace tidegate {
namespace {

void append(std::string& out, const boost::json::value& value);

template <class Range, class Each>
void append_list(std::string& out, char open, const Range& range, char close, Each each) {
  out += open;
  bool first = true;
  for (const auto& item : range) {
    if (!std::exchange(first, false)) out += ',';
    each(item);
  }
  out += close;
}

void append(std::string& out, const boost::json::value& value) {
  if (const auto* object = value.if_object()) {
    append_list(out, '{', *object, '}', [&](const boost::json::key_value_pair& field) {
      out += boost::json::serialize(field.key()) + ":";
      append(out, field.value());
    });
  } else if (const auto* array = value.if_array()) {
    append_list(out, '[', *array, ']', [&](const boost::json::value& item) { append(out, item); });
  } else if (const auto* count = value.if_uint64()) {
    fmt::format_to(std::back_inserter(out), "{}", *count);
  } else if (const auto* number = value.if_double();
             number != nullptr && std::isfinite(*number) && std::abs(*number) < 1e15) {
    out += fmt::format("{}", *number);
  } else {
    out += boost::json::serialize(value);
  }
}

}  // namespace

std::string json_text(const boost::json::value& value) {
  std::string out;
  append(out, value);
  return out;
}

}  // namespace tidegate
