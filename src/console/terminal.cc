#include "console/terminal.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cwchar>
#include <span>
#include <string>
#include <string_view>

#include "base/fd.h"
#include "base/text.h"
#include "console/locale.h"
#include "console/rescue.h"

#define NCURSES_NOMACROS 1  // `clear`, `move` and others would be macros
#include <curses.h>

namespace tidegate::console {

namespace {

constexpr const char* kPath = "/dev/tty";
constexpr int kEscapeWait = 25;  // milliseconds, for the rest of a key's sequence

struct CloseFile {
  void operator()(std::FILE* file) const { std::fclose(file); }
};
using File = std::unique_ptr<std::FILE, CloseFile>;

// ncurses takes signals over when it starts. They are not its to handle here.
class KeptSignals {
 public:
  KeptSignals() {
    for (std::size_t i = 0; i < kAll.size(); ++i) ::sigaction(kAll[i], nullptr, &before_[i]);
  }
  ~KeptSignals() {
    for (std::size_t i = 0; i < kAll.size(); ++i) ::sigaction(kAll[i], &before_[i], nullptr);
  }
  KeptSignals(const KeptSignals&) = delete;
  KeptSignals& operator=(const KeptSignals&) = delete;

 private:
  static constexpr std::array kAll = {SIGINT, SIGTERM, SIGTSTP, SIGWINCH};
  std::array<struct sigaction, kAll.size()> before_{};
};

// A terminfo string without its padding ("$<5>"), which only tputs() understands.
std::string capability(const char* name) {
  const char* const found = ::tigetstr(name);
  if (found == nullptr || found == reinterpret_cast<const char*>(-1)) return {};  // NOLINT: that is how it says so
  std::string text{found};
  for (auto start = text.find("$<"); start != std::string::npos; start = text.find("$<", start))
    text.erase(start, text.find('>', start) - start + 1);
  return text;
}

struct NamedKey {
  wint_t code;
  Key::Name name;
};

constexpr std::array kFunctionKeys = {
    NamedKey{KEY_UP, Key::Name::up},
    NamedKey{KEY_DOWN, Key::Name::down},
    NamedKey{KEY_PPAGE, Key::Name::page_up},
    NamedKey{KEY_NPAGE, Key::Name::page_down},
    NamedKey{KEY_HOME, Key::Name::home},
    NamedKey{KEY_END, Key::Name::end},
    NamedKey{KEY_BTAB, Key::Name::back_tab},
    NamedKey{KEY_ENTER, Key::Name::enter},
    NamedKey{KEY_BACKSPACE, Key::Name::backspace},
};
constexpr std::array kCharacterKeys = {
    NamedKey{L'\t', Key::Name::tab}, NamedKey{L'\r', Key::Name::enter},   NamedKey{L'\n', Key::Name::enter},
    NamedKey{27, Key::Name::escape}, NamedKey{127, Key::Name::backspace}, NamedKey{8, Key::Name::backspace},
};

std::optional<Key> named(std::span<const NamedKey> keys, wint_t code) {
  for (const auto& candidate : keys) {
    if (candidate.code == code) return key(candidate.name);
  }
  return std::nullopt;
}

constexpr short kGood = 1;  // pairs of colours
constexpr short kWarning = 2;
constexpr short kBad = 3;
constexpr short kAccent = 4;

// Each style with colours, and without any.
struct Look {
  attr_t with;
  short pair;
  attr_t without;
};

Look look_of(Style style) {
  switch (style) {
    case Style::plain:
      return {A_NORMAL, 0, A_NORMAL};
    case Style::faint:
      return {A_DIM, 0, A_NORMAL};
    case Style::good:
      return {A_NORMAL, kGood, A_NORMAL};
    case Style::warning:
      return {A_NORMAL, kWarning, A_BOLD};
    case Style::bad:
      return {A_BOLD, kBad, A_BOLD};
    case Style::title:
      return {A_BOLD, kAccent, A_BOLD};
    case Style::header:
      return {A_UNDERLINE, 0, A_UNDERLINE};
    case Style::focus:
      return {A_UNDERLINE | A_BOLD, kAccent, A_UNDERLINE | A_BOLD};
    case Style::chosen:
      return {A_REVERSE, 0, A_REVERSE};
    case Style::key:
      return {A_BOLD, kAccent, A_BOLD};
  }
  return {A_NORMAL, 0, A_NORMAL};
}

bool colours_wanted() {
  const char* const no = std::getenv("NO_COLOR");  // https://no-color.org
  return no == nullptr || *no == '\0';
}

// Stops the process by the signal's own default, which the shell above is told of. Where there is none to let it go on
// (an orphaned process group: `ssh -t host tidegate top`), the kernel discards the signal, and this returns at once.
void stop_as_usual() {
  struct sigaction usual{};
  usual.sa_handler = SIG_DFL;
  struct sigaction handled{};
  ::sigaction(SIGTSTP, &usual, &handled);
  sigset_t stop{};
  sigset_t blocked{};
  ::sigemptyset(&stop);
  ::sigaddset(&stop, SIGTSTP);
  ::raise(SIGTSTP);
  ::pthread_sigmask(SIG_UNBLOCK, &stop, &blocked);  // where it was blocked, it stops here
  ::pthread_sigmask(SIG_SETMASK, &blocked, nullptr);
  ::sigaction(SIGTSTP, &handled, nullptr);
}

// What the C library calls unprintable would become more than one place.
wchar_t shown(char32_t c) {
  const auto wide = static_cast<wchar_t>(c);
  return ::wcwidth(wide) > 0 ? wide : L'?';
}

}  // namespace

struct Terminal::Impl {
  File input;
  File output;
  termios line{};
  Charset charset = Charset::ascii;
  bool colours = false;
  SCREEN* screen = nullptr;
  std::optional<Rescue> rescue;

