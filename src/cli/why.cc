// tidegate why NAME: what woke it, what keeps it up, when it will sleep.
#include <fmt/ranges.h>

#include <boost/json.hpp>

#include "base/text.h"
#include "cli/client.h"
#include "cli/command.h"
#include "cli/fields.h"
#include "cli/print.h"
#include "cli/queue_view.h"

namespace tidegate::cli {

namespace {

constexpr std::size_t kMostClients = 10;

std::string upper(std::string text) {
  for (char& c : text) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return text;
}

void show_keepers(const boost::json::object& answer) {
  print_line("kept awake by");
  std::vector<std::string> clients;
  const auto& list = answer.at("client_list").as_array();
  for (const auto& value : list) {
    if (clients.size() == kMostClients) break;
    const auto& client = value.as_object();
    if (const auto open = number_of(client, "open")) {
      clients.push_back(fmt::format("{} ({:.0f} open)", text_of(client, "client"), *open));
      continue;
    }
    clients.push_back(fmt::format("{} ({}{} ago)", text_of(client, "client"), clients.empty() ? "last packet " : "",
                                  duration_of(client, "last_seconds_ago")));
  }
  if (!clients.empty()) {
    print_line(fmt::format("  {} client{}: {}{}", list.size(), list.size() == 1 ? "" : "s", fmt::join(clients, ", "),
                           list.size() > kMostClients ? ", …" : ""));
  }
  const auto kept_by = text_of(answer, "kept_by");
  if (kept_by == "keep")
    print_line("  an operator, until " + text_of(answer, "keep_until"));
  else if (!kept_by.empty())
    print_line("  " + kept_by);
  if (clients.empty() && kept_by.empty())
    print_line(fmt::format("  nothing but its idle time of {}", duration_of(answer, "idle_seconds")));
}

// "tun0 (tun), held, 12 packets discarded".
std::string device_of(const boost::json::object& device) {
  const auto trouble = text_of(device, "trouble");
  const auto held = device.at("held").as_bool();
  return fmt::format("{} ({}), {}{}", text_of(device, "name"), text_of(device, "mode"),
                     held              ? "held, " + count_of(device, "packets") + " packets discarded"
                     : trouble.empty() ? "let go, for it to take"
                                       : "not held: ",
                     trouble);
}

// "3 packets of 2 clients wait; 120 went on, 4 dropped (1 no room, 3 start failed)".
std::string queue_of(const boost::json::object& queue) {
  auto text = fmt::format("{}; {} went on", queue_waiting(queue), count_of(queue, "let_go"));
  if (const auto drops = queue_drops(queue); !drops.empty()) text += ", " + drops;
  return text;
}

void show_reasons(const boost::json::object& answer) {
  const auto since = number_of(answer, "for_seconds").value_or(0);
  const auto state = text_of(answer, "state");
  print_line(fmt::format("{} since {} ({})", state, time_of_day_in(-since), duration_of(answer, "for_seconds")));
  if (const auto* packet = answer.at("woken_by").if_object()) {
    const auto sensor = text_of(*packet, "sensor");
    print_line(fmt::format("  woken by   {} {} → {}, {:.0f} bytes, {}, class {}", upper(text_of(*packet, "protocol")),
                           text_of(*packet, "source"), text_of(*packet, "destination"),
                           number_of(*packet, "bytes").value_or(0),
                           sensor == "queue" ? "held by queue" : "sensor " + sensor, text_of(*packet, "class")));
  } else if (const auto cause = text_of(answer, "cause"); !cause.empty()) {
    print_line("  woken by   " + cause);
  }
  if (const auto took = text_of(answer, "took"); !took.empty()) print_line("  took       " + took);
  if (const auto error = text_of(answer, "error"); !error.empty()) print_line("  trouble    " + error);
  if (const auto* const device = answer.at("device").if_object())
    print_line(fmt::format("  device     {}", device_of(*device)));
  if (const auto* const queue = answer.at("queue").if_object())
    print_line(fmt::format("  queue      {}", queue_of(*queue)));
  if (number_of(answer, "retry_in_seconds"))
    print_line("  tried again in " + duration_of(answer, "retry_in_seconds") + ", if there is traffic");
  if (state != "awake") return;
  show_keepers(answer);
  if (const auto sleeps_in = number_of(answer, "sleeps_in_seconds")) {
    const auto veto = text_of(answer, "veto");
    print_line(fmt::format("would sleep at {}, if nothing more comes{}", time_of_day_in(*sleeps_in),
                           veto.empty() ? "" : "; then veto " + veto + " is asked"));
  }
}

}  // namespace

void add_why(CLI::App& app, int& status) {
  auto flags = std::make_shared<ClientFlags>();  // shared with the callback, which outlives this function
  auto name = std::make_shared<std::string>();   // likewise
  auto* command =
      app.add_subcommand("why", "Why a service is in its state: what woke it, what keeps it up, when it will sleep");
  command->add_option("NAME", *name, "the service")->required();
  flags->add_to(*command);
  command->footer("Examples:\n  tidegate why palworld\n  tidegate why palworld --json");
  command->callback(
      [flags, name, &status] { status = flags->ask({{"command", "why"}, {"name", *name}}, show_reasons); });
}

}  // namespace tidegate::cli
