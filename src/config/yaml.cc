// The tree is built from yaml-cpp's events rather than from its own nodes: those keep no place for keys, and follow
// nesting and aliases as far as they go.
#include "config/yaml.h"

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include <spanstream>
#include <unordered_map>

namespace tidegate {
namespace {

Mark place_of(const YAML::Mark& mark) { return mark.is_null() ? Mark{} : Mark{mark.line + 1, mark.column + 1}; }

// yaml-cpp ends in a ParserException; so do the bounds, which leaves one way out of it.
class TreeBuilder final : public YAML::EventHandler {
 public:
  explicit TreeBuilder(std::deque<YamlNode>& nodes) : nodes_{nodes} {}

  [[nodiscard]] const YamlNode* root() const { return root_; }

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (documents_++ > 0) throw YAML::ParserException(mark, "a second document begins (allowed: one)");
  }
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    // yaml-cpp gives the place of whatever follows; the key is where people look.
    YamlNode& node = add(mark, YamlNode::Kind::null, {}, anchor);
    if (!open_.empty() && open_.back().key != nullptr) node.mark = open_.back().key->mark;
    attach(node);
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    YamlNode& node = add(mark, YamlNode::Kind::scalar, tag, anchor);
    node.text = value;
    attach(node);
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const YamlNode* node = anchors_.at(anchor);
    for (const Open& open : open_) {
      if (open.node == node) throw YAML::ParserException(mark, "an alias stands inside of what it stands for");
    }
    count(mark, node->size);
    attach(*node);
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value /*style*/) override {
    open(mark, YamlNode::Kind::list, tag, anchor);
  }
  void OnSequenceEnd() override { close(); }

  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value /*style*/) override {
    open(mark, YamlNode::Kind::map, tag, anchor);
  }
  void OnMapEnd() override { close(); }

 private:
  struct Open {
    YamlNode* node;
    std::size_t values_before;
    const YamlNode* key = nullptr;  // of a map: the key whose value comes next
  };

  void count(const YAML::Mark& mark, std::size_t values) {
    values_ += values;
    if (values_ > YamlDocument::kMostValues) {
      throw YAML::ParserException(mark,
                                  fmt::format("more than {} values, aliases followed", YamlDocument::kMostValues));
    }
  }

  YamlNode& add(const YAML::Mark& mark, YamlNode::Kind kind, const std::string& tag, YAML::anchor_t anchor) {
    count(mark, 1);
    YamlNode& node = nodes_.emplace_back();
    node.kind = kind;
    node.mark = place_of(mark);
    // "?" is a plain value, "!" a quoted one; !!str, !!seq and !!map say what the value is anyway.
    const bool usual = tag.empty() || tag == "?" || tag == "!" || tag == "tag:yaml.org,2002:str" ||
                       tag == "tag:yaml.org,2002:seq" || tag == "tag:yaml.org,2002:map";
    if (!usual) node.tag = tag;
    if (anchor != 0) anchors_[anchor] = &node;
    return node;
  }

  void attach(const YamlNode& node) {
    if (open_.empty()) {
      root_ = &node;
      return;
    }
    Open& parent = open_.back();
    if (parent.node->kind == YamlNode::Kind::list) {
      parent.node->items.push_back(&node);
    } else if (parent.key == nullptr) {
      parent.key = &node;
    } else {
      parent.node->entries.push_back({.key = parent.key, .value = &node});
      parent.key = nullptr;
    }
  }

  void open(const YAML::Mark& mark, YamlNode::Kind kind, const std::string& tag, YAML::anchor_t anchor) {
    if (open_.size() >= YamlDocument::kMostDepth) {
      throw YAML::ParserException(mark, fmt::format("nested more than {} deep", YamlDocument::kMostDepth));
    }
    const std::size_t before = values_;
    YamlNode& node = add(mark, kind, tag, anchor);
    attach(node);
    open_.push_back({.node = &node, .values_before = before});
  }

  void close() {
    open_.back().node->size = values_ - open_.back().values_before;
    open_.pop_back();
  }

  std::deque<YamlNode>& nodes_;
  const YamlNode* root_ = nullptr;
  std::vector<Open> open_;
  std::unordered_map<YAML::anchor_t, const YamlNode*> anchors_;
  std::size_t values_ = 0;
  int documents_ = 0;
};

}  // namespace

std::expected<YamlDocument, YamlError> YamlDocument::parse(std::string_view text) {
  if (text.size() > kMostBytes) {
    return std::unexpected{YamlError{{}, fmt::format("larger than {} bytes", kMostBytes)}};
  }
  YamlDocument document;
  TreeBuilder builder{document.nodes_};
  try {
    std::ispanstream in{text};
    YAML::Parser parser{in};
    while (parser.HandleNextDocument(builder)) {
    }
  } catch (const YAML::Exception& error) {
    return std::unexpected{YamlError{place_of(error.mark), error.msg}};
  }
  document.root_ = builder.root();
  return document;
}

}  // namespace tidegate
