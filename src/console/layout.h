// A view as a screen of a given size. Pure: the same view, state and size give the same screen.
//
//   title …                               paused · 18:02:11
//   figure 12  figure 3.4 MB/s
//   not in these figures: …               where something is missing
//   rate 1.2 MB/s ▁▂▅█                     where there are 16 rows
//   TABLE  …                              the sections, stacked or side by side, each with a share of the rows
//   messages …
//   q quit  ? help  …                     or the filter that is typed, or what is wrong
#pragma once

#include <cstddef>
#include <vector>

#include "console/grid.h"
#include "console/state.h"
#include "console/view.h"

namespace tidegate::console {

// On a smaller screen only this is said.
inline constexpr Size kLeastSize{.columns = 40, .rows = 8};

struct Screen {
  Grid grid;
  std::size_t page = 1;              // lines of what is in focus, for ConsoleState::set_page
  std::vector<std::size_t> columns;  // of the section in focus, for ConsoleState::set_columns
};

[[nodiscard]] Screen lay_out(const View& view, const ConsoleState& state, Size size, Charset charset);

}  // namespace tidegate::console
