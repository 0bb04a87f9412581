#include "action/action.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <optional>

#include "action/proc.h"
#include "action/process_state.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/test_loop.h"

namespace tidegate {
namespace {

namespace asio = boost::asio;
using std::chrono::milliseconds;
using std::chrono::minutes;
using test::file_text;
using test::has_line;
using testing::HasSubstr;

class ActionTest : public testing::Test {
 protected:
  test::TestLoop loop_;
  test::TemporaryDirectory directory_;

  std::unique_ptr<Action> action(const ActionSettings& settings, std::string state_path = {}, Action::Gone gone = {}) {
    return make_action(loop_.executor(), "palworld", settings, std::move(state_path), std::move(gone));
  }
  static CommandAction command(const std::string& start) {
    return {.start = Command::shell(start), .stop = std::nullopt};
  }
  static ProcessAction process(const std::string& run) { return {.run = Command::shell(run)}; }

  pid_t written_pid(const std::string& path) {
    loop_.until([&] { return has_line(path); });
    return static_cast<pid_t>(std::stol(file_text(path)));
  }
};

using CommandTest = ActionTest;
using ProcessTest = ActionTest;

TEST_F(CommandTest, is_started_when_its_command_has_exited_well) {
  const std::string path = directory_.file("done");
  const auto service = action(command("echo started > " + path));
  EXPECT_TRUE(loop_.run(service->start({})));
  EXPECT_EQ(file_text(path), "started\n");
  EXPECT_FALSE(service->running());
}

TEST_F(CommandTest, hands_the_environment_to_its_commands) {
  const std::string path = directory_.file("names");
  auto settings = command("echo start $TIDEGATE_SERVICE > " + path);
  settings.stop = Command::shell("echo stop $TIDEGATE_SERVICE >> " + path);
  const auto service = action(settings);
  EXPECT_TRUE(loop_.run(service->start({{"TIDEGATE_SERVICE", "palworld"}})));
  EXPECT_TRUE(loop_.run(service->stop({{"TIDEGATE_SERVICE", "wiki"}}, minutes{1})));
  EXPECT_EQ(file_text(path), "start palworld\nstop wiki\n");
}

TEST_F(CommandTest, calls_a_script_with_start_and_stop) {
  const std::string path = directory_.file("calls");
  const std::string script = directory_.write("toggle.sh", "#!/bin/sh\necho $# $1 >> " + path + "\n");
  ASSERT_EQ(::chmod(script.c_str(), 0700), 0);
  const auto service = action(CommandAction{.start = {{script, "start"}}, .stop = Command{{script, "stop"}}});
  EXPECT_TRUE(loop_.run(service->start({})));
  EXPECT_TRUE(loop_.run(service->stop({}, minutes{1})));
  EXPECT_EQ(file_text(path), "1 start\n1 stop\n");
}

TEST_F(CommandTest, tells_how_a_start_failed) {
  EXPECT_EQ(loop_.run(action(command("exit 1"))->start({})).error().what, "start exited 1");
  EXPECT_EQ(loop_.run(action(command("kill -9 $$"))->start({})).error().what, "start ended by signal 9 (Killed)");
  EXPECT_EQ(loop_.run(action(CommandAction{.start = {{"/srv/x"}}, .stop = {}})->start({})).error().what,
            "start: run /srv/x: No such file or directory");
}

TEST_F(CommandTest, logs_its_output_unless_it_is_quiet) {
  testing::internal::CaptureStderr();
  auto settings = command("echo noted");
  EXPECT_TRUE(loop_.run(action(settings)->start({})));
  settings = command("echo discarded");
  settings.quiet = true;
  EXPECT_TRUE(loop_.run(action(settings)->start({})));
  loop_.until([turns = 0]() mutable { return ++turns > 5; });
  const std::string logged = testing::internal::GetCapturedStderr();
  EXPECT_THAT(logged, HasSubstr("palworld: start: noted\n"));
  EXPECT_THAT(logged, testing::Not(HasSubstr("discarded")));
}

TEST_F(CommandTest, stops_by_itself_without_a_stop_command) {
  EXPECT_TRUE(loop_.run(action(command("exit 0"))->stop({}, minutes{1})));
}

TEST_F(CommandTest, kills_a_stop_command_that_takes_too_long) {
  const std::string path = directory_.file("pid");
  auto settings = command("exit 0");
  settings.stop = Command::shell("sleep 1000 & echo $$ > " + path + "; wait");
  const auto service = action(settings);
  const auto stopped = loop_.run(service->stop({}, milliseconds{100}));
  ASSERT_FALSE(stopped);
  EXPECT_THAT(stopped.error().what, HasSubstr("stop had not ended after 0.1 s and was killed"));
  loop_.until([&] { return !has_line(path) || !test::is_our_child(static_cast<pid_t>(std::stol(file_text(path)))); });
  EXPECT_FALSE(test::has_children());
}

TEST_F(CommandTest, ends_its_start_and_the_group_of_it_when_it_is_cancelled) {
  const std::string path = directory_.file("pid");
  const auto service = action(command("sleep 1000 & echo $$ > " + path + "; wait"));
  std::optional<Result<>> started;
  asio::co_spawn(loop_.executor(), service->start({}),
                 [&](const std::exception_ptr&, const Result<>& result) { started = result; });
  const pid_t group = written_pid(path);
  EXPECT_FALSE(started.has_value());
  service->cancel();
  loop_.until([&] { return started.has_value(); });
  EXPECT_EQ(started->error().what, "start ended by signal 9 (Killed)");
  loop_.until([&] { return !group_has_living_member(group); });
  service->cancel();  // nothing to end any more
  EXPECT_FALSE(test::has_children());
}

TEST_F(CommandTest, ends_its_start_when_nobody_waits_for_it_any_more) {
  const std::string path = directory_.file("pid");
  const auto service = action(command("echo $$ > " + path + "; exec sleep 1000"));
  asio::cancellation_signal stop;
  bool thrown = false;
  asio::co_spawn(loop_.executor(), service->start({}),
                 asio::bind_cancellation_slot(
                     stop.slot(), [&](const std::exception_ptr& e, const Result<>&) { thrown = e != nullptr; }));
  const pid_t pid = written_pid(path);
  stop.emit(asio::cancellation_type::terminal);
  loop_.until([&] { return thrown; });
  loop_.until([&] { return !test::is_our_child(pid); });
  EXPECT_FALSE(test::has_children());
}

TEST_F(CommandTest, runs_one_command_at_a_time) {
  const std::string path = directory_.file("pid");
  auto settings = command("echo $$ > " + path + "; exec sleep 1000");
  settings.stop = Command::shell("exit 0");
  const auto service = action(settings);
  bool ended = false;
  asio::co_spawn(loop_.executor(), service->start({}),
                 [&](const std::exception_ptr&, const Result<>&) { ended = true; });
  written_pid(path);
  EXPECT_EQ(loop_.run(service->stop({}, minutes{1})).error().what, "stop: an earlier command still runs");
  service->cancel();
  loop_.until([&] { return ended; });
  EXPECT_TRUE(loop_.run(service->stop({}, minutes{1})));
}

TEST_F(CommandTest, can_be_left_in_the_middle_of_a_start) {
  const std::string path = directory_.file("pid");
  pid_t pid = 0;
  {
    test::TestLoop loop;
    const auto service =
        make_action(loop.executor(), "palworld", command("echo $$ > " + path + "; exec sleep 1000"), {}, {});
    asio::co_spawn(loop.executor(), service->start({}), [](const std::exception_ptr&, const Result<>&) { FAIL(); });
    loop.until([&] { return has_line(path); });
    pid = static_cast<pid_t>(std::stol(file_text(path)));
  }
  EXPECT_TRUE(test::is_our_child(pid));
  ::kill(pid, SIGKILL);
  EXPECT_EQ(::waitpid(pid, nullptr, 0), pid);
}

TEST_F(ProcessTest, runs_from_start_to_stop_and_is_not_told_as_gone) {
  bool told = false;
  const auto service = action(process("exec sleep 1000"), {}, [&](const std::string&, bool) { told = true; });
  EXPECT_FALSE(service->running());
  EXPECT_TRUE(loop_.run(service->start({})));
  EXPECT_TRUE(service->running());
  service->cancel();
  EXPECT_TRUE(service->running());
  EXPECT_TRUE(loop_.run(service->stop({}, minutes{1})));
  EXPECT_FALSE(service->running());
  loop_.until([turns = 0]() mutable { return ++turns > 5; });
  EXPECT_FALSE(told);
  EXPECT_FALSE(test::has_children());
}

TEST_F(ProcessTest, is_not_started_twice) {
  const std::string path = directory_.file("pids");
  const auto service = action(process("echo $$ >> " + path + "; exec sleep 1000"));
  EXPECT_TRUE(loop_.run(service->start({})));
  const pid_t pid = written_pid(path);
  EXPECT_TRUE(loop_.run(service->start({})));
  EXPECT_TRUE(loop_.run(service->stop({}, minutes{1})));
  EXPECT_EQ(file_text(path), fmt::format("{}\n", pid));
}

TEST_F(ProcessTest, tells_that_it_ended_by_itself_and_how) {
  struct Told {
    std::string how;
    bool failed;
  };
  for (const auto& [line, how, failed] : {std::tuple{"exit 1", "exited 1", true},
                                          {"exit 0", "exited 0", false},
                                          {"kill -9 $$", "ended by signal 9 (Killed)", true}}) {
    std::vector<Told> told;
    const auto service = action(process(line), {}, [&](std::string h, bool f) { told.push_back({std::move(h), f}); });
    EXPECT_TRUE(loop_.run(service->start({})));
    loop_.until([&] { return !told.empty(); });
    ASSERT_EQ(told.size(), 1U) << line;
    EXPECT_EQ(told[0].how, how);
    EXPECT_EQ(told[0].failed, failed) << line;
    EXPECT_FALSE(service->running());
  }
}

TEST_F(ProcessTest, can_be_started_again_after_its_end_and_after_a_stop) {
  int told = 0;
  const std::string path = directory_.file("pids");
  const auto service =
      action(process("echo $$ >> " + path + "; exec sleep 1000"), {}, [&](const std::string&, bool) { ++told; });
  EXPECT_TRUE(loop_.run(service->start({})));
  ::kill(written_pid(path), SIGKILL);
  loop_.until([&] { return told == 1; });
  EXPECT_TRUE(loop_.run(service->start({})));
  EXPECT_TRUE(loop_.run(service->stop({}, minutes{1})));
  EXPECT_TRUE(loop_.run(service->start({})));
  EXPECT_TRUE(service->running());
  EXPECT_TRUE(loop_.run(service->stop({}, minutes{1})));
  EXPECT_EQ(told, 1);
}

TEST_F(ProcessTest, leaves_nothing_of_its_group_when_it_ends_by_itself) {
  const std::string path = directory_.file("pid");
  bool told = false;
  const auto service =
      action(process("sleep 1000 & echo $$ > " + path), {}, [&](const std::string&, bool) { told = true; });
  EXPECT_TRUE(loop_.run(service->start({})));
  loop_.until([&] { return told; });
  EXPECT_FALSE(group_has_living_member(written_pid(path)));
}

TEST_F(ProcessTest, is_killed_after_its_grace_time) {
  const std::string path = directory_.file("pid");
  auto settings = process("trap '' TERM; sleep 1000 & echo $$ > " + path + "; wait; sleep 1000");
  settings.grace = milliseconds{30};
  const auto service = action(settings);
  EXPECT_TRUE(loop_.run(service->start({})));
  const pid_t group = written_pid(path);
  EXPECT_TRUE(loop_.run(service->stop({}, minutes{1})));
  EXPECT_FALSE(service->running());
  EXPECT_FALSE(group_has_living_member(group));
}

TEST_F(ProcessTest, tells_that_it_could_not_be_run) {
  const auto service = action(ProcessAction{.run = {{"/srv/x"}}});
  EXPECT_EQ(loop_.run(service->start({})).error().what, "start: run /srv/x: No such file or directory");
  EXPECT_FALSE(service->running());
}

TEST_F(ProcessTest, that_may_exit_has_done_its_job_when_it_exits_well) {
  const std::string path = directory_.file("done");
  bool gone = false;
  auto settings = process("echo started > " + path);
  settings.may_exit = true;
  settings.finish = Command::shell("echo finished >> " + path);
  const auto service = action(settings, {}, [&](const std::string&, bool) { gone = true; });
  EXPECT_TRUE(loop_.run(service->start({})));
  loop_.until([&] { return has_line(path) && !service->running(); });
  EXPECT_TRUE(loop_.run(service->stop({}, minutes{1})));
  EXPECT_EQ(file_text(path), "started\nfinished\n");
  EXPECT_FALSE(gone);
}

TEST_F(ProcessTest, that_may_exit_is_told_as_gone_when_it_fails) {
  std::optional<std::string> gone;
  auto settings = process("exit 3");
  settings.may_exit = true;
  const auto service =
      action(settings, {}, [&](const std::string& how, bool failed) { gone = how + (failed ? ", failed" : ""); });
  EXPECT_TRUE(loop_.run(service->start({})));
  loop_.until([&] { return gone.has_value(); });
  EXPECT_EQ(gone, "exited 3, failed");
}

TEST_F(ProcessTest, that_stays_is_ended_after_its_finish_command) {
  const std::string path = directory_.file("pid");
  const std::string order = directory_.file("order");
  auto settings = process("echo $$ > " + path + "; exec sleep 1000");
  settings.may_exit = true;
  settings.finish = Command::shell("kill -0 $(cat " + path + ") && echo it lives > " + order);
  const auto service = action(settings);
  EXPECT_TRUE(loop_.run(service->start({})));
  const pid_t pid = written_pid(path);
  EXPECT_TRUE(loop_.run(service->stop({}, minutes{1})));
  EXPECT_EQ(file_text(order), "it lives\n");
  EXPECT_FALSE(service->running());
  EXPECT_EQ(::kill(pid, 0), -1);
}

TEST_F(ProcessTest, keeps_its_number_in_a_file_while_it_runs) {
  const std::string path = directory_.file("palworld.process");
  const auto service = action(process("exec sleep 1000"), path);
  EXPECT_TRUE(loop_.run(service->start({})));
  const auto id = read_process_state(path);
  ASSERT_TRUE(id) << id.error().what;
  EXPECT_TRUE(test::is_our_child(id->pid));
  EXPECT_EQ(file_text(path), fmt::format("{} {}\n", id->pid, id->start_time));
  struct ::stat file{};
  ASSERT_EQ(::stat(path.c_str(), &file), 0);
  EXPECT_EQ(file.st_mode & 07777U, 0600U);
  EXPECT_TRUE(loop_.run(service->stop({}, minutes{1})));
  EXPECT_NE(::access(path.c_str(), F_OK), 0);
}

TEST_F(ProcessTest, is_found_again_by_the_next_tidegate) {
  const std::string path = directory_.file("palworld.process");
  const auto settings = process("exec sleep 1000");
  {
    test::TestLoop first;
    const auto service =
        make_action(first.executor(), "palworld", settings, path, [](const std::string&, bool) { FAIL(); });
    EXPECT_TRUE(first.run(service->start({})));
  }
  const auto before = read_process_state(path);
  ASSERT_TRUE(before) << before.error().what;

  bool told = false;
  const auto service = action(settings, path, [&](const std::string&, bool) { told = true; });
  EXPECT_TRUE(service->running());
  EXPECT_TRUE(loop_.run(service->start({})));
  const auto after = read_process_state(path);
  ASSERT_TRUE(after);
  EXPECT_EQ(*before, *after);
  ::kill(after->pid, SIGTERM);
  loop_.until([&] { return told; });
  EXPECT_FALSE(service->running());
  EXPECT_NE(::access(path.c_str(), F_OK), 0);
}

TEST_F(ProcessTest, is_not_found_in_a_file_that_is_stale) {
  const std::string path = directory_.file("palworld.process");
  ASSERT_TRUE(write_process_state(path, {.pid = ::getpid(), .start_time = 1}));
  const auto service = action(process("exec sleep 1000"), path);
  EXPECT_FALSE(service->running());
  EXPECT_NE(::access(path.c_str(), F_OK), 0);
}

TEST_F(ProcessTest, starts_though_its_number_cannot_be_kept) {
  testing::internal::CaptureStderr();
  const auto service = action(process("exec sleep 1000"), directory_.file("missing/palworld.process"));
  EXPECT_TRUE(loop_.run(service->start({})));
  EXPECT_TRUE(service->running());
  EXPECT_TRUE(loop_.run(service->stop({}, minutes{1})));
  EXPECT_THAT(testing::internal::GetCapturedStderr(), HasSubstr("would not be found again: create "));
}

TEST(ProcessState, reads_only_what_it_writes) {
  const test::TemporaryDirectory directory;
  const std::string path = directory.file("state");
  EXPECT_EQ(read_process_state(path).error().code, ENOENT);
  ASSERT_TRUE(write_process_state(path, {.pid = 4711, .start_time = 123456789012}));
  EXPECT_EQ(read_process_state(path), (ProcessId{.pid = 4711, .start_time = 123456789012}));
  for (const char* text : {"", "\n", "12", "12\n", "12 \n", "12 34", "12 34 \n", "-1 34\n", "1 34\n", "0 1\n", "x 34\n",
                           "12 x\n", "99999999999 1\n"}) {
    directory.write("state", std::string_view{text});
    EXPECT_FALSE(read_process_state(path)) << '"' << text << '"';
  }
}

}  // namespace
}  // namespace tidegate
