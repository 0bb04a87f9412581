// Screens against their recordings in tests/golden/console: NAME.txt is the text, NAME.style a letter a place. With
// TIDEGATE_GOLDEN_WRITE set they are written anew; look at the difference before you keep it.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <string_view>

#include "console/layout.h"

namespace tidegate::console {

inline std::string text_of(const Grid& grid) {
  std::string text;
  for (std::size_t row = 0; row < grid.size().rows; ++row) text += grid.text(row) + "\n";
  return text;
}

inline std::string styles_of(const Grid& grid) {
  constexpr std::string_view kLetters = " .gwbThF#k";
  std::string styles;
  for (std::size_t row = 0; row < grid.size().rows; ++row) {
    std::string line;
    for (std::size_t i = 0; i < grid.size().columns; ++i)
      line += kLetters.at(static_cast<std::size_t>(grid.at(i, row).style));
    line.erase(line.find_last_not_of(' ') + 1);
    styles += line + "\n";
  }
  return styles;
}

inline void expect_recorded(const std::string& file, const std::string& now) {
  const auto sources = std::filesystem::path{__FILE__}.parent_path().parent_path().parent_path();
  const auto path = sources / "tests/golden/console" / file;
  if (std::getenv("TIDEGATE_GOLDEN_WRITE") != nullptr) {
    std::ofstream{path} << now;
    return;
  }
  std::stringstream recorded;
  recorded << std::ifstream{path}.rdbuf();
  EXPECT_EQ(recorded.str(), now) << "differs from " << path.string();
}

inline void expect_screen(const std::string& name, const View& view, const ConsoleState& state, Size size,
                          Charset charset = Charset::utf8) {
  const auto screen = lay_out(view, state, size, charset);
  expect_recorded(name + ".txt", text_of(screen.grid));
  expect_recorded(name + ".style", styles_of(screen.grid));
}

}  // namespace tidegate::console
