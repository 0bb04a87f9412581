#include "console/console.h"

#include <boost/asio.hpp>
#include <csignal>

#include "console/layout.h"
#include "console/terminal.h"
#include "console/until_first.h"

namespace tidegate::console {

namespace asio = boost::asio;

struct Console::Impl {
  explicit Impl(const asio::any_io_executor& executor) : signals{executor}, keys{executor}, ticks{executor} {}
  ~Impl() { [[maybe_unused]] const int still_of_terminal = keys.release(); }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  void refresh() {
    if (!state.paused()) view = hooks.view();
    draw();
  }

  void draw() {
    const auto screen = lay_out(view, state, terminal->size(), terminal->charset());
    state.set_page(screen.page);
    state.set_columns(screen.columns);
    terminal->draw(screen.grid);
  }

  // False: the reader quits.
  bool obey(const Key& key) {
    const auto action = state.press(key, view);
    switch (action) {
      case Action::none:
        return true;
      case Action::quit:
        return false;
      case Action::redraw:
        draw();
        return true;
      case Action::refresh:
        refresh();
        return true;
      case Action::reset:
      case Action::next_window:
        hooks.act(action);
        view = hooks.view();  // in a pause, too: it was asked for
        draw();
        return true;
    }
    return true;
  }

  asio::awaitable<void> obey_keys();
  asio::awaitable<void> obey_signals();
  asio::awaitable<void> keep_up(std::optional<Duration> interval);

  // In this order: while the terminal is ours, so are the signals that end the process.
  asio::signal_set signals;
  std::unique_ptr<Terminal> terminal;
  asio::posix::stream_descriptor keys;
  asio::steady_timer ticks;
  ConsoleHooks hooks;
  ConsoleState state;
  View view;
};

asio::awaitable<void> Console::Impl::obey_keys() {
  while (true) {
    boost::system::error_code error;
    co_await keys.async_wait(asio::posix::descriptor_base::wait_read, asio::redirect_error(asio::use_awaitable, error));
    if (error) co_return;
    while (const auto key = terminal->read()) {
      if (!obey(*key)) co_return;
    }
    if (terminal->gone()) co_return;
  }
}

asio::awaitable<void> Console::Impl::obey_signals() {
  while (true) {
    const int signal = co_await signals.async_wait(asio::use_awaitable);
    switch (signal) {
      case SIGWINCH:
        terminal->resize();
        break;
      case SIGTSTP:
        terminal->suspend();
        break;
      case SIGCONT:
        terminal->resume();
        break;
      default:
        co_return;  // it is to end
    }
    draw();
  }
}

// A tick that is late is not made up for: the next one comes a whole interval later.
asio::awaitable<void> Console::Impl::keep_up(std::optional<Duration> interval) {
  while (true) {
    refresh();
    ticks.expires_at(interval ? asio::steady_timer::clock_type::now() + *interval
                              : asio::steady_timer::time_point::max());
    co_await ticks.async_wait(asio::use_awaitable);
  }
}

Result<std::unique_ptr<Console>> Console::open(const asio::any_io_executor& executor, ConsoleHooks hooks) {
  auto impl = std::make_unique<Impl>(executor);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGWINCH, SIGTSTP, SIGCONT}) impl->signals.add(signal);
  auto terminal = Terminal::open();
  if (!terminal) return std::unexpected{std::move(terminal.error())};
  impl->terminal = std::move(*terminal);
  impl->keys.assign(impl->terminal->descriptor());
  impl->hooks = std::move(hooks);
  return std::unique_ptr<Console>{new Console{std::move(impl)}};
}

Console::Console(std::unique_ptr<Impl> impl) : impl_{std::move(impl)} {}
Console::~Console() = default;

asio::awaitable<void> Console::run(std::optional<Duration> interval) {
  co_await until_first(impl_->obey_keys(), impl_->obey_signals(), impl_->keep_up(interval));
}

void Console::refresh() { impl_->refresh(); }

}  // namespace tidegate::console
