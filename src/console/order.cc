#include "console/order.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>

#include "base/ascii.h"
#include "console/glyph.h"

namespace tidegate::console {

namespace {

const Cell kNothing;

bool has_number(const Cell& cell) { return cell.value && !std::isnan(*cell.value); }

// In the natural order of a column. Cells without a number stand behind those with one.
bool before(const Cell& a, const Cell& b, bool largest_first) {
  if (has_number(a) != has_number(b)) return has_number(a);
  if (has_number(a)) return largest_first ? *a.value > *b.value : *a.value < *b.value;
  return a.text < b.text;
}

void sort(std::vector<std::size_t>& order, const Section& section, const SectionState& state) {
  if (!state.sort || *state.sort >= section.columns.size()) {
    if (state.reversed) std::ranges::reverse(order);
    return;
  }
  const auto column = *state.sort;
  const bool largest_first = section.columns[column].right;
  const auto cell = [&](std::size_t i) -> const Cell& { return cell_of(section.rows[i], column); };
  std::ranges::stable_sort(order, [&](std::size_t a, std::size_t b) {
    return state.reversed ? before(cell(b), cell(a), largest_first) : before(cell(a), cell(b), largest_first);
  });
}

}  // namespace

const Cell& cell_of(const Row& row, std::size_t column) {
  return column < row.cells.size() ? row.cells[column] : kNothing;
}

bool passes(std::string_view text, std::string_view filter) {
  if (filter.empty()) return true;
  const auto shown = as_shown(text, Charset::utf8);
  const auto wanted = as_shown(filter, Charset::utf8);
  return !std::ranges::search(shown, wanted, {}, lower_case, lower_case).empty();
}

bool passes(const Row& row, std::string_view filter) {
  if (filter.empty()) return true;
  return std::ranges::any_of(row.cells, [&](const Cell& cell) { return passes(cell.text, filter); });
}

std::size_t lines_of_row(const Row& row, const SectionState& state) {
  return 1 + (state.expanded.contains(row.key) ? row.details.size() : 0);
}

std::vector<std::size_t> ordered(const Section& section, const ConsoleState& state) {
  std::vector<std::size_t> order;
  order.reserve(section.rows.size());
  for (std::size_t i = 0; i < section.rows.size(); ++i) {
    if (passes(section.rows[i], state.filter())) order.push_back(i);
  }
  const auto& own = state.of(section);
  sort(order, section, own);
  if (!state.frozen()) return order;
  std::map<std::string_view, std::size_t> places;
  for (std::size_t i = 0; i < own.frozen.size(); ++i) places.emplace(own.frozen[i], i);
  std::ranges::stable_sort(order, {}, [&](std::size_t i) {
    const auto place = places.find(section.rows[i].key);
    return place == places.end() ? own.frozen.size() : place->second;
  });
  return order;
}

}  // namespace tidegate::console
