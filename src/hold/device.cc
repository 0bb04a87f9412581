// See device.h.
#include "hold/device.h"

#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <boost/asio/posix/stream_descriptor.hpp>
#include <cstring>
#include <utility>
#include <vector>

#include "base/fd.h"

namespace tidegate {
namespace {

namespace asio = boost::asio;

constexpr const char* kTunPath = "/dev/net/tun";
constexpr std::string_view kAlias = "made by tidegate";
constexpr std::size_t kLongestPacket = 65'535 + 18;  // the largest MTU, behind an Ethernet header with a VLAN tag
constexpr int kPacketsInOneTurn = 256;               // then others on this thread have theirs

std::string called(const DeviceSettings& settings) {
  return fmt::format("{} device {}", to_string(settings.mode), settings.name);
}

// The descriptor through which the device is held. `there`: what has its name already.
Result<Fd> attach(const DeviceSettings& settings, const std::optional<Link>& there) {
  Fd fd{::open(kTunPath, O_RDWR | O_NONBLOCK | O_CLOEXEC)};
  if (!fd) {
    const int code = errno;
    return std::unexpected{Error{fmt::format("open {}: {}{}", kTunPath, std::strerror(code),
                                             code == ENOENT || code == ENODEV ? " (does the kernel have tun?)" : ""),
                                 code}};
  }
  ifreq request{};
  settings.name.copy(request.ifr_name, IFNAMSIZ - 1);
  request.ifr_flags = static_cast<short>((settings.mode == DeviceMode::tun ? IFF_TUN : IFF_TAP) | IFF_NO_PI);
  if (::ioctl(fd.get(), TUNSETIFF, &request) != 0) return std::unexpected{refusal(errno, settings, there)};
  return fd;
}

// Anybody may take a persistent device without an owner; this one is for us, and for those with CAP_NET_ADMIN.
Result<> make_it_last(const Fd& fd, const DeviceSettings& settings) {
  if (::ioctl(fd.get(), TUNSETOWNER, static_cast<unsigned long>(::geteuid())) != 0)
    return system_failure("give an owner to " + called(settings));
  if (::ioctl(fd.get(), TUNSETPERSIST, 1UL) != 0) return system_failure("make persistent " + called(settings));
  return {};
}

}  // namespace

Error refusal(int code, const DeviceSettings& settings, const std::optional<Link>& there) {
  const auto because = [&]() -> std::string {
    if (code == EBUSY) return "another process holds it";
    if (code == EPERM)
      return there && there->kind == "tun" ? "it is another user's; needs CAP_NET_ADMIN" : "needs CAP_NET_ADMIN";
    if (code != EINVAL || !there) return {};
    if (there->kind != "tun") return "there is an interface of that name, and it is neither tun nor tap";
    if (there->mode && *there->mode != settings.mode) return fmt::format("it is a {} device", to_string(*there->mode));
    return there->several_queues ? "it has several queues (multi_queue), so that holding it would take packets away"
                                 : std::string{};
  }();
  return {fmt::format("take {}: {}{}", called(settings), std::strerror(code),
                      because.empty() ? "" : fmt::format(" ({})", because)),
          code};
}

Result<> forget_device(const DeviceSettings& settings) {
  const auto there = find_link(settings.name);
  if (!there) return std::unexpected{there.error()};
  if (!*there || (*there)->alias != kAlias || (*there)->mode != settings.mode) return {};
  const auto fd = attach(settings, *there);
  if (!fd) return std::unexpected{fd.error()};
  if (::ioctl(fd->get(), TUNSETPERSIST, 0UL) != 0) return system_failure("remove " + called(settings));
  return {};  // and with the descriptor it goes
}

struct Device::Impl : std::enable_shared_from_this<Impl> {
  Impl(const asio::any_io_executor& executor, Fd fd, DeviceSettings what, DeviceHooks whom)
      : descriptor{executor, fd.release()}, settings{std::move(what)}, hooks{std::move(whom)} {}

  asio::posix::stream_descriptor descriptor;
  DeviceSettings settings;
  DeviceHooks hooks;
  std::uint64_t packets = 0;
  std::vector<std::uint8_t> buffer = std::vector<std::uint8_t>(kLongestPacket);

  void wait() {
    descriptor.async_wait(asio::posix::stream_descriptor::wait_read,
                          [weak = weak_from_this()](const boost::system::error_code& error) {
                            if (const auto self = weak.lock(); self && !error) self->discard();
                          });
  }

  // Reads what there is, within bounds. An error other than "nothing there" means that the device is gone for good, and
  // the descriptor would be ready for ever: it is not waited for again.
  void discard() {
    for (int turn = 0; turn < kPacketsInOneTurn; ++turn) {
      const auto size = ::read(descriptor.native_handle(), buffer.data(), buffer.size());
      if (size < 0 && (errno == EAGAIN || errno == EINTR)) break;
      if (size < 0) return lose(system_failure("read " + called(settings)).error());
      ++packets;
      if (hooks.packet) hooks.packet(std::span{buffer}.first(static_cast<std::size_t>(size)));
    }
    wait();
  }

  void lose(const Error& error) {
    descriptor.close();
    const auto lost = std::exchange(hooks.lost, nullptr);
    if (lost) lost(error);
  }
};

Device::Device(std::shared_ptr<Impl> impl) : impl_{std::move(impl)} {}
Device::~Device() = default;

Result<std::unique_ptr<Device>> Device::open(const asio::any_io_executor& executor, const DeviceSettings& settings,
                                             Lasting lasting, DeviceHooks hooks) {
  auto before = find_link(settings.name);
  if (!before) return std::unexpected{std::move(before.error())};
  if (*before && (*before)->alias == kAlias && (*before)->mode && (*before)->mode != settings.mode) {
    // Left by an earlier tidegate that was killed, or let go while another had it.
    if (auto gone = forget_device({settings.name, *(*before)->mode}); !gone)
      return std::unexpected{std::move(gone.error())};
    before->reset();
  }
  auto fd = attach(settings, *before);
  if (!fd) return std::unexpected{std::move(fd.error())};
  const auto link = find_link(settings.name);
  if (!link) return std::unexpected{link.error()};
  if (!*link) return std::unexpected{Error{called(settings) + " was removed while it was taken", ENODEV}};
  const bool to_last = lasting == Lasting::yes && !*before;
  if (auto up = set_link_up(settings.name, (*link)->index, to_last ? kAlias : std::string_view{}); !up)
    return std::unexpected{std::move(up.error())};
  if (to_last) {
    if (auto lasts = make_it_last(*fd, settings); !lasts) return std::unexpected{std::move(lasts.error())};
  }
  auto impl = std::make_shared<Impl>(executor, std::move(*fd), settings, std::move(hooks));
  impl->wait();
  return std::unique_ptr<Device>{new Device{std::move(impl)}};
}

std::uint64_t Device::packets() const { return impl_->packets; }

}  // namespace tidegate
