#include "api/metrics.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/check.h"
#include "base/text.h"

namespace tidegate {
namespace {

std::string escaped(std::string_view text, std::string_view special) {
  std::string out;
  for (const char c : text) {
    if (special.find(c) != std::string_view::npos) out += '\\';
    out += c;
  }
  return out;
}

bool is_name(std::string_view name) {
  return !name.empty() && std::ranges::all_of(name, [](char c) { return c == '_' || (c >= 'a' && c <= 'z'); });
}

}  // namespace

MetricsText::Family::Family(std::string name, std::string_view type, std::string_view help)
    : name_{std::move(name)},
      text_{fmt::format("# HELP {} {}\n# TYPE {} {}\n", name_, escaped(printable(help), "\\"), name_, type)} {}

MetricsText::Family& MetricsText::Family::add_text(Labels labels, std::string_view value) {
  text_ += name_;
  char separator = '{';
  for (const auto& [label, content] : labels) {
    TIDEGATE_CHECK(is_name(label));
    // printable() leaves no line end, so that only these two are special.
    text_ += fmt::format("{}{}=\"{}\"", separator, label, escaped(printable(content), "\\\""));
    separator = ',';
  }
  if (labels.size() != 0) text_ += '}';
  text_ += fmt::format(" {}\n", value);
  return *this;
}

MetricsText::Family& MetricsText::Family::add(Labels labels, double value) {
  if (std::isnan(value)) return add_text(labels, "NaN");
  if (std::isinf(value)) return add_text(labels, value < 0 ? "-Inf" : "+Inf");
  return add_text(labels, fmt::format("{}", value));
}

MetricsText::Family& MetricsText::family(std::string_view name, std::string_view type, std::string_view help) {
  TIDEGATE_CHECK(is_name(name) && name.ends_with("_total") == (type == "counter"));
  const auto known = std::ranges::find(families_, name, &Family::name_);
  if (known != families_.end()) return *known;
  families_.push_back(Family{std::string{name}, type, help});
  return families_.back();
}

std::string MetricsText::text() const {
  std::string all;
  for (const auto& family : families_) all += family.text_;
  return all;
}

}  // namespace tidegate
