// What commands print for people: aligned tables and times as people say them. Pure text.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"

namespace tidegate::cli {

// One line on standard output, cleaned of what a terminal should not be given. False when nobody reads any more.
bool print_line(std::string_view line);

struct Column {
  std::string_view title;
  bool right = false;  // numbers stand at the right edge
};

// Rows under their titles, two spaces between the columns, each as wide as its widest cell (in characters, not bytes);
// a row may hold one cell more than there are columns, which stands behind without a title.
[[nodiscard]] std::vector<std::string> table(const std::vector<Column>& columns,
                                             const std::vector<std::vector<std::string>>& rows);

// "2026-11-21 18:02:11  palworld  woke  UDP …".
[[nodiscard]] std::string event_line(WallTime at, std::string_view service, std::string_view event,
                                     std::string_view text);

// "2026-11-21T17:02:11.042Z" as local date and time, "2026-11-21 18:02:11"; a text that is no time as it is.
[[nodiscard]] std::string local_time(const std::string& rfc3339);

}  // namespace tidegate::cli
