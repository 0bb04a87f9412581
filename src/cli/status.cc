// tidegate status: every service and every forward, a line each.
#include <boost/json.hpp>

#include "cli/client.h"
#include "cli/command.h"
#include "cli/fields.h"
#include "cli/forward_view.h"
#include "cli/print.h"
#include "cli/queue_view.h"

namespace tidegate::cli {

namespace {

std::vector<std::string> row(const boost::json::object& service) {
  std::string woken_by = text_of(service, "cause");
  if (const auto* packet = service.at("woken_by").if_object()) {
    woken_by = fmt::format("{} {}/{}", text_of(*packet, "source"), text_of(*packet, "protocol"),
                           text_of(*packet, "destination").substr(text_of(*packet, "destination").rfind(':') + 1));
  }
  std::vector<std::string> cells{text_of(service, "name"),
                                 text_of(service, "state"),
                                 duration_of(service, "for_seconds") + " ago",
                                 duration_of(service, "sleeps_in_seconds"),
                                 woken_by.empty() ? "–" : woken_by,
                                 count_of(service, "clients"),
                                 bytes_of(service, "bytes_in"),
                                 bytes_of(service, "bytes_out")};
  if (auto error = text_of(service, "error"); !error.empty()) {
    const auto retry = number_of(service, "retry_in_seconds");
    cells.push_back(error + (retry ? ", again in " + duration_of(service, "retry_in_seconds") : ""));
  }
  return cells;
}

void show_status(const boost::json::object& answer) {
  std::vector<std::vector<std::string>> rows;
  for (const auto& service : answer.at("services").as_array()) rows.push_back(row(service.as_object()));
  const std::vector<Column> columns = {{"SERVICE"},  {"STATE"},         {"SINCE"},    {"SLEEPS IN"},
                                       {"WOKEN BY"}, {"CLIENTS", true}, {"IN", true}, {"OUT", true}};
  const auto forwards = forward_table(answer);
  if (!rows.empty() || forwards.empty()) {
    for (const auto& line : table(columns, rows)) print_line(line);
    if (!forwards.empty()) print_line("");
  }
  for (const auto& line : forwards) print_line(line);
  for (const auto& value : answer.at("services").as_array()) {
    const auto* const device = value.at("device").if_object();
    if (device != nullptr && !text_of(*device, "trouble").empty())
      print_line(fmt::format("{}: not held: {}", text_of(*device, "name"), text_of(*device, "trouble")));
  }
  for (const auto& value : answer.at("services").as_array()) {
    const auto* const queue = value.at("queue").if_object();
    if (queue == nullptr) continue;
    const auto name = text_of(value.as_object(), "name");
    if (number_of(*queue, "waiting").value_or(0) > 0)
      print_line(fmt::format("{}: {} in the queue", name, queue_waiting(*queue)));
    if (const auto drops = queue_drops(*queue); !drops.empty())
      print_line(fmt::format("{}: of its packets in the queue {}", name, drops));
  }
  for (const auto& value : answer.at("sensors").as_array()) {
    const auto& sensor = value.as_object();
    if (!sensor.at("listening").as_bool())
      print_line(fmt::format("{}: not listening: {}", text_of(sensor, "name"), text_of(sensor, "trouble")));
    const auto dropped =
        number_of(sensor, "dropped_kernel").value_or(0) + number_of(sensor, "dropped_interface").value_or(0);
    if (dropped > 0)
      print_line(fmt::format("{}: {:.0f} packets were lost before they were seen", text_of(sensor, "name"), dropped));
    else if (number_of(sensor, "overruns").value_or(0) > 0)
      print_line(fmt::format("{}: packets were lost before they were seen", text_of(sensor, "name")));
  }
}

}  // namespace

void add_status(CLI::App& app, int& status) {
  auto flags = std::make_shared<ClientFlags>();  // shared with the callback, which outlives this function
  auto* command = app.add_subcommand(
      "status", "Every service of the running daemon: its state, who woke it, when it sleeps; and every forward");
  flags->add_to(*command);
  command->footer("Examples:\n  tidegate status\n  tidegate status --json");
  command->callback([flags, &status] { status = flags->ask({{"command", "status"}}, show_status); });
}

}  // namespace tidegate::cli
