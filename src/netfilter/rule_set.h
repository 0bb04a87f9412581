// A table of nf_tables as a value: what it holds, by name. The difference between two of them is a text for nft(8) that
// touches only what is another one: counters go on, and so do the connections that a rule has counted.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace tidegate {

// A family and a name: "inet tidegate_forward".
struct RuleTable {
  std::string_view family;
  std::string_view name;
};

struct RuleSet {
  struct Chain {
    std::string hook;  // of a base chain: "type filter hook input priority 0; policy accept;"
    std::vector<std::string> rules;
    bool operator==(const Chain&) const = default;
  };
  struct Map {
    bool is_set = false;
    std::string type;                             // "type mark : verdict;", with its flags
    std::map<std::string, std::string> elements;  // key → value, which is empty in a set; of a dynamic one none
    bool operator==(const Map&) const = default;
  };

  // By name: what follows it in braces. A counter begins with that ("packets 1 bytes 40") where it is new; a limit
  // stays as it is as long as it has that name; the number of a quota ("over 1000 bytes") follows at once, and what it
  // has used stays.
  std::map<std::string, std::string> counters;
  std::map<std::string, std::string> limits;
  std::map<std::string, std::string> quotas;
  std::map<std::string, Map> maps;  // and sets
  std::map<std::string, Chain> chains;

  bool operator==(const RuleSet&) const = default;
};

// What makes `after` of `before`, as one transaction; empty: nothing is to be done. An empty `before` stands for a
// table that need not be there. Of a chain the hook cannot change, nor the type of a map.
[[nodiscard]] std::string difference(const RuleTable& table, const RuleSet& before, const RuleSet& after);

// Removes the table, whether it is there or not.
[[nodiscard]] std::string removal(const RuleTable& table);

}  // namespace tidegate
