#include "netfilter/listing.h"

#include <boost/json.hpp>
#include <iterator>
#include <string_view>

#include "netfilter/nft.h"

namespace tidegate {

namespace json = boost::json;

namespace {

constexpr std::string_view kUnknown = "?";

bool is_filled_by_rules(const json::object& set) {
  const auto* const flags = set.if_contains("flags");
  if (flags == nullptr) return false;
  const json::array list = flags->is_array() ? flags->get_array() : json::array{*flags};
  for (const auto& flag : list) {
    if (flag.is_string() && flag.get_string() == "dynamic") return true;
  }
  return false;
}

void take_object(const RuleTable& table, std::string_view kind, const json::object& object, FoundRules& found) {
  const auto* const text = object.if_contains("name");
  if (text == nullptr || !text->is_string()) return;
  const std::string name{text->get_string()};
  if (kind == "counter") found.names.counters[name] = kUnknown;
  if (kind == "limit") found.names.limits[name] = kUnknown;
  if (kind == "quota") found.names.quotas[name] = kUnknown;
  if (kind == "chain") found.names.chains[name].rules.emplace_back(kUnknown);
  if (kind != "map" && kind != "set") return;
  found.names.maps[name].is_set = kind == "set";
  if (is_filled_by_rules(object)) return;
  fmt::format_to(std::back_inserter(found.forgets), "flush {} {} {} {}\n", kind, table.family, table.name, name);
}

}  // namespace

Result<std::optional<FoundRules>> list_rules(const RuleTable& table) {
  const auto text = nft::read(fmt::format("list table {} {}\n", table.family, table.name));
  if (!text && nft::is_missing(text.error())) return std::nullopt;
  if (!text) return std::unexpected{text.error()};
  boost::system::error_code error;
  const auto document = json::parse(*text, error);
  const auto* const list = !error && document.is_object() ? document.get_object().if_contains("nftables") : nullptr;
  if (list == nullptr || !list->is_array()) return failure("nft: cannot read what it says of table {}", table.name);
  FoundRules found;
  for (const auto& item : list->get_array()) {
    if (!item.is_object()) continue;
    for (const auto& [kind, object] : item.get_object()) {
      if (object.is_object()) take_object(table, kind, object.get_object(), found);
    }
  }
  return found;
}

}  // namespace tidegate
