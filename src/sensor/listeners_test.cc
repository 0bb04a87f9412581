#include "sensor/listeners.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "base/fd.h"

namespace tidegate {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

// A socket on loopback, on a port of the kernel's choice.
struct Bound {
  Fd socket;
  std::uint16_t port = 0;
};

Bound bind_loopback(int family, int type) {
  Bound bound{.socket = Fd{::socket(family, type | SOCK_CLOEXEC, 0)}};
  sockaddr_in6 address{};
  socklen_t size = sizeof(sockaddr_in6);
  if (family == AF_INET) {
    auto& v4 = reinterpret_cast<sockaddr_in&>(address);
    v4.sin_family = AF_INET;
    v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    size = sizeof(sockaddr_in);
  } else {
    address.sin6_family = AF_INET6;
    address.sin6_addr = in6addr_any;
  }
  auto* const name = reinterpret_cast<sockaddr*>(&address);
  EXPECT_EQ(::bind(bound.socket.get(), name, size), 0);
  EXPECT_EQ(::getsockname(bound.socket.get(), name, &size), 0);
  bound.port = ntohs(address.sin6_port);  // at the same place in both
  return bound;
}

void connect_to(const Bound& from, const Bound& to) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(to.port);
  EXPECT_EQ(::connect(from.socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
}

PortRange tcp(const Bound& bound) { return {Protocol::tcp, bound.port, bound.port}; }
PortRange udp(const Bound& bound) { return {Protocol::udp, bound.port, bound.port}; }

std::vector<bool> in_use(const std::vector<PortRange>& ports) {
  const auto answer = ports_in_use(ports);
  EXPECT_TRUE(answer) << answer.error().what;
  return answer.value_or(std::vector<bool>{});
}

TEST(Listeners, finds_a_tcp_socket_once_it_listens) {
  for (const int family : {AF_INET, AF_INET6}) {
    const Bound server = bind_loopback(family, SOCK_STREAM);
    EXPECT_THAT(in_use({tcp(server)}), ElementsAre(false));
    ASSERT_EQ(::listen(server.socket.get(), 1), 0);
    EXPECT_THAT(in_use({tcp(server)}), ElementsAre(true));
  }
}

TEST(Listeners, finds_a_udp_socket_that_is_nobody_s) {
  for (const int family : {AF_INET, AF_INET6}) {
    const Bound server = bind_loopback(family, SOCK_DGRAM);
    EXPECT_THAT(in_use({udp(server)}), ElementsAre(true));
  }
}

TEST(Listeners, passes_over_connected_sockets) {
  const Bound server = bind_loopback(AF_INET, SOCK_DGRAM);
  const Bound client = bind_loopback(AF_INET, SOCK_DGRAM);
  connect_to(client, server);
  EXPECT_THAT(in_use({udp(server), udp(client)}), ElementsAre(true, false));

  const Bound listener = bind_loopback(AF_INET, SOCK_STREAM);
  ASSERT_EQ(::listen(listener.socket.get(), 1), 0);
  const Bound connected = bind_loopback(AF_INET, SOCK_STREAM);
  connect_to(connected, listener);
  EXPECT_THAT(in_use({tcp(connected), tcp(listener)}), ElementsAre(false, true));
}

TEST(Listeners, sees_a_socket_anywhere_in_a_range_but_only_of_its_protocol) {
  const Bound server = bind_loopback(AF_INET, SOCK_DGRAM);
  const auto from = static_cast<std::uint16_t>(server.port - 20);
  EXPECT_THAT(in_use({{Protocol::udp, from, server.port}, {Protocol::udp, server.port, 65535}}),
              ElementsAre(true, true));
  EXPECT_THAT(in_use({{Protocol::udp, 1, 65535}}), ElementsAre(true));
}

TEST(Listeners, answers_nothing_when_asked_nothing) { EXPECT_THAT(in_use({}), IsEmpty()); }

TEST(Listeners, no_longer_finds_a_socket_that_was_closed) {
  Bound server = bind_loopback(AF_INET, SOCK_DGRAM);
  server.socket.reset();
  EXPECT_THAT(in_use({udp(server)}), ElementsAre(false));
}

}  // namespace
}  // namespace tidegate
