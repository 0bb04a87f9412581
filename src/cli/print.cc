#include "cli/print.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <ctime>

#include "base/text.h"
#include "base/units.h"

namespace tidegate::cli {

namespace {

std::size_t width(std::string_view text) {  // code points; names and addresses have no wide ones
  return static_cast<std::size_t>(
      std::ranges::count_if(text, [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

}  // namespace

bool print_line(std::string_view line) {
  const auto text = printable(line) + "\n";
  return std::fputs(text.c_str(), stdout) >= 0 && std::fflush(stdout) == 0;
}

std::vector<std::string> table(const std::vector<Column>& columns, const std::vector<std::vector<std::string>>& rows) {
  std::vector<std::size_t> widths;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    widths.push_back(width(columns[i].title));
    for (const auto& row : rows) widths[i] = std::max(widths[i], width(row.at(i)));
  }
  const auto line = [&](const auto& cell_at, std::size_t cells) {
    std::string text;
    for (std::size_t i = 0; i < cells; ++i) {
      const std::string_view cell = cell_at(i);
      const std::size_t room = i < columns.size() ? widths[i] - width(cell) : 0;
      const bool right = i < columns.size() && columns[i].right;
      text += fmt::format("{}{}{}{}", i == 0 ? "" : "  ", right ? std::string(room, ' ') : "", cell,
                          right ? "" : std::string(room, ' '));
    }
    text.erase(text.find_last_not_of(' ') + 1);
    return text;
  };
  std::vector<std::string> lines{line([&](std::size_t i) { return columns[i].title; }, columns.size())};
  for (const auto& row : rows)
    lines.push_back(line([&](std::size_t i) { return std::string_view{row[i]}; }, row.size()));
  return lines;
}

std::string event_line(WallTime at, std::string_view service, std::string_view event, std::string_view text) {
  return fmt::format("{}  {}  {}{}{}", format_date_time(at), service, event, text.empty() ? "" : ": ", text);
}

std::string local_time(const std::string& rfc3339) {
  std::tm parts{};
  if (::strptime(rfc3339.c_str(), "%Y-%m-%dT%H:%M:%S", &parts) == nullptr) return rfc3339;
  return format_date_time(std::chrono::system_clock::from_time_t(::timegm(&parts)));
}

}  // namespace tidegate::cli
