// See traffic_monitor_state.h.
#include "store/traffic_monitor_state.h"

#include <algorithm>
#include <boost/json.hpp>
#include <utility>

namespace tidegate {
namespace {

namespace json = boost::json;
using Usage = TrafficMonitorUsage;

constexpr std::pair<std::string_view, std::uint64_t Usage::*> kNumbers[] = {
    {"total_upload", &Usage::upload},
    {"total_download", &Usage::download},
    {"monthly_upload", &Usage::month_upload},
    {"monthly_download", &Usage::month_download},
};

bool is_month(std::string_view text) {
  constexpr std::string_view kShape = "dddd-dd";
  const auto fits = [](char c, char shape) { return shape == 'd' ? c >= '0' && c <= '9' : c == shape; };
  return std::ranges::equal(text, kShape, fits) && text.substr(5) >= "01" && text.substr(5) <= "12";
}

Result<Usage> parse_proxy(std::string_view name, const json::object& fields) {
  Usage usage{.name = std::string{name}};
  for (const auto& [key, member] : kNumbers) {
    const auto* value = fields.if_contains(key);
    if (value == nullptr || value->is_null()) continue;
    json::error_code error;
    if (value->is_number()) usage.*member = value->to_number<std::uint64_t>(error);
    if (!value->is_number() || error) return failure("proxy \"{}\": {} is not a number of bytes", name, key);
  }
  const auto* month = fields.if_contains("current_month");
  if (month == nullptr || month->is_null()) return usage;
  if (!month->is_string()) return failure("proxy \"{}\": current_month is not a text", name);
  usage.month = std::string_view{month->get_string()};
  if (!usage.month.empty() && !is_month(usage.month))
    return failure("proxy \"{}\": current_month \"{}\" is not of the form YYYY-MM", name, usage.month);
  return usage;
}

}  // namespace

Result<std::vector<TrafficMonitorUsage>> parse_traffic_monitor_state(std::string_view text) {
  json::error_code error;
  const auto document = json::parse({text.data(), text.size()}, error);
  if (error) return failure("the state is not JSON: {}", error.message());
  if (document.is_null()) return std::vector<Usage>{};  // as the original writes and reads an empty one
  if (!document.is_object()) return failure("the state is not a JSON object of proxies");

  std::vector<Usage> proxies;
  proxies.reserve(document.get_object().size());
  for (const auto& [name, value] : document.get_object()) {
    if (value.is_null()) continue;
    if (!value.is_object()) return failure("proxy \"{}\" is not a JSON object", std::string_view{name});
    auto usage = parse_proxy(name, value.get_object());
    if (!usage) return std::unexpected{usage.error()};
    proxies.push_back(std::move(*usage));
  }
  std::ranges::sort(proxies, {}, &Usage::name);
  return proxies;
}

}  // namespace tidegate
