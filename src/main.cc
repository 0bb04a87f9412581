// tidegate: one binary; the older tools by their names, everything else by its commands.
#include <csignal>
#include <cstdio>
#include <exception>
#include <string_view>

#include "cli/cli.h"
#include "compat/compat.h"

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);  // a reader that leaves is an error where it is written to, not the end of us
  std::signal(SIGCHLD, SIG_DFL);  // one that is inherited as ignored would lose our children's exit statuses
  try {
    if (argc > 0) {
      if (const auto front_end = tidegate::compat::find(argv[0])) return front_end(argc, argv);
    }
    if (argc > 1 && std::string_view{argv[1]} == "compat") return tidegate::compat::run(argc - 2, argv + 2);
    return tidegate::cli::run(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "tidegate: %s\n", error.what());
    return 1;
  }
}
