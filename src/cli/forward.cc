// tidegate forward: one or several forwards from flags alone; and what is asked of those of a running daemon.
#include <boost/json.hpp>
#include <fstream>
#include <functional>
#include <iostream>
#include <iterator>

#include "api/control.h"
#include "cli/client.h"
#include "cli/command.h"
#include "cli/fields.h"
#include "cli/forward_flags.h"
#include "cli/forward_view.h"
#include "cli/print.h"

namespace tidegate::cli {

namespace json = boost::json;

namespace {

// When it has ended: what each forward has carried.
void tell_totals(Daemon& daemon) {
  const auto* const books = daemon.forwards().accounting();
  if (books == nullptr) return;
  std::vector<std::vector<std::string>> rows;
  for (const auto& entry : daemon.forwards().all()) {
    const auto total = books->totals(entry.settings.name);
    rows.push_back({entry.settings.name, format_bytes(total.upload), format_bytes(total.download),
                    fmt::format("{}", total.connections), fmt::format("{}", total.sessions),
                    fmt::format("{}", total.errors)});
  }
  const std::vector<Column> columns = {{"FORWARD"},           {"UPLOAD", true},   {"DOWNLOAD", true},
                                       {"CONNECTIONS", true}, {"SESSIONS", true}, {"ERRORS", true}};
  for (const auto& line : table(columns, rows)) print_line(line);
}

int serve(const ForwardFlags& flags, const DaemonFlags& daemon) {
  auto config = flags.read();
  if (!config) return complain("forward: " + config.error().what, kUsage);
  return daemon.run(std::move(*config), {.config_file = {}, .control = {}, .store = flags.store()}, tell_totals);
}

// --- of a running daemon

// What an argument says itself, or the file behind its @; "-" is standard input.
Result<std::string> read_settings(const std::string& argument) {
  if (argument != "-" && !argument.starts_with('@')) return argument;
  std::ifstream file;
  if (argument != "-") {
    file.open(argument.substr(1), std::ios::binary);
    if (!file) return system_failure("read " + argument.substr(1));
  }
  std::istream& from = argument == "-" ? std::cin : file;
  std::string text(ControlServer::kLongestRequest, '\0');
  from.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(from.gcount()));
  if (text.size() == ControlServer::kLongestRequest)
    return failure("{} is no forward: it is longer than {} bytes", argument, text.size() - 1);
  return text;
}

void show_forward(const json::object& forward) {
  for (const auto& line : forward_lines(forward)) print_line(line);
}

void show_all(const json::object& answer) {
  const auto lines = forward_table(answer);
  if (lines.empty()) print_line("there are no forwards");
  for (const auto& line : lines) print_line(line);
}

struct Asking {
  ClientFlags client;
  std::string name;
  std::string settings;

