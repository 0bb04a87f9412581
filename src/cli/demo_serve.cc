// tidegate demo serve: a web server that greets, whatever it is asked for.
#include <algorithm>
#include <cstdio>
#include <string>
#include <thread>

#include "cli/command.h"
#include "cli/print.h"
#include "demo/run.h"

namespace tidegate::cli {

namespace {

constexpr std::size_t kMostThreads = 64;

struct ServeFlags {
  std::string listen = "127.0.0.1:5000";
  std::size_t threads = std::clamp<std::size_t>(std::thread::hardware_concurrency(), 1, kMostThreads);
};

int serve(const ServeFlags& flags) {
  const auto listen = ListenAddress::parse(flags.listen);
  if (!listen) return complain("demo serve: --listen: " + listen.error().what, kUsage);
  if (listen->is_unix() || listen->ports() != 1)
    return complain("demo serve: --listen: one TCP port, and its address", kUsage);
  const auto counts = demo::serve({.listen = *listen, .threads = flags.threads}, [&](std::uint16_t port) {
    const ListenAddress bound{.unix_path = {}, .address = listen->address, .first = port, .last = port};
    print_line(fmt::format("serves http://{}/ with {} thread{}; Ctrl-C ends it", bound.to_string(), flags.threads,
                           flags.threads == 1 ? "" : "s"));
    std::fflush(stdout);
  });
  if (!counts) return complain(counts.error().what, kFailed);
  print_line(fmt::format("answered {} requests on {} connections", counts->answered, counts->connections));
  for (const auto& [status, count] : counts->refused) print_line(fmt::format("refused {} with {}", count, status));
  if (counts->accept_failures > 0)
    print_line(fmt::format("could not accept {} times, for want of descriptors or memory", counts->accept_failures));
  return kDone;
}

}  // namespace

void add_demo_serve(CLI::App& demo, int& status) {
  auto flags = std::make_shared<ServeFlags>();  // shared with the callback, which outlives this function
  auto* const command = demo.add_subcommand("serve", "A web server that answers every path with a greeting");
  command->add_option("--listen", flags->listen, "where; *:PORT is every address, port 0 one that is free")
      ->type_name("ADDRESS:PORT");
  command->add_option("--threads", flags->threads, "that answer; default: one a core")
      ->check(CLI::Range(std::size_t{1}, kMostThreads))
      ->type_name("N");
  command->footer("Examples:\n  tidegate demo serve\n  tidegate demo serve --listen '*:5000' --threads 1");
  command->callback([flags, &status] { status = serve(*flags); });
}

}  // namespace tidegate::cli
