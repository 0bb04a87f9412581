#include "action/child.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/system/system_error.hpp>
#include <charconv>
#include <cstdlib>
#include <optional>
#include <set>
#include <sstream>

#include "action/proc.h"
#include "base/fd.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/test_loop.h"

namespace tidegate {
namespace {

namespace asio = boost::asio;
using std::chrono::milliseconds;
using std::chrono::minutes;
using test::file_text;
using test::has_line;
using testing::AnyOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

class ChildTest : public testing::Test {
 protected:
  test::TestLoop loop_;
  test::TemporaryDirectory directory_;

  std::unique_ptr<Child> shell(const std::string& line, Environment environment = {}, bool quiet = true) {
    auto child = Child::spawn(loop_.executor(), {.command = Command::shell(line),
                                                 .environment = std::move(environment),
                                                 .label = "palworld: start",
                                                 .quiet = quiet});
    if (!child) throw std::runtime_error{child.error().what};
    return std::move(*child);
  }

  // What `line` writes to its standard output, which goes to a file.
  std::string output_of(const std::string& line, Environment environment = {}) {
    const std::string path = directory_.file("output");
    auto child = shell("{ " + line + "; } > " + path, std::move(environment));
    EXPECT_TRUE(loop_.run(child->wait()).ok()) << line;
    return file_text(path);
  }

