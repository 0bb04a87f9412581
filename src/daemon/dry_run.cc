#include "daemon/dry_run.h"

#include "base/log.h"

namespace tidegate {

namespace asio = boost::asio;

namespace {

class DryRunAction final : public Action {
 public:
  DryRunAction(std::string service, ActionSettings settings)
      : service_{std::move(service)}, settings_{std::move(settings)} {}

  asio::awaitable<Result<>> start(Environment) override {
    const auto* pair = std::get_if<CommandAction>(&settings_);
    log::info("{}: dry run: would start it: {}", service_,
              pair ? pair->start.to_string() : std::get<ProcessAction>(settings_).run.to_string());
    co_return Result<>{};
  }

  asio::awaitable<Result<>> stop(Environment, Duration) override {
    const auto* pair = std::get_if<CommandAction>(&settings_);
    log::info("{}: dry run: would stop it{}", service_, pair && pair->stop ? ": " + pair->stop->to_string() : "");
    co_return Result<>{};
  }

  void cancel() override {}
  bool running() const override { return false; }

 private:
  std::string service_;
  ActionSettings settings_;
};

}  // namespace

std::unique_ptr<Action> make_dry_run_action(std::string service, ActionSettings settings) {
  return std::make_unique<DryRunAction>(std::move(service), std::move(settings));
}

}  // namespace tidegate
