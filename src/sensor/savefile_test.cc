// What is appended can be read again, by libpcap; what others wrote is respected.
#include "sensor/savefile.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <csignal>
#include <initializer_list>

#include "base/fd.h"
#include "sensor/replay.h"
#include "tests/support/packet_builder.h"
#include "tests/support/savefile_bytes.h"
#include "tests/support/temporary_directory.h"

namespace tidegate {
namespace {

using packet::LinkType;
using test::Bytes;
using test::file_bytes;
using test::PacketBuilder;
using testing::ElementsAreArray;
using testing::EndsWith;

constexpr WallTime kAt{Duration{1'700'000'000'123'456'789}};

Bytes ethernet_frame() {
  return PacketBuilder{}.ethernet().ipv4("192.0.2.1", "192.0.2.10").udp(1000, 53).payload(20).bytes();
}

struct Saved {
  Bytes frame;
  std::uint32_t wire_length = 0;
  std::int64_t at = 0;
  packet::Headers headers;
};

class Savefile : public testing::Test {
 protected:
  Result<> append(const Bytes& bytes, LinkType link = LinkType::ethernet, std::uint32_t wire_length = 0) {
    return append_to_savefile(path_, {.link = link, .bytes = bytes, .wire_length = wire_length}, kAt);
  }
  [[nodiscard]] std::vector<Saved> saved() const {
    std::vector<Saved> packets;
    ReplayCount count;
    const auto read = replay(path_, "", count, [&](const Sample& sample, const Frame& frame) {
      EXPECT_EQ(frame.link, LinkType::ethernet);
      packets.push_back({.frame = {frame.bytes.begin(), frame.bytes.end()},
                         .wire_length = frame.wire_length,
                         .at = sample.at.wall.time_since_epoch().count(),
                         .headers = *frame.headers});
    });
    EXPECT_TRUE(read) << read.error().what;
    return packets;
  }