  // Waits until a child has written the number of a process into the file.
  pid_t written_pid(const std::string& path) {
    loop_.until([&] { return has_line(path); });
    return static_cast<pid_t>(std::stol(file_text(path)));
  }
};

TEST(ExitStatusText, says_how_a_process_ended) {
  EXPECT_EQ(ExitStatus{.code = 1}.to_string(), "exited 1");
  EXPECT_EQ(ExitStatus{.signal = SIGKILL}.to_string(), "ended by signal 9 (Killed)");
  EXPECT_EQ(ExitStatus{.signal = SIGRTMIN + 1}.to_string(), fmt::format("ended by signal {}", SIGRTMIN + 1));
  EXPECT_EQ(ExitStatus{.unknown = true}.to_string(), "ended");
  EXPECT_TRUE(ExitStatus{}.ok());
  EXPECT_FALSE(ExitStatus{.unknown = true}.ok());
}

// Two descriptors are noticed in one turn; whichever is served first closes the other, whose place in the reactor the
// child's own then takes, and with it the news.
TEST_F(ChildTest, has_not_ended_because_a_descriptor_that_was_closed_had_news) {
  std::array<std::optional<asio::posix::stream_descriptor>, 2> watched;
  std::array<Fd, 2> writing;
  std::unique_ptr<Child> child;
  for (std::size_t i = 0; i < watched.size(); ++i) {
    std::array<int, 2> ends{};
    ASSERT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
    watched[i].emplace(loop_.executor(), ends[0]);
    writing[i].reset(ends[1]);
    watched[i]->async_wait(asio::posix::descriptor_base::wait_read, [&, i](const boost::system::error_code&) {
      if (child) return;
      watched[1 - i].reset();
      child = shell("sleep 0.2; exit 3");
    });
  }
  for (const auto& end : writing) ASSERT_EQ(::write(end.get(), "x", 1), 1);
  loop_.until([&] { return child != nullptr; });
  EXPECT_EQ(loop_.run(child->wait()).to_string(), "exited 3");
}

TEST_F(ChildTest, tells_the_exit_status) {
  const auto status = loop_.run(shell("exit 3")->wait());
  EXPECT_EQ(status.code, 3);
  EXPECT_EQ(status.signal, 0);
  EXPECT_FALSE(status.ok());
}

TEST_F(ChildTest, tells_the_signal_that_ended_it) {
  const auto status = loop_.run(shell("kill -9 $$")->wait());
  EXPECT_EQ(status.signal, SIGKILL);
  EXPECT_FALSE(status.ok());
}

TEST_F(ChildTest, names_the_program_that_cannot_be_run) {
  const auto child =
      Child::spawn(loop_.executor(), {.command = {{"/srv/no such program"}}, .environment = {}, .label = "x"});
  ASSERT_FALSE(child);
  EXPECT_EQ(child.error().what, "run /srv/no such program: No such file or directory");
  EXPECT_EQ(child.error().code, ENOENT);
  EXPECT_FALSE(test::has_children());
}

TEST_F(ChildTest, finds_the_program_in_the_path) {
  auto child = Child::spawn(loop_.executor(), {.command = {{"true"}}, .environment = {}, .label = "x"});
  ASSERT_TRUE(child) << child.error().what;
  EXPECT_TRUE(loop_.run((*child)->wait()).ok());
}

TEST_F(ChildTest, leads_a_process_group_of_its_own) {
  const std::string path = directory_.file("stat");
  auto child = shell("cat /proc/$$/stat > " + path);
  loop_.run(child->wait());
  std::istringstream fields{file_text(path)};
  std::string field;
  for (int i = 1; i <= 5; ++i) fields >> field;
  EXPECT_EQ(field, std::to_string(child->pid()));
}

TEST_F(ChildTest, has_no_signal_blocked_and_none_but_sigpipe_ignored) {
  sigset_t blocked;
  sigset_t before;
  ::sigemptyset(&blocked);
  ::sigaddset(&blocked, SIGUSR1);
  ::pthread_sigmask(SIG_BLOCK, &blocked, &before);
  const auto earlier = ::signal(SIGUSR2, SIG_IGN);
  const std::string status = output_of("cat /proc/self/status");
  ::signal(SIGUSR2, earlier);
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  EXPECT_THAT(status, HasSubstr("SigBlk:\t0000000000000000\n"));
  // Bit 12 is signal 13. Signals 32 and 33 are the C library's own, which ignores them in what it spawns.
  EXPECT_THAT(status, AnyOf(HasSubstr("SigIgn:\t0000000000001000\n"), HasSubstr("SigIgn:\t0000000180001000\n")));
}

TEST_F(ChildTest, inherits_no_descriptor_and_reads_nothing) {
  const Fd leaking{::open("/dev/zero", O_RDONLY)};  // on purpose without close-on-exec
  const Fd moved{::fcntl(leaking.get(), F_DUPFD, 50)};
  ASSERT_TRUE(leaking && moved);
  EXPECT_EQ(output_of(fmt::format("readlink /proc/$$/fd/0; for n in {} {}; do [ ! -e /proc/$$/fd/$n ] || echo $n; done",
                                  leaking.get(), moved.get())),
            "/dev/null\n");
}

TEST_F(ChildTest, writes_to_nowhere_when_quiet_and_into_one_pipe_otherwise) {
  const std::string path = directory_.file("links");
  const std::string line =
      "out=$(readlink /proc/$$/fd/1); err=$(readlink /proc/$$/fd/2); printf '%s\\n' $out $err > " + path;
  loop_.run(shell(line, {}, true)->wait());
  EXPECT_EQ(file_text(path), "/dev/null\n/dev/null\n");
  loop_.run(shell(line, {}, false)->wait());
  const std::string links = file_text(path);
  EXPECT_THAT(links, StartsWith("pipe:["));
  EXPECT_EQ(links.substr(0, links.size() / 2), links.substr(links.size() / 2));
}

TEST_F(ChildTest, has_our_environment_with_the_additions_in_place_of_what_they_name) {
  ::setenv("TIDEGATE_EVENT", "old", 1);
  ::setenv("TIDEGATE_OTHER", "kept", 1);
  const std::string variables = output_of("env", {{"TIDEGATE_SERVICE", "palworld"}, {"TIDEGATE_EVENT", "start"}});
  ::unsetenv("TIDEGATE_EVENT");
  ::unsetenv("TIDEGATE_OTHER");
  EXPECT_THAT(variables, HasSubstr("TIDEGATE_SERVICE=palworld\n"));
  EXPECT_THAT(variables, HasSubstr("TIDEGATE_EVENT=start\n"));
  EXPECT_THAT(variables, HasSubstr("TIDEGATE_OTHER=kept\n"));
  EXPECT_THAT(variables, Not(HasSubstr("TIDEGATE_EVENT=old")));
}

TEST_F(ChildTest, logs_what_it_writes_also_what_its_own_child_writes_later) {
  const std::string fifo = directory_.file("fifo");
  const std::string done = directory_.file("done");
  testing::internal::CaptureStderr();
  auto child = shell("mkfifo " + fifo + "; echo early; echo wrong >&2; { read go < " + fifo + "; echo late; echo > " +
                         done + "; } & exit 0",
                     {}, false);
  EXPECT_TRUE(loop_.run(child->wait()).ok());
  child.reset();
  std::ofstream{fifo} << "go\n";
  loop_.until([&] { return has_line(done); });
  std::string logged;
  loop_.until([&, turns = 0]() mutable { return ++turns > 20; });
  logged = testing::internal::GetCapturedStderr();
  EXPECT_THAT(logged, HasSubstr("palworld: start: early\n"));
  EXPECT_THAT(logged, HasSubstr("palworld: start: wrong\n"));
  EXPECT_THAT(logged, HasSubstr("palworld: start: late\n"));
}

TEST_F(ChildTest, bounds_a_flood_of_output_without_holding_the_writer_up) {
  testing::internal::CaptureStderr();
  auto child = shell("head -c 3000000 /dev/zero | tr '\\0' '\\n'; head -c 100000 /dev/zero | tr '\\0' a", {}, false);
  EXPECT_TRUE(loop_.run(child->wait()).ok());
  loop_.until([turns = 0]() mutable { return ++turns > 20; });
  const std::string logged = testing::internal::GetCapturedStderr();
  EXPECT_LT(logged.size(), 200'000U);
  EXPECT_THAT(logged, HasSubstr("lines left out: more than 200 in a second]"));
}

TEST_F(ChildTest, tells_any_number_of_callers_before_and_after_its_end) {
  auto child = shell("exit 4");
  int told = 0;
  for (int i = 0; i < 3; ++i) {
    asio::co_spawn(loop_.executor(), child->wait(), [&](const std::exception_ptr&, ExitStatus status) {
      EXPECT_EQ(status.code, 4);
      ++told;
    });
  }
  loop_.until([&] { return told == 3; });
  EXPECT_TRUE(child->ended());
  EXPECT_EQ(loop_.run(child->wait()).code, 4);
}

TEST_F(ChildTest, can_be_waited_for_no_longer_without_ending_it) {
  auto child = shell("exec sleep 1000");
  asio::cancellation_signal stop;
  std::exception_ptr thrown;
  asio::co_spawn(
      loop_.executor(), child->wait(),
      asio::bind_cancellation_slot(stop.slot(), [&](const std::exception_ptr& e, ExitStatus) { thrown = e; }));
  loop_.until([turns = 0]() mutable { return ++turns > 2; });
  stop.emit(asio::cancellation_type::terminal);
  loop_.until([&] { return thrown != nullptr; });
  EXPECT_THROW(std::rethrow_exception(thrown), boost::system::system_error);
  EXPECT_FALSE(child->ended());
  child->kill();
  EXPECT_EQ(loop_.run(child->wait()).signal, SIGKILL);
}

TEST_F(ChildTest, is_reaped_though_nobody_holds_it_any_more) {
  const pid_t pid = shell("exit 0")->pid();
  loop_.until([&] { return !test::is_our_child(pid); });
  EXPECT_FALSE(test::has_children());
}

TEST_F(ChildTest, runs_beside_a_hundred_others_and_none_is_left_behind) {
  std::vector<std::unique_ptr<Child>> children;
  std::multiset<int> codes;
  for (int i = 0; i < 100; ++i) {
    children.push_back(shell(fmt::format("echo {}; exit {}", i, i), {}, false));
    asio::co_spawn(loop_.executor(), children.back()->wait(),
                   [&](const std::exception_ptr&, ExitStatus status) { codes.insert(status.code); });
  }
  loop_.until([&] { return codes.size() == 100; });
  EXPECT_EQ(*codes.begin(), 0);
  EXPECT_EQ(*codes.rbegin(), 99);
  EXPECT_EQ(std::set<int>(codes.begin(), codes.end()).size(), 100U);
  EXPECT_FALSE(test::has_children());
}

TEST_F(ChildTest, ends_at_sigterm_when_it_is_terminated) {
  auto child = shell("exec sleep 1000");
  EXPECT_EQ(loop_.run(child->terminate(minutes{1})).signal, SIGTERM);
  EXPECT_FALSE(group_has_living_member(child->pid()));
}

TEST_F(ChildTest, ends_at_sigterm_though_it_was_stopped) {
  auto child = shell("exec sleep 1000");
  ::kill(child->pid(), SIGSTOP);
  EXPECT_EQ(loop_.run(child->terminate(minutes{1})).signal, SIGTERM);
}

TEST_F(ChildTest, dies_with_its_whole_group_at_sigkill_when_it_ignores_sigterm) {
  const std::string path = directory_.file("pid");
  auto child = shell("trap '' TERM; sleep 1000 & echo $! > " + path + "; wait; sleep 1000");
  const pid_t member = written_pid(path);
  ASSERT_EQ(::getpgid(member), child->pid());
  EXPECT_EQ(loop_.run(child->terminate(milliseconds{30})).signal, SIGKILL);
  EXPECT_TRUE(child->ended());
  EXPECT_FALSE(group_has_living_member(child->pid()));
}

TEST_F(ChildTest, takes_a_member_of_its_group_that_outlives_it_along) {
  const std::string path = directory_.file("pid");
  auto child = shell("(trap '' TERM; sleep 1000 & echo $! > " + path + "; wait; sleep 1000) & exec sleep 1000");
  written_pid(path);
  EXPECT_EQ(loop_.run(child->terminate(milliseconds{30})).signal, SIGTERM);
  EXPECT_FALSE(group_has_living_member(child->pid()));
}

TEST_F(ChildTest, ends_what_is_left_of_its_group_after_its_own_end) {
  const std::string path = directory_.file("pid");
  auto child = shell("sleep 1000 & echo $! > " + path);
  EXPECT_TRUE(loop_.run(child->wait()).ok());
  EXPECT_TRUE(group_has_living_member(child->pid()));
  EXPECT_TRUE(loop_.run(child->terminate(minutes{1})).ok());
  EXPECT_FALSE(group_has_living_member(child->pid()));
}

TEST_F(ChildTest, leaves_no_orphan_of_its_group_to_a_tidegate_that_is_the_first_process) {
  ASSERT_EQ(::prctl(PR_SET_CHILD_SUBREAPER, 1), 0);  // orphans become ours, as those of a container become its first's
  const std::string path = directory_.file("pid");
  auto child = shell("sleep 1000 & echo $! > " + path);
  loop_.run(child->wait());
  const bool orphaned_to_us = test::has_children();
  loop_.run(child->terminate(minutes{1}));
  ::prctl(PR_SET_CHILD_SUBREAPER, 0);
  EXPECT_TRUE(orphaned_to_us);
  EXPECT_FALSE(test::has_children());
}

TEST_F(ChildTest, leaves_everything_alone_when_it_is_killed_after_its_end) {
  auto child = shell("exit 0");
  loop_.run(child->wait());
  child->kill();
  EXPECT_TRUE(loop_.run(child->terminate(minutes{1})).ok());
}

TEST_F(ChildTest, is_found_again_by_another_loop) {
  std::optional<test::TestLoop> first{std::in_place};
  auto spawned = Child::spawn(first->executor(),
                              {.command = {{"sleep", "1000"}}, .environment = {}, .label = "palworld: process"});
  ASSERT_TRUE(spawned);
  const pid_t pid = (*spawned)->pid();
  const std::uint64_t start = (*spawned)->start_time();
  EXPECT_EQ(start, read_process_stat(pid)->start_time);
  spawned->reset();
  first.reset();  // with its tasks still waiting

  auto adopted = Child::adopt(loop_.executor(), pid, start);
  ASSERT_TRUE(adopted) << adopted.error().what;
  EXPECT_EQ((*adopted)->pid(), pid);
  EXPECT_FALSE((*adopted)->ended());
  loop_.run((*adopted)->terminate(minutes{1}));
  EXPECT_TRUE((*adopted)->ended());
  EXPECT_FALSE(test::has_children());
}

TEST_F(ChildTest, ends_with_a_status_unknown_when_it_is_adopted_from_elsewhere) {
  const std::string path = directory_.file("pid");
  auto parent = shell("setsid sh -c 'echo $$ > " + path + "; exec sleep 1000' &");
  const pid_t pid = written_pid(path);
  loop_.run(parent->wait());
  auto adopted = Child::adopt(loop_.executor(), pid, read_process_stat(pid)->start_time);
  ASSERT_TRUE(adopted) << adopted.error().what;
  (*adopted)->kill();
  const auto status = loop_.run((*adopted)->wait());
  EXPECT_TRUE(status.unknown);
  EXPECT_FALSE(status.ok());
}

TEST_F(ChildTest, is_not_adopted_when_it_is_another_process_or_none) {
  auto child = shell("exec sleep 1000");
  const auto other = Child::adopt(loop_.executor(), child->pid(), child->start_time() + 1);
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().what, fmt::format("adopt process {}: it is another one by now", child->pid()));
  child->kill();
  loop_.run(child->wait());
  const auto gone = Child::adopt(loop_.executor(), child->pid(), child->start_time());
  ASSERT_FALSE(gone);
  EXPECT_THAT(gone.error().what, HasSubstr("No such process"));
}

TEST_F(ChildTest, is_not_adopted_as_a_zombie) {
  const pid_t pid = ::fork();
  if (pid == 0) ::_exit(0);
  siginfo_t info{};
  ASSERT_EQ(::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOWAIT), 0);
  const auto zombie = Child::adopt(loop_.executor(), pid, read_process_stat(pid)->start_time);
  ASSERT_FALSE(zombie);
  EXPECT_THAT(zombie.error().what, HasSubstr("it has ended"));
  ASSERT_EQ(::waitpid(pid, nullptr, 0), pid);
}

}  // namespace
}  // namespace tidegate
