// Live updates by server-sent events: what GET /api/v1/stream sends.
#include <boost/asio.hpp>
#include <boost/json.hpp>
#include <charconv>
#include <set>

#include "api/json_text.h"
#include "daemon/answers.h"
#include "daemon/follower.h"
#include "daemon/http_api.h"
#include "daemon/http_report.h"
#include "daemon/report.h"
#include "observe/clock.h"

namespace tidegate {

namespace asio = boost::asio;
namespace json = boost::json;

namespace {

constexpr Duration kLook = std::chrono::seconds{1};
constexpr std::size_t kMostMissed = 1000;  // of the events since the client was here last, the newest

struct Message {
  std::string_view event;
  std::string data;
};

// What the client was told last of things of one kind, by name.
class Told {
 public:
  explicit Told(std::string_view event) : event_{event} {}

  // Adds a message where `state` is not what was told.
  void tell(const std::string& name, std::string state, std::string data, std::vector<Message>& messages) {
    present_.insert(name);
    auto& before = states_[name];
    if (before == state) return;
    before = std::move(state);
    messages.push_back({event_, std::move(data)});
  }

  // Adds a message for each that was told and was not there this time.
  void tell_removed(std::vector<Message>& messages) {
    std::erase_if(states_, [&](const auto& told) {
      if (present_.contains(told.first)) return false;
      messages.push_back({event_, json_text(json::object{{"name", told.first}, {"removed", true}})});
      return true;
    });
    present_.clear();
  }

 private:
  std::string_view event_;
  std::map<std::string, std::string> states_;
  std::set<std::string> present_;
};

// All at once, since the daemon's lists may change while a message is being sent.
std::vector<Message> changes(Daemon& daemon, Told& forwards, Told& services, Told& watches) {
  std::vector<Message> messages;
  const auto now = system_now();
  for (const auto& service : daemon.services()) {
    const auto& gate = service->gate();
    services.tell(service->settings().name,
                  fmt::format("{} {}", to_string(gate.state()), gate.since().wall.time_since_epoch().count()),
                  json_text(report::service(*service, now)), messages);
  }
  services.tell_removed(messages);
  for (const auto& view : answers::forward_views(daemon)) {
    const auto text = json_text(report::forward(view, now.instant));
    forwards.tell(view.entry->settings.name, text, text, messages);
  }
  forwards.tell_removed(messages);
  const auto figures = answers::watches(daemon);
  for (const auto& watch : figures.at("watches").as_array()) {
    auto state = watch.as_object();
    for (const auto* const passing : {"at", "covered"}) state.erase(passing);  // time alone is no news
    const std::string name{std::string_view{state.at("watch").as_string()}};
    watches.tell(name, json_text(state), json_text(watch), messages);
  }
  watches.tell_removed(messages);
  return messages;
}

// What a client that was away has not seen: it says by Last-Event-ID which one it saw last (HTML Living Standard, 9.2).
std::vector<EventRow> missed(Daemon& daemon, const ApiRequest& request) {
  const auto last = request.header("last-event-id");
  auto* const books = daemon.forwards().accounting();
  std::int64_t after = 0;
  if (books == nullptr || std::from_chars(last.data(), last.data() + last.size(), after).ec != std::errc{}) return {};
  books->save(system_now().wall);
  auto rows = books->store().events({.most = kMostMissed, .after = after});
  if (!rows) throw HttpError{500, rows.error().what};
  return std::move(*rows);
}

}  // namespace

asio::awaitable<void> stream_changes(HttpApi& api, ApiRequest request, EventStream& client) {
  auto& daemon = api.daemon();
  Follower follower{daemon.history(), daemon.executor(), {}};
  std::int64_t told = 0;
  for (const auto& row : missed(daemon, request)) {
    told = row.id;
    if (!co_await client.send("event", json_text(report::event(row)), std::to_string(row.id))) co_return;
  }
  Told forwards{"forward"};
  Told services{"service"};
  Told watches{"watch"};
  while (true) {
    for (const auto& [event, data] : changes(daemon, forwards, services, watches)) {
      if (!co_await client.send(event, data, {})) co_return;
    }
    const auto look_at = system_now().instant + kLook;
    while (system_now().instant < look_at) {  // also where events never end
      const auto event = co_await follower.next_before(look_at);
      if (!event || (event->id != 0 && event->id <= told)) continue;
      const auto id = event->id == 0 ? std::string{} : std::to_string(event->id);
      if (!co_await client.send("event", json_text(report::event(*event)), id)) co_return;
    }
  }
}

}  // namespace tidegate
