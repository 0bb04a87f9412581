// tidegate quota: how far each quota is used; to begin anew or to have more, at once.
#include <boost/json.hpp>

#include "api/json_text.h"
#include "base/text.h"
#include "cli/client.h"
#include "cli/command.h"
#include "cli/fields.h"
#include "cli/print.h"

namespace tidegate::cli {

namespace json = boost::json;

namespace {

std::string state_of(const json::object& quota) {
  const auto* const exceeded = quota.if_contains("exceeded");
  return exceeded != nullptr && exceeded->is_bool() && exceeded->get_bool() ? "reached" : "open";
}

std::string period_of(const json::object& quota) {
  const auto every = text_of(quota, "every");
  return every == "none" ? "–" : every;
}

std::string end_of(const json::object& quota) {
  const auto ends = text_of(quota, "ends");
  return ends.empty() ? "–" : local_time(ends);
}

std::string forwards_of(const json::object& quota) {
  std::string names;
  for (const auto& name : quota.at("forwards").as_array())
    names += (names.empty() ? "" : ", ") + std::string{name.as_string()};
  return names;
}

void show_all(const json::object& answer) {
  std::vector<std::vector<std::string>> rows;
  for (const auto& value : answer.at("quotas").as_array()) {
    const auto& quota = value.as_object();
    rows.push_back({text_of(quota, "key"), state_of(quota), bytes_of(quota, "used"), bytes_of(quota, "bytes"),
                    bytes_of(quota, "left"), fmt::format("{:.1f} %", number_of(quota, "percentage").value_or(0)),
                    period_of(quota), end_of(quota), text_of(quota, "action"), forwards_of(quota)});
  }
  if (rows.empty()) {
    print_line("there are no quotas");
    return;
  }
  const std::vector<Column> columns = {{"QUOTA"},       {"STATE"}, {"USED", true}, {"OF", true}, {"LEFT", true},
                                       {"SHARE", true}, {"EVERY"}, {"ENDS"},       {"ACTION"},   {"FORWARDS"}};
  for (const auto& line : table(columns, rows)) print_line(line);
}

void show_quota(const json::object& quota) {
  print_line(fmt::format("{} is {}: {} of {} used ({:.1f} %), {} left", text_of(quota, "key"), state_of(quota),
                         bytes_of(quota, "used"), bytes_of(quota, "bytes"), number_of(quota, "percentage").value_or(0),
                         bytes_of(quota, "left")));
  print_line("  forwards  " + forwards_of(quota));
  print_line("  counts    " + text_of(quota, "count"));
  print_line("  action    " + text_of(quota, "action"));
  if (const auto ends = end_of(quota); ends != "–") {
    const auto starts = text_of(quota, "starts");
    print_line(fmt::format("  period    {}{}until {}", period_of(quota),
                           starts.empty() ? ", " : fmt::format(", from {} ", local_time(starts)), ends));
  }
}

struct Asking {
  ClientFlags client;
  std::string key;
  std::string bytes;
};

int ask_all(const Asking& asking) { return asking.client.ask({{"command", "quotas"}}, show_all); }

// One of those that the daemon lists.
int ask_one(const Asking& asking) {
  auto client = asking.client;
  client.json = false;  // the one quota is printed here, not the whole answer
  bool found = false;
  const int status = client.ask({{"command", "quotas"}}, [&](const json::object& answer) {
    for (const auto& value : answer.at("quotas").as_array()) {
      if (found || text_of(value.as_object(), "key") != asking.key) continue;
      found = true;
      if (asking.client.json) {
        print_line(json_text(value));
      } else {
        show_quota(value.as_object());
      }
    }
  });
  if (status != kDone || found) return status;
  return complain(fmt::format("there is no quota \"{}\" (tidegate quota shows them)", printable(asking.key)), kFailed);
}

int reset(const Asking& asking) {
  return asking.client.ask({{"command", "quota_reset"}, {"key", asking.key}}, show_quota);
}

int raise(const Asking& asking) {
  const auto bytes = parse_bytes(asking.bytes);
  if (!bytes) return complain("quota raise: " + bytes.error().what, kUsage);
  return asking.client.ask({{"command", "quota_raise"}, {"key", asking.key}, {"bytes", *bytes}}, show_quota);
}

struct Verb {
  const char* name;
  const char* description;
  bool has_key;
  bool has_bytes;
  int (*ask)(const Asking& asking);
  const char* examples;
};

constexpr std::array kVerbs = {
    Verb{"list", "Every quota, a line each", false, false, ask_all,
         "Examples:\n  tidegate quota list\n  tidegate quota list --json"},
    Verb{"show", "One quota: how far it is used, and until when it counts", true, false, ask_one,
         "Examples:\n  tidegate quota show web/limit\n  tidegate quota show web/limit --json"},
    Verb{"reset", "Begin to count anew, at once", true, false, reset,
         "Examples:\n  tidegate quota reset web/limit\n  tidegate quota reset family --json"},
    Verb{"raise", "Give it more for its present period; where it has none, for good", true, true, raise,
         "Examples:\n  tidegate quota raise web/limit 10GB\n  tidegate quota raise family 500MB"},
};

}  // namespace

void add_quota(CLI::App& app, int& status) {
  auto asking = std::make_shared<Asking>();  // shared with the callbacks, which outlive this function
  auto* command = app.add_subcommand("quota", "The quotas of the running daemon's forwards: how far each is used");
  command->require_subcommand(0, 1);
  asking->client.add_to(*command);  // the same in front of a subcommand and behind it
  for (const auto& verb : kVerbs) {
    auto* const sub = command->add_subcommand(verb.name, verb.description);
    if (verb.has_key) sub->add_option("KEY", asking->key, "the quota, as `tidegate quota` calls it")->required();
    if (verb.has_bytes) sub->add_option("SIZE", asking->bytes, "how much more: 10GB")->required();
    asking->client.add_to(*sub);
    sub->footer(verb.examples);
    sub->callback([asking, ask = verb.ask, &status] { status = ask(*asking); });
  }
  command->footer("Examples:\n  tidegate quota\n  tidegate quota raise web/limit 10GB");
  command->callback([=, &status] {
    if (command->get_subcommands().empty()) status = ask_all(*asking);
  });
}

}  // namespace tidegate::cli
