#include "forward/socket.h"

#include <gtest/gtest.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <filesystem>

#include "tests/support/temporary_directory.h"

namespace tidegate {
namespace {

Endpoint at(const std::string& address, std::uint16_t port) { return {*IpAddress::parse(address), port}; }

ListenAddress listen_on(const std::string& address) {
  return {.unix_path = {}, .address = address == "*" ? IpAddress{} : *IpAddress::parse(address)};
}

// A socket that has connected to `address`, or none.
Fd connected(const SocketAddress& address, int type = SOCK_STREAM) {
  Fd fd{::socket(address.family(), type | SOCK_CLOEXEC, 0)};
  if (::connect(fd.get(), address.get(), address.size()) != 0) fd.reset();
  return fd;
}

int option(int fd, int level, int name) {
  int value = -1;
  socklen_t size = sizeof value;
  EXPECT_EQ(::getsockopt(fd, level, name, &value, &size), 0);
  return value;
}

TEST(SocketAddress, goes_to_the_kernels_form_and_back) {
  for (const auto& endpoint : {at("192.0.2.1", 80), at("2001:db8::1", 65'535), at("0.0.0.0", 0)}) {
    const SocketAddress address{endpoint};
    EXPECT_EQ(address.endpoint(), endpoint);
    EXPECT_EQ(address.family(), endpoint.address.is_v4() ? AF_INET : AF_INET6);
  }
}

TEST(SocketAddress, that_is_mapped_comes_back_as_ipv4) {
  const SocketAddress address{at("::ffff:192.0.2.1", 80)};
  EXPECT_EQ(address.family(), AF_INET6);
  EXPECT_EQ(address.endpoint(), at("192.0.2.1", 80));
}

TEST(SocketAddress, may_be_none_or_a_path) {
  EXPECT_EQ(SocketAddress{}.family(), AF_UNSPEC);
  EXPECT_EQ(SocketAddress{}.endpoint(), Endpoint{});
  EXPECT_EQ(SocketAddress{Endpoint{}}.size(), 0U);
  const auto path = SocketAddress::unix_path(std::string(107, 'x'));
  EXPECT_EQ(path.family(), AF_UNIX);
  EXPECT_EQ(path.size(), sizeof(sockaddr_un));
  EXPECT_EQ(path.endpoint(), Endpoint{});
}

TEST(ListenTcp, takes_one_family_for_an_address_of_it) {
  for (const std::string address : {"127.0.0.1", "::1"}) {
    const auto listener = listen_tcp(listen_on(address), 0, false, false);
    ASSERT_TRUE(listener) << listener.error().what;
    const auto local = local_endpoint(listener->get());
    EXPECT_EQ(local.address, *IpAddress::parse(address));
    const Fd client = connected(SocketAddress{local});
    ASSERT_TRUE(client);
    EXPECT_EQ(peer_endpoint(client.get()), local);
    const Fd server{::accept4(listener->get(), nullptr, nullptr, SOCK_CLOEXEC)};
    EXPECT_EQ(peer_endpoint(server.get()), local_endpoint(client.get()));
  }
}

TEST(ListenTcp, takes_both_families_without_an_address) {
  const auto listener = listen_tcp(listen_on("*"), 0, false, false);
  ASSERT_TRUE(listener) << listener.error().what;
  const auto port = local_endpoint(listener->get()).port;
  for (const std::string address : {"127.0.0.1", "::1"}) {
    const Fd client = connected(SocketAddress{at(address, port)});
    EXPECT_TRUE(client) << address;
    const Fd server{::accept4(listener->get(), nullptr, nullptr, SOCK_CLOEXEC)};
    EXPECT_EQ(peer_endpoint(server.get()).address, *IpAddress::parse(address));
    EXPECT_EQ(local_endpoint(server.get()), at(address, port));
  }
}

TEST(ListenTcp, with_any_ipv6_address_takes_no_ipv4) {
  const auto listener = listen_tcp(listen_on("::"), 0, false, false);
  ASSERT_TRUE(listener) << listener.error().what;
  const auto port = local_endpoint(listener->get()).port;
  EXPECT_TRUE(connected(SocketAddress{at("::1", port)}));
  EXPECT_FALSE(connected(SocketAddress{at("127.0.0.1", port)}));
}

TEST(ListenTcp, shares_its_port_only_when_both_want_to) {
  const auto listen = listen_on("127.0.0.1");
  const auto one = listen_tcp(listen, 0, true, false);
  ASSERT_TRUE(one);
  const auto port = local_endpoint(one->get()).port;
  EXPECT_TRUE(listen_tcp(listen, port, true, false));
  const auto alone = listen_tcp(listen, port, false, false);
  ASSERT_FALSE(alone);
  EXPECT_EQ(alone.error().what, fmt::format("bind 127.0.0.1:{}: Address already in use", port));
  EXPECT_EQ(alone.error().code, EADDRINUSE);
}

TEST(ListenTcp, does_not_block) {
  const auto listener = listen_tcp(listen_on("127.0.0.1"), 0, true, false);
  ASSERT_TRUE(listener);
  EXPECT_EQ(::accept4(listener->get(), nullptr, nullptr, SOCK_CLOEXEC), -1);
  EXPECT_EQ(errno, EAGAIN);
}

TEST(ListenTcp, accepts_connections_that_do_not_wait_with_small_messages) {
  const auto listener = listen_tcp(listen_on("127.0.0.1"), 0, true, false);
  ASSERT_TRUE(listener);
  const Fd client = connected(SocketAddress{local_endpoint(listener->get())});
  const Fd server{::accept4(listener->get(), nullptr, nullptr, SOCK_CLOEXEC)};
  int no_delay = 0;
  socklen_t size = sizeof no_delay;
  ASSERT_EQ(::getsockopt(server.get(), IPPROTO_TCP, TCP_NODELAY, &no_delay, &size), 0);
  EXPECT_EQ(no_delay, 1);
}

TEST(ListenTcp, is_transparent_or_says_why_not) {
  for (const std::string address : {"127.0.0.1", "::1", "*"}) {
    const auto listener = listen_tcp(listen_on(address), 0, true, true);
    if (listener) {
      EXPECT_EQ(option(listener->get(), IPPROTO_IP, IP_TRANSPARENT), 1);
    } else {
      EXPECT_TRUE(listener.error().what.starts_with("make ")) << listener.error().what;
      EXPECT_EQ(listener.error().code, EPERM);
    }
  }
}

TEST(BindUdp, has_the_options_of_the_data_path) {
  for (const std::string address : {"127.0.0.1", "::1", "*"}) {
    const auto socket = bind_udp(listen_on(address), 0, true);
    ASSERT_TRUE(socket) << socket.error().what;
    EXPECT_EQ(option(socket->get(), IPPROTO_IP, IP_PKTINFO), 1);
    EXPECT_EQ(option(socket->get(), IPPROTO_UDP, UDP_GRO), 1);
    EXPECT_EQ(option(socket->get(), SOL_SOCKET, SO_REUSEPORT), 1);
    EXPECT_GE(option(socket->get(), SOL_SOCKET, SO_RCVBUF), 65'536);
    if (address != "127.0.0.1") {
      EXPECT_EQ(option(socket->get(), IPPROTO_IPV6, IPV6_RECVPKTINFO), 1);
    }
  }
}

TEST(CheckFree, refuses_a_port_that_somebody_listens_on_although_both_would_share_it) {
  for (const std::string address : {"127.0.0.1", "*"}) {
    const auto listen = listen_on(address);
    const auto tcp = listen_tcp(listen, 0, true, false);
    ASSERT_TRUE(tcp);
    const auto tcp_port = local_endpoint(tcp->get()).port;
    EXPECT_FALSE(check_free(listen, tcp_port, SOCK_STREAM));
    EXPECT_FALSE(check_free(listen_on("*"), tcp_port, SOCK_STREAM));

    const auto udp = bind_udp(listen, 0, true);
    ASSERT_TRUE(udp);
    const auto udp_port = local_endpoint(udp->get()).port;
    const auto refused = check_free(listen, udp_port, SOCK_DGRAM);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().what, fmt::format("bind {}:{}: Address already in use", address, udp_port));
  }
}

TEST(CheckFree, allows_a_port_of_which_only_closed_connections_are_left) {
  const auto listen = listen_on("127.0.0.1");
  std::uint16_t port = 0;
  {
    const auto listener = listen_tcp(listen, 0, true, false);
    ASSERT_TRUE(listener);
    port = local_endpoint(listener->get()).port;
    const Fd client = connected(SocketAddress{local_endpoint(listener->get())});
    Fd server{::accept4(listener->get(), nullptr, nullptr, SOCK_CLOEXEC)};
    server.reset();  // first, so that TIME_WAIT is on our side
  }
  EXPECT_TRUE(check_free(listen, port, SOCK_STREAM));
  EXPECT_TRUE(listen_tcp(listen, port, true, false));
}

TEST(ListenUnix, takes_connections_from_everybody_the_umask_allows) {
  const test::TemporaryDirectory directory;
  const auto path = directory.file("x.sock");
  const mode_t before = ::umask(0022);
  const auto listener = listen_unix(path);
  ::umask(before);
  ASSERT_TRUE(listener) << listener.error().what;
  struct stat file{};
  ASSERT_EQ(::lstat(path.c_str(), &file), 0);
  EXPECT_EQ(file.st_mode, static_cast<mode_t>(S_IFSOCK | 0644));
  EXPECT_TRUE(connected(SocketAddress::unix_path(path)));
}

TEST(ListenUnix, takes_over_a_path_that_nobody_listens_on_any_more) {
  const test::TemporaryDirectory directory;
  const auto path = directory.file("x.sock");
  {
    const auto gone = listen_unix(path);
    ASSERT_TRUE(gone);
  }
  const auto listener = listen_unix(path);
  ASSERT_TRUE(listener) << listener.error().what;
  EXPECT_TRUE(connected(SocketAddress::unix_path(path)));
}

TEST(ListenUnix, leaves_a_path_to_who_listens_on_it_and_a_file_alone) {
  const test::TemporaryDirectory directory;
  const auto path = directory.file("x.sock");
  const auto listener = listen_unix(path);
  ASSERT_TRUE(listener);
  const auto second = listen_unix(path);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().what, "bind unix:" + path + ": Address already in use");
  EXPECT_TRUE(connected(SocketAddress::unix_path(path)));

  const auto text = directory.write("text", std::string_view{"precious"});
  EXPECT_FALSE(listen_unix(text));
  EXPECT_EQ(test::file_bytes(text).size(), 8U);
  EXPECT_FALSE(listen_unix(directory.file("no/such/directory")));
}

TEST(ListenUnix, leaves_alone_what_a_symbolic_link_leads_to) {
  const test::TemporaryDirectory directory;
  const auto path = directory.file("x.sock");
  const auto link = directory.file("link.sock");
  ASSERT_TRUE(listen_unix(path));  // closed again: nobody listens
  std::filesystem::create_symlink(path, link);
  EXPECT_FALSE(listen_unix(link));
  EXPECT_TRUE(std::filesystem::is_socket(path));
}

TEST(PendingError, is_told_once) {
  const auto listener = listen_tcp(listen_on("127.0.0.1"), 0, false, false);
  ASSERT_TRUE(listener);
  const SocketAddress address{local_endpoint(listener->get())};
  const Fd client = connected(address);
  Fd server{::accept4(listener->get(), nullptr, nullptr, SOCK_CLOEXEC)};
  EXPECT_EQ(pending_error(client.get()), 0);
  const linger reset{.l_onoff = 1, .l_linger = 0};
  ASSERT_EQ(::setsockopt(server.get(), SOL_SOCKET, SO_LINGER, &reset, sizeof reset), 0);
  server.reset();
  EXPECT_EQ(pending_error(client.get()), ECONNRESET);
  EXPECT_EQ(pending_error(client.get()), 0);
  EXPECT_EQ(pending_error(-1), EBADF);
}

TEST(Endpoints, of_what_has_none_are_none) {
  const Fd socket{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  EXPECT_EQ(peer_endpoint(socket.get()), Endpoint{});
  EXPECT_EQ(local_endpoint(-1), Endpoint{});
  const test::TemporaryDirectory directory;
  const auto listener = listen_unix(directory.file("x.sock"));
  ASSERT_TRUE(listener);
  EXPECT_EQ(local_endpoint(listener->get()), Endpoint{});
}

}  // namespace
}  // namespace tidegate
