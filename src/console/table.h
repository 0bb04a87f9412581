// One section of a view as lines of a grid: titles, rows, the chosen one, those that are expanded.
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include "console/grid.h"
#include "console/state.h"
#include "console/view.h"

namespace tidegate::console {

// Where something stands in a grid.
struct Area {
  std::size_t column = 0;
  std::size_t row = 0;
  std::size_t columns = 0;
  std::size_t rows = 0;
};

// Said where a filter lets nothing through.
inline constexpr std::string_view kNothingPasses = "nothing here has this in it";

// Which columns are shown, in order, and how wide each is.
struct FittedColumn {
  std::size_t index;
  std::size_t columns;
};

// The gap between two columns.
inline constexpr std::size_t kGap = 2;

// As wide as the widest of the section's cells, all of them; where the room is too small, heavy columns give way first,
// down to their least, then those of a rank are left out, and in the end the last one is cut.
[[nodiscard]] std::vector<FittedColumn> fit_columns(const Section& section, std::size_t room, Charset charset);

// How many lines the section wants: its titles, its rows and what is expanded, or that it is empty.
[[nodiscard]] std::size_t wanted_lines(const Section& section, const ConsoleState& state);

// Draws the section. Where not all of its rows fit, those around the chosen one are shown, and the titles say which,
// where they have the room. Gives the columns that are shown.
std::vector<std::size_t> draw_table(Grid& grid, const Area& area, const Section& section, const ConsoleState& state,
                                    bool focused);

}  // namespace tidegate::console
