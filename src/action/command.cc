// Runs start and stop commands, one at a time, and turns their exit statuses into results.
#include "action/command.h"

#include <utility>

#include "base/units.h"
#include "host/within.h"

namespace tidegate {

namespace asio = boost::asio;

namespace {

class CommandRunner final : public Action {
 public:
  CommandRunner(asio::any_io_executor executor, std::string service, CommandAction settings)
      : executor_{std::move(executor)}, service_{std::move(service)}, settings_{std::move(settings)} {}

  asio::awaitable<Result<>> start(Environment environment) override {
    co_return co_await run("start", settings_.start, std::move(environment), std::nullopt);
  }

  asio::awaitable<Result<>> stop(Environment environment, Duration timeout) override {
    if (!settings_.stop) co_return Result<>{};
    co_return co_await run("stop", *settings_.stop, std::move(environment), timeout);
  }

  void cancel() override {
    if (child_) child_->kill();
  }

  [[nodiscard]] bool running() const override { return false; }

 private:
  // Runs `command`, called `verb` in the log and in errors, until it has exited, or kills it after `timeout`.
  asio::awaitable<Result<>> run(std::string verb, Command command, Environment environment,
                                std::optional<Duration> timeout) {
    if (child_) co_return failure("{}: an earlier command still runs", verb);
    auto spawned = Child::spawn(executor_, {.command = std::move(command),
                                            .environment = std::move(environment),
                                            .label = fmt::format("{}: {}", service_, verb),
                                            .quiet = settings_.quiet});
    if (!spawned) co_return failure("{}: {}", verb, spawned.error().what);
    child_ = std::move(*spawned);
    try {
      Result<> result = co_await outcome(verb, timeout);
      child_.reset();
      co_return result;
    } catch (...) {  // nobody waits for it any more
      child_->kill();
      child_.reset();
      throw;
    }
  }

  asio::awaitable<Result<>> outcome(std::string verb, std::optional<Duration> timeout) {
    std::optional<ExitStatus> status;
    if (timeout) {
      status = co_await within(*timeout, child_->wait());
    } else {
      status = co_await child_->wait();
    }
    if (!status) {
      child_->kill();
      co_await within(kKillTime, child_->wait());
      co_return failure("{} had not ended after {} and was killed", verb, format_duration(*timeout));
    }
    if (!status->ok()) co_return failure("{} {}", verb, status->to_string());
    co_return Result<>{};
  }

  const asio::any_io_executor executor_;
  const std::string service_;
  const CommandAction settings_;
  std::unique_ptr<Child> child_;  // the command that runs now
};

}  // namespace

std::unique_ptr<Action> make_command_action(asio::any_io_executor executor, const std::string& service,
                                            const CommandAction& settings) {
  return std::make_unique<CommandRunner>(std::move(executor), service, settings);
}

}  // namespace tidegate
