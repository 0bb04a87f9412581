#include "config/yaml.h"

namespace tidegate {
namespace {

using ::testing::HasSubstr;

YamlDocument good(std::string_view text) {
  auto document = YamlDocument::parse(text);
  EXPECT_TRUE(document) << (document ? "" : document.error().what);
  return document ? *std::move(document) : YamlDocument{};
}

YamlError bad(std::string_view text) {
  const auto document = YamlDocument::parse(text);
  EXPECT_FALSE(document);
  return document ? YamlError{} : document.error();
}

TEST(Yaml, knows_where_keys_and_values_stand) {
  const auto document = good("# a comment\na:\n  - one\n  - {b: two}\n");
  const YamlNode& top = *document.root();
  ASSERT_EQ(top.entries.size(), 1U);
  EXPECT_EQ(top.entries[0].key->mark, (Mark{2, 1}));
  const YamlNode& list = *top.entries[0].value;
  ASSERT_EQ(list.items.size(), 2U);
  EXPECT_EQ(list.items[0]->mark, (Mark{3, 5}));
  EXPECT_EQ(list.items[0]->text, "one");
  EXPECT_EQ(list.items[1]->entries[0].value->mark, (Mark{4, 9}));
  EXPECT_EQ(top.size, 7U);
}

TEST(Yaml, places_a_missing_value_at_its_key) {
  const auto document = good("a:\n\n\nb: 1\n");
  const YamlNode& value = *document.root()->entries[0].value;
  EXPECT_EQ(value.kind, YamlNode::Kind::null);
  EXPECT_EQ(value.mark, (Mark{1, 1}));
}

TEST(Yaml, keeps_keys_that_are_given_twice) { EXPECT_EQ(good("{a: 1, a: 2}").root()->entries.size(), 2U); }

TEST(Yaml, keeps_tags_that_change_a_meaning_and_no_others) {
  const auto document = good("[!ack x, \"quoted\", plain, !!str 1]");
  EXPECT_EQ(document.root()->items[0]->tag, "!ack");
  for (std::size_t i = 1; i < 4; ++i) EXPECT_EQ(document.root()->items[i]->tag, "") << i;
}

TEST(Yaml, follows_aliases_to_the_node_itself) {
  const auto document = good("{a: &x [1, 2], b: *x}");
  EXPECT_EQ(document.root()->entries[0].value, document.root()->entries[1].value);
  EXPECT_EQ(document.root()->size, 1U + 2U + 3U + 3U);
}

TEST(Yaml, has_no_root_where_nothing_stands) {
  for (const std::string_view text : {"", "\n\n", "# only a comment\n"}) {
    EXPECT_EQ(good(text).root(), nullptr) << text;
  }
}

TEST(Yaml, tells_syntax_errors_in_the_words_of_the_parser_with_their_place) {
  const auto error = bad("a: 1\nb: [1, 2\n");
  EXPECT_THAT(error.what, HasSubstr("end of sequence flow not found"));
  EXPECT_EQ(error.mark.line, 3);
  EXPECT_EQ(bad("a:\n\t- b\n").mark.line, 2);
  EXPECT_THAT(bad("a: *nobody\n").what, HasSubstr("anchor is not defined"));
}

TEST(Yaml, refuses_a_second_document) {
  const auto error = bad("a: 1\n---\nb: 2\n");
  EXPECT_THAT(error.what, HasSubstr("second document"));
  EXPECT_GE(error.mark.line, 2);
  EXPECT_EQ(good("---\na: 1\n...\n# the end\n").root()->entries.size(), 1U);
}

TEST(Yaml, refuses_a_text_that_is_too_large) {
  EXPECT_THAT(bad(std::string(YamlDocument::kMostBytes + 1, '#')).what, HasSubstr("larger than 1048576 bytes"));
  EXPECT_EQ(good(std::string(YamlDocument::kMostBytes, '#')).root(), nullptr);
}

TEST(Yaml, refuses_what_is_nested_too_deep) {
  const auto nested = [](std::size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); };
  EXPECT_EQ(good(nested(YamlDocument::kMostDepth)).root()->size, YamlDocument::kMostDepth);
  EXPECT_THAT(bad(nested(YamlDocument::kMostDepth + 1)).what, HasSubstr("nested more than 64 deep"));
  EXPECT_THAT(bad(std::string(500'000, '[')).what, HasSubstr("nested more than 64 deep"));
  std::string dashes;
  for (int i = 0; i < 100'000; ++i) dashes += "- ";
  EXPECT_THAT(bad(dashes).what, HasSubstr("nested more than 64 deep"));
}

TEST(Yaml, refuses_an_alias_bomb) {
  std::string bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 12; ++i) {
    bomb += fmt::format("a{0}: &a{0} [*a{1}, *a{1}, *a{1}, *a{1}, *a{1}, *a{1}, *a{1}, *a{1}, *a{1}]\n", i, i - 1);
  }
  EXPECT_THAT(bad(bomb).what, HasSubstr("more than 100000 values"));
}

TEST(Yaml, refuses_an_alias_inside_of_what_it_stands_for) {
  EXPECT_THAT(bad("&a [1, [*a]]").what, HasSubstr("inside of what it stands for"));
  EXPECT_THAT(bad("&a {b: *a}").what, HasSubstr("inside of what it stands for"));
}

}  // namespace
}  // namespace tidegate
