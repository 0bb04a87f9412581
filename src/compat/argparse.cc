#include "compat/argparse.h"

#include <algorithm>
#include <string>
#include <vector>

#include "compat/front_end.h"

namespace tidegate::compat {

std::optional<int> parse_argparse(CLI::App& app, int argc, char** argv, std::initializer_list<std::string_view> names) {
  std::vector<std::string> words{argv, argv + argc};
  for (auto& word : words) {
    if (word == "--") break;
    if (!word.starts_with('-')) continue;
    const auto name = std::string_view{word}.substr(1, word.find('=') - 1);
    if (std::ranges::find(names, name) != names.end()) word.insert(0, "-");
  }
  std::vector<char*> pointers;
  pointers.reserve(words.size());
  for (auto& word : words) pointers.push_back(word.data());
  return parse(app, argc, pointers.data());
}

}  // namespace tidegate::compat
