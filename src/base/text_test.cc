#include "base/text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>

namespace tidegate {
namespace {

using testing::ElementsAre;

TEST(Printable, leaves_text_of_any_language_alone) { EXPECT_EQ(printable("Grüße, 世界 →\t!"), "Grüße, 世界 →\t!"); }

TEST(Printable, makes_controls_visible) {
  EXPECT_EQ(printable("\x1b[2J\r\n\x7f"), "\\x1b[2J\\x0d\\x0a\\x7f");
  EXPECT_EQ(printable("\xc2\x9b"
                      "31m"),
            "\\x9b31m");  // CSI as one C1 character
  EXPECT_EQ(printable("a\u202e"
                      "b\u2066"
                      "c\ufeff"),
            "a\\u{202e}b\\u{2066}c\\u{feff}");
}

TEST(Printable, makes_what_is_not_utf8_visible) {
  EXPECT_EQ(printable("\xff\xc3"), "\\xff\\xc3");
  EXPECT_EQ(printable("\xc0\xaf"), "\\xc0\\xaf");                    // overlong
  EXPECT_EQ(printable("\xed\xa0\x80"), "\\xed\\xa0\\x80");           // a surrogate
  EXPECT_EQ(printable("\xf4\x90\x80\x80"), "\\xf4\\x90\\x80\\x80");  // above U+10FFFF
}

TEST(Nearest, finds_what_was_meant) {
  constexpr std::array<std::string_view, 4> kKeys = {"ports", "address", "start", "stop"};
  EXPECT_EQ(nearest("prots", kKeys), "ports");
  EXPECT_EQ(nearest("adress", kKeys), "address");
  EXPECT_EQ(nearest("zzzz", kKeys), "");
  EXPECT_EQ(did_you_mean("prots", kKeys), " (did you mean \"ports\"?)");
  EXPECT_EQ(did_you_mean("", kKeys), "");
}

TEST(JoinWords, reads_as_a_sentence) {
  constexpr std::array<std::string_view, 3> kWords = {"a", "b", "c"};
  EXPECT_EQ(join_words(kWords), "a, b and c");
  EXPECT_EQ(join_words(std::span{kWords}.first(2), "or"), "a or b");
  EXPECT_EQ(join_words(std::span{kWords}.first(1)), "a");
}

TEST(Split, trims_each_piece) {
  EXPECT_THAT(split(" a, b ,c", ','), ElementsAre("a", "b", "c"));
  EXPECT_THAT(split("a,,c", ','), ElementsAre("a", "", "c"));
  EXPECT_TRUE(split("  ", ',').empty());
}

}  // namespace
}  // namespace tidegate
