// In which order the rows of a section stand, and which of them are shown: filter, sort, and the order that was frozen.
#pragma once

#include <string_view>
#include <vector>

#include "console/state.h"
#include "console/view.h"

namespace tidegate::console {

// The row's cell of that column; an empty one where it has none.
[[nodiscard]] const Cell& cell_of(const Row& row, std::size_t column);

// Whether a filter lets the row through: one of its texts holds it as the screen shows them, whatever the case (of
// ASCII letters). An empty filter lets all through.
[[nodiscard]] bool passes(const Row& row, std::string_view filter);
[[nodiscard]] bool passes(std::string_view text, std::string_view filter);

// How many lines the row takes: its own, and where it is expanded those beneath it.
[[nodiscard]] std::size_t lines_of_row(const Row& row, const SectionState& state);

// The places in section.rows of what is shown, in order: that which was frozen, with what came since behind it, or
// sorted.
[[nodiscard]] std::vector<std::size_t> ordered(const Section& section, const ConsoleState& state);

}  // namespace tidegate::console
