// See netlink.h.
#include "sensor/netlink.h"

#include <sys/socket.h>
#include <sys/time.h>

#include <array>
#include <cerrno>

#include "base/fd.h"

namespace tidegate {
namespace {

constexpr std::size_t kAnswerBytes = 32 << 10;  // what the kernel fills at most in one read of a dump

enum class Rest { more, none };

// Reads the messages of one datagram.
Result<Rest> read_messages(std::string_view what, std::span<std::byte> bytes,
                           const std::function<void(const nlmsghdr&)>& each) {
  auto left = static_cast<unsigned>(bytes.size());
  Rest rest = Rest::none;
  for (auto* message = reinterpret_cast<nlmsghdr*>(bytes.data()); NLMSG_OK(message, left);
       message = NLMSG_NEXT(message, left)) {
    if (message->nlmsg_type == NLMSG_DONE) return Rest::none;
    if (message->nlmsg_type == NLMSG_ERROR) {
      const auto* const error = static_cast<const nlmsgerr*>(NLMSG_DATA(message));
      if (error->error != 0) return system_failure(what, -error->error);
      return Rest::none;
    }
    each(*message);
    if ((message->nlmsg_flags & NLM_F_MULTI) != 0) rest = Rest::more;
  }
  return rest;
}

}  // namespace

Result<> ask_kernel(std::string_view what, int protocol, std::span<const std::byte> request,
                    const std::function<void(const nlmsghdr&)>& each) {
  const Fd socket{::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol)};
  if (!socket) return system_failure(what);
  const timeval patience{.tv_sec = 1, .tv_usec = 0};
  if (::setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) != 0) return system_failure(what);
  if (::send(socket.get(), request.data(), request.size(), 0) < 0) return system_failure(what);
  alignas(nlmsghdr) std::array<std::byte, kAnswerBytes> answer;
  while (true) {
    const auto size = ::recv(socket.get(), answer.data(), answer.size(), 0);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return system_failure(what);
    const auto rest = read_messages(what, std::span{answer}.first(static_cast<std::size_t>(size)), each);
    if (!rest) return std::unexpected{rest.error()};
    if (*rest == Rest::none) return {};
  }
}

}  // namespace tidegate
