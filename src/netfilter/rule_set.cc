#include "netfilter/rule_set.h"

#include <fmt/format.h>

#include <iterator>

namespace tidegate {

namespace {

using Objects = std::map<std::string, std::string>;

// Writes commands about one table. What refers to something comes after it was made, and goes before it is removed.
class Writer {
 public:
  Writer(const RuleTable& table, const RuleSet& before, const RuleSet& after)
      : table_{table}, before_{before}, after_{after} {}

  std::string write() {
    if (before_ == RuleSet{}) fmt::format_to(out(), "add table {} {}\n", table_.family, table_.name);
    make("counter", before_.counters, after_.counters);
    make("limit", before_.limits, after_.limits);
    make("quota", before_.quotas, after_.quotas, true);
    make_maps_and_chains();
    for (const auto& [name, map] : before_.maps) remove_elements(name, map);
    for (const auto& [name, chain] : before_.chains) {
      if (!chain.rules.empty() && find(after_.chains, name) != chain) command("flush chain", name);
    }
    for (const auto& [name, chain] : after_.chains) {
      if (find(before_.chains, name) == chain) continue;
      for (const auto& rule : chain.rules) command("add rule", name, rule);
    }
    for (const auto& [name, map] : after_.maps) add_elements(name, map);
    for (const auto& [name, chain] : before_.chains) {
      if (!after_.chains.contains(name)) command("delete chain", name);
    }
    for (const auto& [name, map] : before_.maps) {
      if (!after_.maps.contains(name)) command(map.is_set ? "delete set" : "delete map", name);
    }
    remove("quota", before_.quotas, after_.quotas);
    remove("limit", before_.limits, after_.limits);
    remove("counter", before_.counters, after_.counters);
    return std::move(text_);
  }

 private:
  std::back_insert_iterator<std::string> out() { return std::back_inserter(text_); }

  void command(std::string_view verb, std::string_view name, std::string_view rest = {}) {
    fmt::format_to(out(), "{} {} {} {}{}{}\n", verb, table_.family, table_.name, name, rest.empty() ? "" : " ", rest);
  }

  template <class Value>
  static Value find(const std::map<std::string, Value>& among, const std::string& name) {
    const auto found = among.find(name);
    return found == among.end() ? Value{} : found->second;
  }

  void make(std::string_view kind, const Objects& before, const Objects& after, bool follows = false) {
    for (const auto& [name, what] : after) {
      const auto old = before.find(name);
      if (old != before.end() && (!follows || old->second == what)) continue;
      command(fmt::format("add {}", kind), name, fmt::format("{{ {} ; }}", what));
    }
  }

  void remove(std::string_view kind, const Objects& before, const Objects& after) {
    for (const auto& [name, what] : before) {
      if (!after.contains(name)) command(fmt::format("delete {}", kind), name);
    }
  }

  void make_maps_and_chains() {
    for (const auto& [name, map] : after_.maps) {
      if (before_.maps.contains(name)) continue;
      command(map.is_set ? "add set" : "add map", name, fmt::format("{{ {} }}", map.type));
    }
    for (const auto& [name, chain] : after_.chains) {
      if (before_.chains.contains(name)) continue;
      command("add chain", name, chain.hook.empty() ? std::string{} : fmt::format("{{ {} }}", chain.hook));
    }
  }

  // Elements of `map` that `other` has not, or has with another value.
  void elements(std::string_view verb, const std::string& name, const RuleSet::Map& map, const RuleSet::Map& other,
                bool with_values) {
    std::string list;
    for (const auto& [key, value] : map.elements) {
      const auto same = other.elements.find(key);
      if (same != other.elements.end() && same->second == value) continue;
      fmt::format_to(std::back_inserter(list), "{}{}", list.empty() ? "" : ", ", key);
      if (with_values && !value.empty()) fmt::format_to(std::back_inserter(list), " : {}", value);
    }
    if (!list.empty()) command(verb, name, fmt::format("{{ {} }}", list));
  }
  void remove_elements(const std::string& name, const RuleSet::Map& map) {
    elements("delete element", name, map, find(after_.maps, name), false);
  }
  void add_elements(const std::string& name, const RuleSet::Map& map) {
    elements("add element", name, map, find(before_.maps, name), true);
  }

  const RuleTable& table_;
  const RuleSet& before_;
  const RuleSet& after_;
  std::string text_;
};

}  // namespace

std::string difference(const RuleTable& table, const RuleSet& before, const RuleSet& after) {
  return before == after ? std::string{} : Writer{table, before, after}.write();
}

std::string removal(const RuleTable& table) {
  return fmt::format("add table {0} {1}\ndelete table {0} {1}\n", table.family, table.name);
}

}  // namespace tidegate
