// Supervises one process: its lives, the task that watches each to its end, and its state file.
#include "action/process.h"

#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <cerrno>
#include <utility>

#include "action/command.h"
#include "action/process_state.h"
#include "base/log.h"
#include "host/task.h"

namespace tidegate {

namespace asio = boost::asio;

namespace {

// One life of the process. Shared by its Supervisor, until the next life, and the task that watches it to its end.
struct Life {
  std::unique_ptr<Child> child;
  bool stopping = false;                              // its end is wanted: nobody is told
  std::function<void(const ExitStatus& how)> on_end;  // empty when the Supervisor has no interest in it any more
};

asio::awaitable<void> watch(std::shared_ptr<Life> life, Duration grace, bool may_exit) {
  const ExitStatus how = co_await life->child->wait();
  if (may_exit && how.ok()) co_return;
  // What it leaves of its group would be in the next one's way.
  if (!life->stopping) co_await life->child->terminate(grace);
  if (const auto on_end = std::exchange(life->on_end, nullptr)) on_end(how);
}

class Supervisor final : public Action {
 public:
  Supervisor(asio::any_io_executor executor, std::string service, ProcessAction settings, std::string state_path,
             Gone gone)
      : executor_{std::move(executor)},
        service_{std::move(service)},
        settings_{std::move(settings)},
        state_path_{std::move(state_path)},
        gone_{std::move(gone)} {
    if (settings_.finish) {
      finish_ = make_command_action(executor_, service_, {.start = settings_.run, .stop = settings_.finish});
    }
    if (!state_path_.empty()) adopt();
  }

  Supervisor(const Supervisor&) = delete;
  Supervisor& operator=(const Supervisor&) = delete;
  ~Supervisor() override { let_go(); }

  asio::awaitable<Result<>> start(Environment environment) override {
    if (running()) co_return Result<>{};
    auto child = Child::spawn(
        executor_, {.command = settings_.run, .environment = std::move(environment), .label = service_ + ": process"});
    if (!child) co_return failure("start: {}", child.error().what);
    live(std::move(*child));
    if (!state_path_.empty()) remember();
    co_return Result<>{};
  }

  asio::awaitable<Result<>> stop(Environment environment, Duration timeout) override {
    Result<> finished;
    if (finish_) finished = co_await finish_->stop(std::move(environment), timeout);
    if (!running()) co_return finished;
    const std::shared_ptr<Life> life = life_;
    life->stopping = true;
    try {
      co_await life->child->terminate(settings_.grace);
    } catch (...) {  // given up: an end that still comes is told
      life->stopping = life->child->ended();
      throw;
    }
    if (!life->child->ended()) {
      life->stopping = false;
      co_return failure("stop: process {} lives on after SIGKILL", life->child->pid());
    }
    if (life == life_) forget();
    co_return finished;
  }

  void cancel() override {
    if (finish_) finish_->cancel();
  }

  [[nodiscard]] bool running() const override { return life_ && !life_->child->ended(); }

 private:
  // Takes up the process that an earlier tidegate left, where it still runs.
  void adopt() {
    const auto id = read_process_state(state_path_);
    if (!id) {
      if (id.error().code != ENOENT) log::warn("{}: {}", service_, id.error().what);
      return;
    }
    auto child = Child::adopt(executor_, id->pid, id->start_time);
    if (!child) {
      log::info("{}: {}", service_, child.error().what);
      forget();
      return;
    }
    log::info("{}: process {} still runs", service_, id->pid);
    live(std::move(*child));
  }

  void live(std::unique_ptr<Child> child) {
    let_go();
    life_ = std::make_shared<Life>(
        Life{.child = std::move(child), .on_end = [this](const ExitStatus& how) { ended(how); }});
    asio::co_spawn(executor_, watch(life_, settings_.grace, settings_.may_exit),
                   log_failure_of(service_ + ": watching its process"));
  }

  void let_go() {
    if (life_) life_->on_end = nullptr;
    life_ = nullptr;
  }

  void ended(const ExitStatus& how) {
    forget();
    if (!life_->stopping && gone_) gone_(how.to_string(), !how.ok() && !how.unknown);
  }

  void remember() {
    const Child& child = *life_->child;
    const auto written = write_process_state(state_path_, {.pid = child.pid(), .start_time = child.start_time()});
    if (!written) log::warn("{}: process {} would not be found again: {}", service_, child.pid(), written.error().what);
  }

  void forget() {
    if (!state_path_.empty()) ::unlink(state_path_.c_str());
  }

  const asio::any_io_executor executor_;
  const std::string service_;
  const ProcessAction settings_;
  const std::string state_path_;
  const Gone gone_;
  std::unique_ptr<Action> finish_;  // its stop command; none: signals alone
  std::shared_ptr<Life> life_;      // the present one, or the last
};

}  // namespace

std::unique_ptr<Action> make_process_action(asio::any_io_executor executor, const std::string& service,
                                            const ProcessAction& settings, std::string state_path, Action::Gone gone) {
  return std::make_unique<Supervisor>(std::move(executor), service, settings, std::move(state_path), std::move(gone));
}

}  // namespace tidegate