  Impl() = default;
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;
  ~Impl() {
    if (screen == nullptr) return;
    ::endwin();
    ::tcsetattr(::fileno(input.get()), TCSADRAIN, &line);
    rescue.reset();
    ::delscreen(screen);
  }

  Result<> start();
  void set_up() const;
  void look_at_size() const;
};

Result<> Terminal::Impl::start() {
  Fd reading{::open(kPath, O_RDWR | O_CLOEXEC | O_NOCTTY)};
  if (!reading) return system_failure(fmt::format("open {}", kPath));
  Fd writing{::open(kPath, O_RDWR | O_CLOEXEC | O_NOCTTY)};
  if (!writing) return system_failure(fmt::format("open {}", kPath));
  if (::tcgetattr(reading.get(), &line) != 0) return system_failure(fmt::format("read the settings of {}", kPath));
  input.reset(::fdopen(reading.get(), "r"));
  if (!input) return system_failure(fmt::format("open {}", kPath));
  [[maybe_unused]] const int read_by_file = reading.release();
  output.reset(::fdopen(writing.get(), "w"));
  if (!output) return system_failure(fmt::format("open {}", kPath));
  [[maybe_unused]] const int written_by_file = writing.release();

  charset = charset_of_environment();
  const KeptSignals kept;
  screen = ::newterm(nullptr, output.get(), input.get());
  if (screen == nullptr) return failure("TERM={}: no such terminal is known", printable(std::getenv("TERM")));
  const auto leave = capability("rmcup");
  rescue.emplace(::fileno(output.get()), line,
                 capability("sgr0") + capability("rmkx") + capability("cnorm") + (leave.empty() ? "\r\n" : leave));
  if (capability("cup").empty())
    return failure("TERM={}: this terminal cannot place characters", printable(std::getenv("TERM")));
  set_up();
  return {};
}

void Terminal::Impl::set_up() const {
  ::set_escdelay(kEscapeWait);
  ::cbreak();
  ::noecho();
  ::nonl();
  ::keypad(stdscr, TRUE);
  ::nodelay(stdscr, TRUE);
  ::intrflush(stdscr, FALSE);
  ::leaveok(stdscr, TRUE);
  ::curs_set(0);
  look_at_size();
}

void Terminal::Impl::look_at_size() const {
  winsize now{};
  if (::ioctl(::fileno(output.get()), TIOCGWINSZ, &now) == 0 && now.ws_col > 0 && now.ws_row > 0)
    ::resizeterm(now.ws_row, now.ws_col);
}

Result<std::unique_ptr<Terminal>> Terminal::open() {
  if (::isatty(STDOUT_FILENO) == 0) return failure("standard output is not a terminal");
  const char* const name = std::getenv("TERM");
  if (name == nullptr || *name == '\0') return failure("TERM is not set, so it is not known what this terminal can do");
  if (std::string_view{name} == "dumb") return failure("TERM=dumb: this terminal cannot place characters");
  auto impl = std::make_unique<Impl>();
  if (const auto started = impl->start(); !started) return std::unexpected{started.error()};
  if (colours_wanted() && ::has_colors() && ::start_color() == OK) {
    impl->colours = true;
    const short background = ::use_default_colors() == OK ? -1 : COLOR_BLACK;
    ::init_pair(kGood, COLOR_GREEN, background);
    ::init_pair(kWarning, COLOR_YELLOW, background);
    ::init_pair(kBad, COLOR_RED, background);
    ::init_pair(kAccent, COLOR_CYAN, background);
  }
  return std::unique_ptr<Terminal>{new Terminal{std::move(impl)}};
}

Terminal::Terminal(std::unique_ptr<Impl> impl) : impl_{std::move(impl)} {}
Terminal::~Terminal() = default;

int Terminal::descriptor() const { return ::fileno(impl_->input.get()); }

bool Terminal::gone() const {
  pollfd asked{.fd = descriptor(), .events = POLLIN, .revents = 0};
  return ::poll(&asked, 1, 0) > 0 && (asked.revents & (POLLHUP | POLLERR | POLLNVAL)) != 0;
}

std::optional<Key> Terminal::read() {
  wint_t code = 0;
  switch (::wget_wch(stdscr, &code)) {
    case KEY_CODE_YES:
      return named(kFunctionKeys, code).value_or(key(U'\0'));  // one that nobody has bound
    case OK:
      return named(kCharacterKeys, code).value_or(key(static_cast<char32_t>(code)));
    default:
      return std::nullopt;
  }
}

Size Terminal::size() const {
  return {.columns = static_cast<std::size_t>(::getmaxx(stdscr)), .rows = static_cast<std::size_t>(::getmaxy(stdscr))};
}

Charset Terminal::charset() const { return impl_->charset; }

void Terminal::draw(const Grid& grid) {
  const auto [columns, rows] = grid.size();
  ::werase(stdscr);
  for (std::size_t row = 0; row < rows; ++row) {
    for (std::size_t column = 0; column < columns; ++column) {
      const auto& [glyph, style] = grid.at(column, row);
      if (glyph.columns == 0) continue;
      const std::array<wchar_t, Glyph::kMostMarks + 2> text{
          shown(glyph.base), static_cast<wchar_t>(glyph.marks[0]),
          glyph.marks[0] == 0 ? L'\0' : static_cast<wchar_t>(glyph.marks[1]), L'\0'};
      const auto look = look_of(style);
      cchar_t place{};
      ::setcchar(&place, text.data(), impl_->colours ? look.with : look.without, impl_->colours ? look.pair : short{0},
                 nullptr);
      ::mvwadd_wch(stdscr, static_cast<int>(row), static_cast<int>(column), &place);
    }
  }
  ::wrefresh(stdscr);
}

void Terminal::resize() { impl_->look_at_size(); }

void Terminal::suspend() {
  ::endwin();
  Rescue::set_needed(false);
  stop_as_usual();
  resume();
}

void Terminal::resume() {
  if (!::isendwin()) ::endwin();  // what was done to the line meanwhile is not what should be restored
  Rescue::set_needed(true);
  impl_->look_at_size();
  ::clearok(stdscr, TRUE);
}

}  // namespace tidegate::console
