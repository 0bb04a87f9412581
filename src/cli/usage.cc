// tidegate usage NAME, tidegate clients [NAME]: what a forward has carried, when, and for whom.
#include <boost/json.hpp>

#include "cli/client.h"
#include "cli/command.h"
#include "cli/fields.h"
#include "cli/print.h"

namespace tidegate::cli {

namespace json = boost::json;

namespace {

struct Asking {
  ClientFlags client;
  std::string name;
  std::string by = "day";
  std::optional<std::size_t> most;
};

// The part of a local time that tells periods of that kind apart.
std::string period_name(const json::object& period, std::string_view by) {
  const std::size_t length = by == "hour" ? 16 : by == "day" ? 10 : 7;  // "2026-11-21 18:00", "2026-11-21", "2026-11"
  return local_time(text_of(period, "start")).substr(0, length);
}

std::vector<std::string> usage_row(std::string name, const json::object& usage) {
  return {std::move(name),
          bytes_of(usage, "upload"),
          bytes_of(usage, "download"),
          count_of(usage, "connections"),
          count_of(usage, "sessions"),
          count_of(usage, "errors")};
}

void show_usage(const json::object& answer) {
  const auto by = text_of(answer, "by");
  std::vector<std::vector<std::string>> rows;
  for (const auto& value : answer.at("periods").as_array())
    rows.push_back(usage_row(period_name(value.as_object(), by), value.as_object()));
  rows.push_back(usage_row("in all", answer.at("total").as_object()));
  const std::string_view title = by == "hour" ? "HOUR" : by == "day" ? "DAY" : "MONTH";
  const std::vector<Column> columns = {
      {title}, {"UPLOAD", true}, {"DOWNLOAD", true}, {"CONNECTIONS", true}, {"SESSIONS", true}, {"ERRORS", true}};
  for (const auto& line : table(columns, rows)) print_line(line);
  if (text_of(answer, "counts") == "ip packets")
    print_line("bytes are those of IP packets with their headers (engine kernel)");
}

void show_clients(const json::object& answer) {
  std::vector<std::vector<std::string>> rows;
  for (const auto& value : answer.at("clients").as_array()) {
    const auto& client = value.as_object();
    rows.push_back({text_of(client, "client"), text_of(client, "forward"), bytes_of(client, "upload"),
                    bytes_of(client, "download"), count_of(client, "connections"), count_of(client, "open")});
  }
  if (rows.empty()) {
    print_line("there was no client yet");
    return;
  }
  const std::vector<Column> columns = {{"CLIENT"},         {"FORWARD"},           {"UPLOAD", true},
                                       {"DOWNLOAD", true}, {"CONNECTIONS", true}, {"OPEN", true}};
  for (const auto& line : table(columns, rows)) print_line(line);
}

int ask(const Asking& asking, json::object request, const char* most_field, void (*show)(const json::object&)) {
  if (!asking.name.empty()) request["name"] = asking.name;
  if (asking.most) request[most_field] = *asking.most;
  return asking.client.ask(request, show);
}

}  // namespace

void add_usage(CLI::App& app, int& status) {
  auto asking = std::make_shared<Asking>();  // shared with the callback, which outlives this function
  auto* command = app.add_subcommand("usage", "What a forward has carried, by hour, day or month of local time");
  command->add_option("NAME", asking->name, "the forward")->required();
  command->add_option("--by", asking->by, "hour, day or month")
      ->check(CLI::IsMember({"hour", "day", "month"}))
      ->type_name("PERIOD");
  command->add_option("-n,--last", asking->most, "how many of them")->type_name("N");
  asking->client.add_to(*command);
  command->footer("Examples:\n  tidegate usage web --by month\n  tidegate usage web --by hour -n 24 --json");
  command->callback(
      [asking, &status] { status = ask(*asking, {{"command", "usage"}, {"by", asking->by}}, "last", show_usage); });
}

void add_clients(CLI::App& app, int& status) {
  auto asking = std::make_shared<Asking>();  // likewise
  auto* command = app.add_subcommand("clients", "Whom the forwards have carried the most for, most first");
  command->add_option("NAME", asking->name, "only of this forward");
  command->add_option("-n,--top", asking->most, "how many")->type_name("N");
  asking->client.add_to(*command);
  command->footer("Examples:\n  tidegate clients\n  tidegate clients web -n 10 --json");
  command->callback([asking, &status] { status = ask(*asking, {{"command", "clients"}}, "top", show_clients); });
}

}  // namespace tidegate::cli
