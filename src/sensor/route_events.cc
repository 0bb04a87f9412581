// See route_events.h.
#include "sensor/route_events.h"

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <array>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <cerrno>

#include "base/fd.h"
#include "base/log.h"

namespace tidegate {
namespace {

constexpr int kMostNoticesAtOnce = 1000;  // taken for one call

Result<Fd> subscribed(unsigned groups, const std::string& what) {
  Fd socket{::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE)};
  if (!socket) return system_failure(what);
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  address.nl_groups = groups;
  if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    return system_failure(what);
  return socket;
}

}  // namespace

// Shared by RouteEvents, and by a handler of the socket for as long as it runs.
struct RouteEvents::Impl : std::enable_shared_from_this<Impl> {
  Impl(const boost::asio::any_io_executor& executor, Fd owned, std::string doing, std::function<void()> callback)
      : socket{executor, owned.get()}, what{std::move(doing)}, changed{std::move(callback)} {
    static_cast<void>(owned.release());  // the stream descriptor's now
  }

  boost::asio::posix::stream_descriptor socket;
  std::string what;
  std::function<void()> changed;

  void wait() {
    socket.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                      [weak = weak_from_this()](const boost::system::error_code& error) {
                        if (const auto self = weak.lock(); self && !error) self->notified();
                      });
  }

  void notified() {
    if (const auto read = discard_notices(); !read) {
      log::error("{}; its later changes go unseen", read.error().what);
      return;
    }
    wait();
    changed();
  }

  Result<> discard_notices() {
    std::array<std::byte, 8192> bytes;
    for (int most = 0; most < kMostNoticesAtOnce; ++most) {
      const auto size = ::recv(socket.native_handle(), bytes.data(), bytes.size(), 0);
      if (size >= 0 || errno == EINTR) continue;
      if (errno == ENOBUFS) continue;  // some were lost: there is something to read anew all the same
      if (errno == EAGAIN) return {};
      return system_failure(what);
    }
    return {};  // wait() returns at once for those that are left
  }
};

RouteEvents::RouteEvents(std::shared_ptr<Impl> impl) : impl_{std::move(impl)} {}
RouteEvents::~RouteEvents() = default;

Result<std::unique_ptr<RouteEvents>> RouteEvents::subscribe(const boost::asio::any_io_executor& executor,
                                                            unsigned groups, std::string what,
                                                            std::function<void()> changed) {
  auto socket = subscribed(groups, what);
  if (!socket) return std::unexpected{std::move(socket.error())};
  auto impl = std::make_shared<Impl>(executor, std::move(*socket), std::move(what), std::move(changed));
  impl->wait();
  return std::unique_ptr<RouteEvents>{new RouteEvents{std::move(impl)}};
}

}  // namespace tidegate
