#include "compat/compat.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <string>

#include "base/text.h"

namespace tidegate::compat {

namespace {

struct Tool {
  std::string_view name;
  Main main;
};

constexpr std::array kTools = {
    Tool{"pulso", pulso},
    Tool{"simple_webserver.py", simple_webserver},
    Tool{"traffic-monitor", traffic_monitor},
    Tool{"traffic-spot-rs", traffic_spot},
    Tool{"traffic_generator.py", traffic_generator},
    Tool{"traffic_watch.py", traffic_watch},
    Tool{"tuninetd", tuninetd},
    Tool{"tuntapd", tuntapd},
};

}  // namespace

Main find(std::string_view name) {
  name.remove_prefix(name.rfind('/') + 1);
  const auto tool = std::ranges::find(kTools, name, &Tool::name);
  return tool == kTools.end() ? nullptr : tool->main;
}

int run(int argc, char** argv) {
  const std::string_view name = argc > 0 ? argv[0] : "";
  if (const auto main = find(name)) return main(argc, argv);
  std::array<std::string_view, kTools.size()> names;
  std::ranges::transform(kTools, names.begin(), &Tool::name);
  std::fprintf(stderr, "tidegate: compat: \"%s\" is none of the older tools (there are: %s)\n", printable(name).c_str(),
               join_words(names).c_str());
  return 2;
}

}  // namespace tidegate::compat
