// posix_spawn(3), and a pidfd for each process (pidfd_open(2), waitid(2) with P_PIDFD): no SIGCHLD handler anywhere.
#include "action/child.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <csignal>
#include <cstring>
#include <optional>
#include <string_view>
#include <utility>

#include "action/output.h"
#include "action/proc.h"
#include "base/check.h"
#include "base/fd.h"
#include "host/within.h"

namespace tidegate {

namespace asio = boost::asio;

namespace {

constexpr Duration kGroupPollFirst = std::chrono::milliseconds{1};  // a group's end has no descriptor to wait on
constexpr Duration kGroupPollMost = std::chrono::milliseconds{64};

Fd open_pidfd(pid_t pid) { return Fd{static_cast<int>(::syscall(SYS_pidfd_open, pid, 0))}; }

// For posix_spawn: an argument list that ends with a null pointer. It does not write to the strings.
std::vector<char*> pointers(const std::vector<std::string>& strings) {
  std::vector<char*> list;
  list.reserve(strings.size() + 1);
  for (const std::string& string : strings) list.push_back(const_cast<char*>(string.c_str()));
  list.push_back(nullptr);
  return list;
}

// What systemd gives to the daemon alone (sd_notify(3)): a service would speak in its name.
constexpr std::array<std::string_view, 3> kNotInherited = {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"};

// tidegate's own environment with `added` in place of, or behind, what it has.
std::vector<std::string> environment_with(const Environment& added) {
  std::vector<std::string> all;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text{*entry};
    const std::string_view name = text.substr(0, text.find('='));
    if (std::ranges::find(kNotInherited, name) != kNotInherited.end()) continue;
    if (std::ranges::none_of(added, [&](const auto& pair) { return pair.first == name; })) all.emplace_back(text);
  }
  for (const auto& [name, value] : added) all.push_back(fmt::format("{}={}", name, value));
  return all;
}

// What posix_spawn(3) is told, freed at the end of its scope.
struct FileActions {
  FileActions() { ::posix_spawn_file_actions_init(&value); }
  FileActions(const FileActions&) = delete;
  FileActions& operator=(const FileActions&) = delete;
  ~FileActions() { ::posix_spawn_file_actions_destroy(&value); }
  posix_spawn_file_actions_t value{};
};
struct Attributes {
  Attributes() { ::posix_spawnattr_init(&value); }
  Attributes(const Attributes&) = delete;
  Attributes& operator=(const Attributes&) = delete;
  ~Attributes() { ::posix_spawnattr_destroy(&value); }
  posix_spawnattr_t value{};
};

// The process id of the program, which runs when this returns. `output`: -1 for /dev/null.
Result<pid_t> spawn_process(const Command& command, const Environment& environment, int output) {
  FileActions files;
  // Output before input: if descriptor 0 was free, the pipe may have taken it.
  if (output >= 0) {
    ::posix_spawn_file_actions_adddup2(&files.value, output, STDOUT_FILENO);
    ::posix_spawn_file_actions_adddup2(&files.value, output, STDERR_FILENO);
  } else {
    ::posix_spawn_file_actions_addopen(&files.value, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    ::posix_spawn_file_actions_addopen(&files.value, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
  }
  ::posix_spawn_file_actions_addopen(&files.value, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  ::posix_spawn_file_actions_addclosefrom_np(&files.value, STDERR_FILENO + 1);

  Attributes attributes;
  sigset_t none;
  sigset_t defaults;
  ::sigemptyset(&none);
  ::sigfillset(&defaults);
  ::sigdelset(&defaults, SIGPIPE);  // ignored in tidegate, and so in the child
  ::posix_spawnattr_setsigmask(&attributes.value, &none);
  ::posix_spawnattr_setsigdefault(&attributes.value, &defaults);
  ::posix_spawnattr_setpgroup(&attributes.value, 0);
  ::posix_spawnattr_setflags(&attributes.value, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);

  const std::vector<std::string> variables = environment_with(environment);
  pid_t pid = 0;
  const int error = ::posix_spawnp(&pid, command.argv.front().c_str(), &files.value, &attributes.value,
                                   pointers(command.argv).data(), pointers(variables).data());
  if (error != 0) return system_failure("run " + command.argv.front(), error);
  ::sched_yield();  // the program first, where it shares our processor; what is left to do here is keeping its books
  return pid;
}

}  // namespace

std::string ExitStatus::to_string() const {
  if (unknown) return "ended";
  if (signal == 0) return fmt::format("exited {}", code);
  const char* name = ::sigdescr_np(signal);  // null for the real-time ones
  return name == nullptr ? fmt::format("ended by signal {}", signal)
                         : fmt::format("ended by signal {} ({})", signal, name);
}

// Lives as long as its Child, its watch (until the process has ended) and whoever waits.
struct Child::Impl : std::enable_shared_from_this<Impl> {
  Impl(const asio::any_io_executor& executor, pid_t id, std::uint64_t start)
      : pid{id}, start_time{start}, descriptor{executor}, ended{executor, asio::steady_timer::time_point::max()} {}

  // Takes the pidfd and waits for the process's end, which makes it readable (pidfd_open(2)).
  Result<> watch(Fd pidfd);
  void wait_for_its_end();
  void reap();

  void signal_group(int signal);
  [[nodiscard]] bool group_lives();

  // Coroutines, which keep `self` alive when the Child goes.
  static asio::awaitable<ExitStatus> wait(std::shared_ptr<Impl> self);
  static asio::awaitable<ExitStatus> terminate(std::shared_ptr<Impl> self, Duration grace);
  // True when the process and all others of its group have ended within `limit`.
  static asio::awaitable<bool> group_ends(std::shared_ptr<Impl> self, Duration limit);

  const pid_t pid;
  const std::uint64_t start_time;
  asio::posix::stream_descriptor descriptor;
  asio::steady_timer ended;  // never expires: cancelled at the end, which wakes all who wait
  std::optional<ExitStatus> status;
};

Result<> Child::Impl::watch(Fd pidfd) {
  boost::system::error_code error;
  descriptor.assign(pidfd.get(), error);
  if (error) return system_failure(fmt::format("watch process {}", pid), error.value());
  static_cast<void>(pidfd.release());  // the descriptor's now
  wait_for_its_end();
  return {};
}

// Asio may call too early: what it had already noticed of another descriptor, closed since then, is taken for news of
// the one that got its place.
void Child::Impl::wait_for_its_end() {
  descriptor.async_wait(asio::posix::stream_descriptor::wait_read,
                        [self = shared_from_this()](const boost::system::error_code& error) {
                          pollfd look{.fd = self->descriptor.native_handle(), .events = POLLIN, .revents = 0};
                          if (!error && ::poll(&look, 1, 0) == 0) return self->wait_for_its_end();
                          self->reap();
                        });
}

void Child::Impl::reap() {
  ExitStatus how;
  siginfo_t info{};
  if (::waitid(P_PIDFD, static_cast<id_t>(descriptor.native_handle()), &info, WEXITED | WNOHANG) != 0) {
    how.unknown = true;  // ECHILD: adopted, somebody else's to reap
  } else if (info.si_code == CLD_EXITED) {
    how.code = info.si_status;
  } else {
    how.signal = info.si_status;
  }
  status = how;
  descriptor.close();
  ended.cancel();
}

void Child::Impl::signal_group(int signal) {
  if (!group_lives() || ::kill(-pid, signal) == 0 || status) return;
  // It has left its group, and is still ours.
  static_cast<void>(::syscall(SYS_pidfd_send_signal, descriptor.native_handle(), signal, nullptr, 0));
}

// A number is not given to a new process while it is some group's: when the leader was reaped, and yet there is a
// process of that number, then the group is gone and its number is another's.
bool Child::Impl::group_lives() {
  if (!status) return true;
  if (!status->unknown) {
    if (::kill(pid, 0) == 0) return false;
    // Members that were orphaned are tidegate's own to reap where it is the first process of a container.
    siginfo_t info{};
    while (::waitid(P_PGID, static_cast<id_t>(pid), &info, WEXITED | WNOHANG) == 0 && info.si_pid != 0) info = {};
  }
  return ::kill(-pid, 0) == 0 || errno == EPERM;
}

asio::awaitable<ExitStatus> Child::Impl::wait(std::shared_ptr<Impl> self) {
  while (!self->status) {  // a wait that was cancelled throws when it begins anew
    co_await self->ended.async_wait(asio::as_tuple(asio::use_awaitable));
  }
  co_return *self->status;
}

asio::awaitable<ExitStatus> Child::Impl::terminate(std::shared_ptr<Impl> self, Duration grace) {
  self->signal_group(SIGTERM);
  self->signal_group(SIGCONT);  // what is stopped cannot end otherwise
  if (!co_await group_ends(self, grace)) {
    self->signal_group(SIGKILL);
    co_await group_ends(self, kKillTime);
  }
  co_return self->status.value_or(ExitStatus{.unknown = true});
}

asio::awaitable<bool> Child::Impl::group_ends(std::shared_ptr<Impl> self, Duration limit) {
  const Instant deadline = std::chrono::steady_clock::now() + limit;
  if (!co_await within(limit, wait(self))) co_return false;
  asio::steady_timer timer{co_await asio::this_coro::executor};
  for (Duration pause = kGroupPollFirst; self->group_lives(); pause = std::min(pause * 2, kGroupPollMost)) {
    // What is left may wait for a slow or careless first process to reap it: looked at only then, as the look is dear.
    if (pause == kGroupPollMost && !group_has_living_member(self->pid)) co_return true;
    if (std::chrono::steady_clock::now() >= deadline) co_return false;
    timer.expires_after(pause);
    co_await timer.async_wait(asio::use_awaitable);
  }
  co_return true;
}

Child::Child(std::shared_ptr<Impl> impl) : impl_{std::move(impl)} {}
Child::~Child() = default;

Result<std::unique_ptr<Child>> Child::spawn(const asio::any_io_executor& executor, ChildSettings settings) {
  TIDEGATE_CHECK(!settings.command.argv.empty());
  Fd ours;
  Fd theirs;
  if (!settings.quiet) {
    std::array<int, 2> pipe{};
    if (::pipe2(pipe.data(), O_CLOEXEC) != 0) return system_failure("make a pipe for " + settings.command.argv.front());
    ours.reset(pipe[0]);
    theirs.reset(pipe[1]);
  }
  const Result<pid_t> pid = spawn_process(settings.command, settings.environment, theirs.get());
  if (!pid) return std::unexpected{pid.error()};
  theirs.reset();

  // Not reaped by anybody yet, so that its number and its /proc entry are its own even if it has ended by now.
  const auto stat = read_process_stat(*pid);
  auto impl = std::make_shared<Impl>(executor, *pid, stat ? stat->start_time : 0);
  Fd pidfd = open_pidfd(*pid);
  const Result<> watched =
      pidfd ? impl->watch(std::move(pidfd)) : system_failure(fmt::format("watch process {}", *pid));
  if (!watched) {  // out of descriptors: what cannot be watched must not run
    ::kill(-*pid, SIGKILL);
    ::waitpid(*pid, nullptr, 0);
    return std::unexpected{watched.error()};
  }
  if (ours) log_output(executor, std::move(ours), std::move(settings.label));
  return std::unique_ptr<Child>{new Child{std::move(impl)}};
}

Result<std::unique_ptr<Child>> Child::adopt(const asio::any_io_executor& executor, pid_t pid,
                                            std::uint64_t start_time) {
  const std::string what = fmt::format("adopt process {}", pid);
  // The descriptor first: what is then read of that number is either of the same process or of a later one.
  Fd pidfd = open_pidfd(pid);
  if (!pidfd) return system_failure(what);
  const auto stat = read_process_stat(pid);
  if (!stat || stat->ended()) return failure("{}: it has ended", what);
  if (stat->start_time != start_time) return failure("{}: it is another one by now", what);
  auto impl = std::make_shared<Impl>(executor, pid, start_time);
  if (auto watched = impl->watch(std::move(pidfd)); !watched) return std::unexpected{watched.error()};
  return std::unique_ptr<Child>{new Child{std::move(impl)}};
}

pid_t Child::pid() const { return impl_->pid; }
std::uint64_t Child::start_time() const { return impl_->start_time; }
bool Child::ended() const { return impl_->status.has_value(); }

asio::awaitable<ExitStatus> Child::wait() { return Impl::wait(impl_); }
asio::awaitable<ExitStatus> Child::terminate(Duration grace) { return Impl::terminate(impl_, grace); }
void Child::kill() { impl_->signal_group(SIGKILL); }

}  // namespace tidegate