  test::TemporaryDirectory directory_;
  std::string path_ = directory_.file("wakes.pcap");
};

TEST_F(Savefile, is_begun_as_a_classic_one_and_gone_on_with) {
  const auto first = ethernet_frame();
  const auto second = PacketBuilder{}.ethernet().ipv6("2001:db8::1", "2001:db8::2").tcp(1, 80, 0x02).bytes();
  ASSERT_TRUE(append(first));
  ASSERT_TRUE(append(second));
  const auto packets = saved();
  ASSERT_EQ(packets.size(), 2u);
  EXPECT_EQ(packets[0].frame, first);
  EXPECT_EQ(packets[0].wire_length, first.size());
  EXPECT_EQ(packets[0].at, 1'700'000'000'123'456'000);  // in microseconds, which every reader knows
  EXPECT_EQ(packets[1].frame, second);
  struct stat status{};
  ASSERT_EQ(::stat(path_.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0137u, 0u);  // 0640, less the mask of whoever runs this
  EXPECT_EQ(status.st_mode & 0600u, 0600u);
}

TEST_F(Savefile, an_empty_file_is_begun) {
  directory_.write("wakes.pcap", Bytes{});
  ASSERT_TRUE(append(ethernet_frame()));
  EXPECT_EQ(saved().size(), 1u);
}

TEST_F(Savefile, a_packet_cut_by_the_capture_keeps_its_length_on_the_wire) {
  auto frame = ethernet_frame();
  ASSERT_TRUE(append(frame, LinkType::ethernet, 1514));
  EXPECT_EQ(saved().at(0).wire_length, 1514u);
}

TEST_F(Savefile, a_packet_without_an_ethernet_header_gets_one) {
  const auto v4 = [](PacketBuilder link) { return link.ipv4("192.0.2.1", "192.0.2.10").udp(1, 53).bytes(); };
  const auto v6 = [](PacketBuilder link) { return link.ipv6("2001:db8::1", "2001:db8::2").udp(1, 53).bytes(); };
  struct Case {
    LinkType link;
    Bytes frame;
    std::size_t link_bytes;
    std::uint16_t ethertype;
  };
  const Case cases[] = {{LinkType::raw, v4({}), 0, 0x0800},
                        {LinkType::raw_101, v6({}), 0, 0x86dd},
                        {LinkType::ipv4, v4({}), 0, 0x0800},
                        {LinkType::ipv6, v6({}), 0, 0x86dd},
                        {LinkType::null, v4(PacketBuilder{}.family(2, false)), 4, 0x0800},
                        {LinkType::loop, v6(PacketBuilder{}.family(30, true)), 4, 0x86dd},
                        {LinkType::linux_sll, v4(PacketBuilder{}.sll()), 16, 0x0800},
                        {LinkType::linux_sll2, v6(PacketBuilder{}.sll2()), 20, 0x86dd}};
  for (const auto& [link, frame, link_bytes, ethertype] : cases) {
    path_ = directory_.file(std::to_string(static_cast<int>(link)));
    ASSERT_TRUE(append(frame, link, static_cast<std::uint32_t>(frame.size() + 50)));
    const auto packet = saved().at(0);
    EXPECT_EQ(packet.headers.source_mac, test::MacBytes{});
    EXPECT_EQ(packet.headers.destination_mac, test::MacBytes{});
    EXPECT_EQ(packet.headers.ethertype, ethertype);
    EXPECT_EQ(packet.headers.destination_port, 53);
    EXPECT_THAT(std::span{packet.frame}.subspan(14), ElementsAreArray(std::span{frame}.subspan(link_bytes)));
    EXPECT_EQ(packet.wire_length, frame.size() + 50 - link_bytes + 14);
  }
}

TEST_F(Savefile, a_tag_of_a_cooked_capture_is_kept) {
  ASSERT_TRUE(
      append(PacketBuilder{}.sll().vlan(3).ipv4("192.0.2.1", "192.0.2.2").udp(1, 2).bytes(), LinkType::linux_sll));
  ASSERT_TRUE(
      append(PacketBuilder{}.sll2().vlan(4).ipv4("192.0.2.1", "192.0.2.2").udp(1, 2).bytes(), LinkType::linux_sll2));
  const auto packets = saved();
  ASSERT_EQ(packets.size(), 2u);
  EXPECT_EQ(packets[0].headers.vlan[0], 3);
  EXPECT_EQ(packets[1].headers.vlan[0], 4);
}

TEST_F(Savefile, a_capture_cut_inside_its_link_header_is_an_error_and_begins_no_file) {
  const auto appended = append(Bytes(10), LinkType::linux_sll);
  ASSERT_FALSE(appended);
  EXPECT_EQ(appended.error().what, "append to " + path_ + ": the capture is cut inside its link header");
  EXPECT_TRUE(file_bytes(path_).empty());
}

TEST_F(Savefile, a_file_of_other_byte_order_and_precision_is_gone_on_with_in_its_own) {
  for (const bool big_endian : {false, true}) {
    for (const bool nanoseconds : {false, true}) {
      const auto frame = ethernet_frame();
      const auto at = kAt.time_since_epoch().count() / (nanoseconds ? 1 : 1000) * (nanoseconds ? 1 : 1000);
      const test::SavefileStyle style{.big_endian = big_endian, .nanoseconds = nanoseconds};
      const test::SavedPacket packet{.nanoseconds = at, .frame = frame};
      directory_.write("wakes.pcap", pcap_bytes(1, {packet}, style));
      ASSERT_TRUE(append(frame));
      EXPECT_EQ(file_bytes(path_), pcap_bytes(1, {packet, packet}, style));
    }
  }
}

TEST_F(Savefile, no_record_is_longer_than_the_file_allows) {
  directory_.write("wakes.pcap", test::pcap_bytes(1, {}, {.snap_length = 44}));
  const auto frame = ethernet_frame();
  ASSERT_TRUE(append(frame));
  const auto packet = saved().at(0);
  EXPECT_EQ(packet.frame.size(), 44u);
  EXPECT_EQ(packet.wire_length, frame.size());
}

TEST_F(Savefile, any_other_file_is_an_error_and_left_alone) {
  auto other_version = test::pcap_bytes(1, {});
  other_version[4] = 3;
  auto cut = test::pcap_bytes(1, {});
  cut.pop_back();
  const Bytes others[] = {test::pcapng_bytes(1, {}), test::pcap_bytes(101, {}), other_version, cut, Bytes{'#', '!'}};
  for (const auto& other : others) {
    directory_.write("wakes.pcap", other);
    const auto appended = append(ethernet_frame());
    ASSERT_FALSE(appended);
    EXPECT_EQ(appended.error().what,
              "append to " + path_ + ": not a pcap savefile of Ethernet frames, and left as it is");
    EXPECT_EQ(file_bytes(path_), other);
  }
}

TEST_F(Savefile, what_is_no_regular_file_is_an_error) {
  path_ = "/dev/null";
  EXPECT_THAT(append(ethernet_frame()).error().what, EndsWith("not a regular file"));
  path_ = directory_.file("absent/wakes.pcap");
  EXPECT_EQ(append(ethernet_frame()).error().what, "append to " + path_ + ": No such file or directory");
}

TEST_F(Savefile, a_file_that_another_is_writing_is_not_waited_for) {
  ASSERT_TRUE(append(ethernet_frame()));
  const Fd other{::open(path_.c_str(), O_RDONLY | O_CLOEXEC)};
  ASSERT_EQ(::flock(other.get(), LOCK_EX), 0);
  EXPECT_FALSE(append(ethernet_frame()));
  EXPECT_EQ(saved().size(), 1u);
}

// Allows this process files of so many bytes while it lives.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) : handler_{std::signal(SIGXFSZ, SIG_IGN)} {
    ::getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit limit{.rlim_cur = bytes, .rlim_max = before_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  FileSizeLimit(const FileSizeLimit&) = delete;
  FileSizeLimit& operator=(const FileSizeLimit&) = delete;
  ~FileSizeLimit() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, handler_);
  }

 private:
  rlimit before_{};
  void (*handler_)(int);
};

TEST_F(Savefile, a_record_that_does_not_fit_leaves_nothing_behind) {
  ASSERT_TRUE(append(ethernet_frame()));
  const auto before = file_bytes(path_);
  {
    const FileSizeLimit limit{before.size() + 30};
    EXPECT_FALSE(append(ethernet_frame()));
  }
  EXPECT_EQ(file_bytes(path_), before);
  EXPECT_TRUE(append(ethernet_frame()));
  EXPECT_EQ(saved().size(), 2u);
}

}  // namespace
}  // namespace tidegate
