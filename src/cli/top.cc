// tidegate top: the running daemon's services, forwards, clients, watches and events, live.
#include <unistd.h>

#include <algorithm>
#include <boost/asio.hpp>
#include <boost/json.hpp>
#include <span>

#include "api/json_text.h"
#include "base/units.h"
#include "cli/ask.h"
#include "cli/client.h"
#include "cli/command.h"
#include "cli/print.h"
#include "cli/top_board.h"
#include "console/console.h"
#include "console/locale.h"
#include "console/plain.h"
#include "console/until_first.h"

namespace tidegate::cli {

namespace asio = boost::asio;
namespace json = boost::json;

namespace {

constexpr Duration kPatience = std::chrono::seconds{10};
constexpr Duration kShortest = std::chrono::milliseconds{100};
constexpr std::size_t kClients = 100;
constexpr std::size_t kMostEvents = 100;

struct TopFlags {
  ClientFlags client;
  std::string interval = "1s";
  std::string format = "text";
  bool once = false;
};

Now now() { return {std::chrono::steady_clock::now(), std::chrono::system_clock::now()}; }

json::array only_objects(std::span<json::value> values) {
  json::array objects;
  objects.reserve(values.size());
  for (auto& value : values) {
    if (value.is_object()) objects.push_back(std::move(value));
  }
  return objects;
}

// The objects of the one list that is the answer.
asio::awaitable<Result<json::array>> ask_list(const std::string& path, std::string_view name, json::object question) {
  auto answer = co_await ask_daemon(path, std::move(question), kPatience);
  if (!answer) co_return std::unexpected{std::move(answer.error())};
  if (answer->empty() || !answer->front().is_object()) co_return json::array{};
  auto* const list = answer->front().get_object().if_contains(name);
  co_return list != nullptr && list->is_array() ? only_objects(list->get_array()) : json::array{};
}

// Everything that is shown, asked at one moment.
asio::awaitable<Result<TopAnswers>> ask_all(const std::string& path) {
  TopAnswers answers;
  auto status = co_await ask_daemon(path, {{"command", "status"}}, kPatience);
  if (!status) co_return std::unexpected{std::move(status.error())};
  if (status->empty() || !status->front().is_object())
    co_return failure("read {}: there is no status in the answer", path);
  answers.status = std::move(status->front().get_object());
  auto clients = co_await ask_list(path, "clients", {{"command", "clients"}, {"top", kClients}});
  if (!clients) co_return std::unexpected{std::move(clients.error())};
  answers.clients = std::move(*clients);
  auto watches = co_await ask_list(path, "watches", {{"command", "watches"}});
  if (!watches) co_return std::unexpected{std::move(watches.error())};
  answers.watches = std::move(*watches);
  auto events = co_await ask_daemon(path, {{"command", "events"}, {"last", kMostEvents}}, kPatience);
  if (!events) co_return std::unexpected{std::move(events.error())};
  answers.events = only_objects(*events);
  co_return answers;
}

class Top {
 public:
  Top(std::string path, Duration interval, std::string format)
      : path_{std::move(path)}, interval_{interval}, format_{std::move(format)}, board_{path_} {}

  // Asks once. The error: there is nothing to show.
  Result<> look() {
    Result<> looked;
    run([&]() -> asio::awaitable<void> { looked = co_await look_once(); });
    return looked;
  }

  // On the terminal until the reader quits.
  void show(console::Console& console) {
    run([&]() -> asio::awaitable<void> {
      co_await console::until_first(console.run(std::nullopt), follow([&] { return show_on(console); }));
    });
  }

  // Line by line, while somebody reads.
  void print_all() {
    run([&]() -> asio::awaitable<void> {
      if (print()) co_await follow([&] { return print(); });
    });
  }

  // The newest answers. False: nobody reads any more.
  bool print();

  asio::any_io_executor executor() { return io_.get_executor(); }
  TopBoard& board() { return board_; }

 private:
  template <class Task>
  void run(Task task) {
    io_.restart();
    asio::co_spawn(io_, task, [](const std::exception_ptr& trouble) {
      if (trouble) std::rethrow_exception(trouble);
    });
    io_.run();
  }

