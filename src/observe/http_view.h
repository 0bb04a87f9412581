// What the screen of `tidegate http` shows: first Traffic Watch's screen (what is watched, the requests of the last
// second, the most popular sections of the short and of the long window, alerts), then more of each. Pure.
#pragma once

#include <deque>
#include <string>
#include <vector>

#include "console/view.h"
#include "model/http_report.h"
#include "privacy/pseudonyms.h"

namespace tidegate {

struct HttpScreen {
  std::string watched;              // "port 80 on eth0"
  std::vector<HttpReport> reports;  // one for each window of the watch, the shortest first
  std::size_t chosen = 0;           // the window of which there is more than the sections
  bool has_alerts = false;
  std::deque<console::Message> alerts;  // newest first
};

// Sections without a number of their own are five, as in Traffic Watch.
[[nodiscard]] console::View http_view(const HttpScreen& screen, const Pseudonyms& names);

}  // namespace tidegate
