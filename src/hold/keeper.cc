// See keeper.h.
#include "hold/keeper.h"

#include <boost/asio/steady_timer.hpp>
#include <cerrno>
#include <chrono>
#include <utility>

#include "base/log.h"
#include "base/time.h"

namespace tidegate {
namespace {

// A VPN daemon that was stopped is gone in a moment; one that is not stopped by its stop command may stay for days.
constexpr auto kTryAgain = std::chrono::milliseconds{500};

}  // namespace

struct DeviceKeeper::Impl : std::enable_shared_from_this<Impl> {
  Impl(boost::asio::any_io_executor on, DeviceSettings what, Tell whom)
      : executor{std::move(on)}, settings{std::move(what)}, tell{std::move(whom)}, again{executor} {}

  boost::asio::any_io_executor executor;
  DeviceSettings settings;
  Tell tell;
  boost::asio::steady_timer again;
  std::unique_ptr<Device> device;  // while it is held
  bool wanted = false;
  bool to_be_forgotten = false;
  std::string trouble;
  std::uint64_t packets_before = 0;  // of the times it was held before

  Result<> take() {
    auto taken = Device::open(executor, settings, Lasting::yes,
                              {.packet = {}, .lost = [this](const Error& error) { lose(error); }});
    if (!taken) return std::unexpected{std::move(taken.error())};
    device = std::move(*taken);
    to_be_forgotten = true;
    if (!std::exchange(trouble, {}).empty()) tell(DeviceNews::held, settings.name + " is held again");
    return {};
  }

  void let_go() {
    again.cancel();
    trouble.clear();
    if (device) packets_before += device->packets();
    device.reset();
  }

  void lose(const Error& error) {
    packets_before += device->packets();
    device.reset();
    fail(error);
  }

  void fail(const Error& error) {
    if (std::exchange(trouble, error.what) != error.what)
      tell(DeviceNews::trouble, error.what + "; tried again every 0.5 s");
    try_again(kTryAgain);
  }

  void try_again(Duration later) {
    again.expires_after(later);
    again.async_wait([weak = weak_from_this()](const boost::system::error_code& cancelled) {
      if (const auto self = weak.lock(); self && !cancelled) self->follow();
    });
  }

  // Does what is wanted, as far as it can be done now.
  void follow() {
    if (!wanted) return let_go();
    if (device) return;
    if (const auto taken = take(); !taken) fail(taken.error());
  }
};

DeviceKeeper::DeviceKeeper(const boost::asio::any_io_executor& executor, DeviceSettings settings, Tell tell)
    : impl_{std::make_shared<Impl>(executor, std::move(settings), std::move(tell))} {}

DeviceKeeper::~DeviceKeeper() {
  impl_->wanted = false;
  impl_->let_go();
  if (!impl_->to_be_forgotten) return;
  if (const auto forgotten = forget_device(impl_->settings); !forgotten)
    log::debug("{}; it stays", forgotten.error().what);
}

Result<> DeviceKeeper::take() {
  auto taken = impl_->take();
  if (!taken && taken.error().code != EBUSY) return taken;
  impl_->wanted = true;
  if (!taken) impl_->try_again(Duration::zero());
  return {};
}

void DeviceKeeper::hold(bool held) {
  if (std::exchange(impl_->wanted, held) != held) impl_->follow();
}

Result<> DeviceKeeper::forget() {
  hold(false);
  auto forgotten = forget_device(impl_->settings);
  if (forgotten) impl_->to_be_forgotten = false;
  return forgotten;
}

DeviceStatus DeviceKeeper::status() const {
  return {.settings = impl_->settings,
          .held = impl_->device != nullptr,
          .trouble = impl_->trouble,
          .packets = impl_->packets_before + (impl_->device ? impl_->device->packets() : 0)};
}

}  // namespace tidegate
