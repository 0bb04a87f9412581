// YAML 1.2 text → a tree of values, each with its place in the text; yaml-cpp does the parsing. Bounded whatever the
// text is: its size, its depth, and the number of values after aliases are followed, so that no alias bomb goes off.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

namespace tidegate {

// A place in the text, both from 1; line 0 is the text as a whole.
struct Mark {
  int line = 0;
  int column = 0;
  auto operator<=>(const Mark&) const = default;
};

struct YamlNode {
  enum class Kind : std::uint8_t { null, scalar, list, map };
  struct Entry {
    const YamlNode* key;
    const YamlNode* value;
  };

  Kind kind = Kind::null;
  Mark mark;                           // of a value that is missing: its key's
  std::string tag;                     // one that changes what the value means ("!ack"); else empty
  std::string text;                    // of a scalar
  std::vector<const YamlNode*> items;  // of a list
  std::vector<Entry> entries;          // of a map, in order, keys given twice included
  std::size_t size = 1;                // values in it, itself and what aliases stand for included
};

struct YamlError {
  Mark mark;
  std::string what;
};

// One document. Nodes are owned here and stay where they are when the document moves; an alias is its anchor's node.
class YamlDocument {
 public:
  static constexpr std::size_t kMostBytes = 1 << 20;
  static constexpr std::size_t kMostDepth = 64;
  static constexpr std::size_t kMostValues = 100'000;

  // The text's only document. The error is yaml-cpp's, or names the bound that is passed.
  [[nodiscard]] static std::expected<YamlDocument, YamlError> parse(std::string_view text);

  // Null where the text holds nothing but comments.
  [[nodiscard]] const YamlNode* root() const { return root_; }

 private:
  std::deque<YamlNode> nodes_;
  const YamlNode* root_ = nullptr;
};

}  // namespace tidegate
