// A network namespace of the test's own, with what it takes to make interfaces in it and to put frames on them.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netpacket/packet.h>
#include <sched.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <span>
#include <string>
#include <utility>

#include "base/fd.h"

namespace tidegate::test {

// Each test runs in a namespace made for it, in which only a loopback interface is there and up. Skipped where the
// kernel does not let us make one.
class NetworkTest : public testing::Test {
 protected:
  void SetUp() override {
    Fd home{::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC)};
    ASSERT_TRUE(home) << std::strerror(errno);
    if (::unshare(CLONE_NEWNET) != 0) {
      GTEST_SKIP() << "make a network namespace: " << std::strerror(errno);
    }
    home_ = std::move(home);
    ip("link set lo up");
  }
  void TearDown() override {
    if (home_) ASSERT_EQ(::setns(home_.get(), CLONE_NEWNET), 0) << std::strerror(errno);
  }

  // Runs ip(8).
  static void ip(const std::string& arguments) {
    ASSERT_EQ(std::system(("ip " + arguments).c_str()), 0) << "ip " << arguments;
  }

  // A pair of interfaces with nothing of their own on the wire: no IPv6, no ARP.
  static void make_pair(const std::string& one, const std::string& other) {
    ip("link add " + one + " type veth peer name " + other);
    for (const auto& name : {one, other}) {
      ip("link set " + name + " arp off addrgenmode none");
    }
    up(one);
    up(other);
  }
  static void up(const std::string& name) { ip("link set " + name + " up"); }

  static std::uint32_t index_of(const std::string& name) { return ::if_nametoindex(name.c_str()); }

  // Puts a whole frame on the wire, out of that interface.
  void send_frame(const std::string& interface, std::span<const std::uint8_t> frame) {
    if (!wire_) wire_.reset(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0));  // protocol 0: it receives nothing
    ASSERT_TRUE(wire_) << std::strerror(errno);
    sockaddr_ll to{};
    to.sll_family = AF_PACKET;
    to.sll_ifindex = static_cast<int>(index_of(interface));
    const auto sent =
        ::sendto(wire_.get(), frame.data(), frame.size(), 0, reinterpret_cast<const sockaddr*>(&to), sizeof to);
    ASSERT_EQ(sent, static_cast<ssize_t>(frame.size())) << interface << ": " << std::strerror(errno);
  }

 private:
  Fd home_;  // the namespace to go back to, once we have left it
  Fd wire_;  // kept, because the kernel takes its time to close one
};

}  // namespace tidegate::test