  [[nodiscard]] int put(std::string_view command) const {
    const auto text = read_settings(settings);
    if (!text) return complain("forward: " + text.error().what, kUsage);
    json::object request{{"command", command}, {"json", *text}};
    if (!name.empty()) request["name"] = name;
    return client.ask(request, show_forward);
  }
};

constexpr const char* kSettingsHelp =
    "as an item of `forwards` in the configuration, in JSON; @FILE: what stands there; -: on standard input";

using Ask = int (*)(const Asking& asking);
using Chosen = std::shared_ptr<std::function<int()>>;  // shared by the callbacks of the command and its subcommands

void add_asking(CLI::App& forward, const Chosen& chosen, const std::string& verb, const std::string& description,
                bool named, bool with_settings, const std::string& examples, Ask ask) {
  auto asking = std::make_shared<Asking>();  // shared with the callback, which outlives this function
  auto* const command = forward.add_subcommand(verb, description);
  if (named) command->add_option("NAME", asking->name, "the forward")->required();
  if (with_settings) command->add_option("FORWARD", asking->settings, kSettingsHelp)->required()->type_name("JSON");
  asking->client.add_to(*command);
  command->footer(examples);
  command->callback([=] { *chosen = [=] { return ask(*asking); }; });
}

void add_askings(CLI::App& forward, const Chosen& chosen) {
  add_asking(forward, chosen, "list", "Every forward of the running daemon, a line each", false, false,
             "Examples:\n  tidegate forward list\n  tidegate forward list --json",
             [](const Asking& a) { return a.client.ask({{"command", "forwards"}}, show_all); });
  add_asking(forward, chosen, "show", "One forward: its targets, what is open, what it has carried", true, false,
             "Examples:\n  tidegate forward show web\n  tidegate forward show web --json",
             [](const Asking& a) { return a.client.ask({{"command", "forward"}, {"name", a.name}}, show_forward); });
  add_asking(forward, chosen, "add", "Add a forward to the running daemon, which keeps it in its store", false, true,
             "Examples:\n"
             "  tidegate forward add '{\"name\": \"web\", \"listen\": \"*:10001\", \"target_port\": 10000}'\n"
             "  tidegate forward add @web.json",
             [](const Asking& a) { return a.put("forward_add"); });
  add_asking(forward, chosen, "change", "Change a forward that was added so; connections go on under the old settings",
             true, true,
             "Examples:\n"
             "  tidegate forward change web '{\"listen\": \"*:10001\", \"target_port\": 10000, \"limit\": \"5GB\"}'\n"
             "  tidegate forward change web @web.json",
             [](const Asking& a) { return a.put("forward_change"); });
  add_asking(forward, chosen, "remove", "Remove a forward that was added so; its connections end", true, false,
             "Examples:\n  tidegate forward remove web\n  tidegate forward remove web --json", [](const Asking& a) {
               return a.client.ask({{"command", "forward_remove"}, {"name", a.name}},
                                   [&](const json::object&) { print_line(fmt::format("{} is removed", a.name)); });
             });
}

}  // namespace

void add_forward(CLI::App& app, int& status) {
  struct Flags {
    ForwardFlags forward;
    DaemonFlags daemon;
  };
  auto flags = std::make_shared<Flags>();  // shared with the callback, which outlives this function
  auto* command =
      app.add_subcommand("forward", "Forwards from flags alone; or, by a subcommand, those of the running daemon");
  command->require_subcommand(0, 1);
  flags->forward.add_to(*command);
  flags->daemon.add_to_without_replay(*command, "none");
  auto chosen = std::make_shared<std::function<int()>>();
  add_askings(*command, chosen);
  command->footer(
      "FORWARD is LISTEN:TARGET. LISTEN is a port or range, ADDRESS:PORT with an IPv6 address in brackets, or\n"
      "unix:PATH up to the next colon; TARGET is HOST:PORT, a port or range of 127.0.0.1, or unix:PATH. What the "
      "flags\n"
      "say holds of each forward. With --start, --script or --process the first client wakes that service, and waits.\n"
      "SIGTERM or SIGINT ends, and what each forward has carried is printed.\n\nExamples:\n"
      "  tidegate forward 10001:127.0.0.1:10000 --limit 100GB\n"
      "  tidegate forward 192.0.2.10:5432:db.example.net:5432 '[::]:80:[::1]:8080' --rate-each-client 20Mbit/s\n"
      "  tidegate forward 10000-10099:127.0.0.1:20000-20099 --protocol both --store counts.db\n"
      "  tidegate forward 8080:127.0.0.1:8081 --process 'python3 -m http.server 8081' --idle 5m");
  command->callback([=, &status] {  // after that of the subcommand
    if (!*chosen) {
      status = serve(flags->forward, flags->daemon);
      return;
    }
    const auto given = command->get_options([](const CLI::Option* option) { return option->count() > 0; });
    status = given.empty()
                 ? (*chosen)()
                 : complain(fmt::format("forward: {} does not go in front of a subcommand", given.front()->get_name()),
                            kUsage);
  });
}

}  // namespace tidegate::cli