  asio::awaitable<Result<>> look_once() {
    auto answers = co_await ask_all(path_);
    if (!answers) co_return std::unexpected{std::move(answers.error())};
    board_.take(std::move(*answers), now());
    co_return Result<>{};
  }

  // Asks each interval, and calls `told` whether there was an answer or not, until that gives false.
  template <class Told>
  asio::awaitable<void> follow(Told told) {
    asio::steady_timer timer{io_};
    while (true) {
      timer.expires_after(interval_);
      co_await timer.async_wait(asio::use_awaitable);
      trouble_.clear();
      if (const auto looked = co_await look_once(); !looked) board_.miss(trouble_ = looked.error().what);
      if (!told()) co_return;
    }
  }

  static bool show_on(console::Console& console) {
    console.refresh();
    return true;
  }

  [[nodiscard]] console::View view_of_news();

  std::string path_;
  Duration interval_;
  std::string format_;
  console::Charset charset_ = console::charset_of_environment();
  asio::io_context io_;
  TopBoard board_;
  std::string trouble_;     // of the last question
  bool titled_ = false;     // the CSV's titles are printed
  std::string last_event_;  // the newest that was printed: its time and words
};

// The view with the events that have not been printed yet.
console::View Top::view_of_news() {
  auto view = board_.view();
  const auto words = [](const console::Message& message) { return message.at + " " + message.text; };
  const auto known = std::ranges::find(view.messages, last_event_, words);
  view.messages.erase(known, view.messages.end());
  if (!view.messages.empty()) last_event_ = words(view.messages.front());
  return view;
}

bool Top::print() {
  if (!trouble_.empty()) {
    complain(trouble_, kFailed);
    return true;
  }
  if (format_ == "json") return print_line(json_text(board_.object()));
  std::vector<std::string> lines;
  if (format_ == "csv") {
    lines = board_.csv();
    if (!std::exchange(titled_, true)) lines.insert(lines.begin(), std::string{TopBoard::kCsvTitles});
  } else {
    lines = console::plain_lines(view_of_news(), charset_);
  }
  return std::ranges::all_of(lines, [](const std::string& line) { return print_line(line); });
}

int show_top(const TopFlags& flags) {
  const auto interval = parse_duration(flags.interval);
  if (!interval) return complain("--interval: " + interval.error().what, kUsage);
  if (*interval < kShortest)
    return complain(
        fmt::format("--interval: {} is too short (at least {})", flags.interval, config_duration(kShortest)), kUsage);
  const auto path = flags.client.socket_path();
  if (!path) return complain(path.error().what, kUsage);
  Top top{*path, *interval, flags.client.json ? "json" : flags.format};
  if (const auto looked = top.look(); !looked) return complain(looked.error().what, kFailed);
  if (flags.once) return top.print() ? kDone : kFailed;
  if (flags.format == "text" && !flags.client.json && ::isatty(STDOUT_FILENO) != 0) {
    const auto act = [&](console::Action action) {
      if (action == console::Action::reset) top.board().reset();
      if (action == console::Action::next_window) top.board().next_window();
    };
    const auto console =
        console::Console::open(top.executor(), {.view = [&] { return top.board().view(); }, .act = act});
    if (console) {
      top.show(**console);
      return kDone;
    }
    complain(console.error().what + "; plain lines follow", kDone);
  }
  top.print_all();
  return kDone;
}

}  // namespace

void add_top(CLI::App& app, int& status) {
  auto flags = std::make_shared<TopFlags>();  // shared with the callback, which outlives this function
  auto* command = app.add_subcommand(
      "top", "Services, forwards, clients, HTTP and events of the running daemon, live; `?` shows the keys");
  command->add_option("--interval", flags->interval, "how often it looks")->type_name("DURATION");
  command->add_option("--format", flags->format, "text (a screen, where there is a terminal), json or csv")
      ->check(CLI::IsMember({"text", "json", "csv"}))
      ->type_name("FORMAT");
  command->add_flag("--once", flags->once, "print what there is now, and end");
  flags->client.add_to(*command);
  command->footer("Examples:\n  tidegate top\n  tidegate top --once --format json");
  command->callback([flags, &status] { status = show_top(*flags); });
}

}  // namespace tidegate::cli
