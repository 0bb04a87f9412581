// See savefile.h. The format: draft-ietf-opsawg-pcap. A file that another program began is gone on with in its own byte
// order and precision.
#include "sensor/savefile.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <chrono>
#include <cstring>
#include <optional>
#include <span>
#include <vector>

#include "base/fd.h"

namespace tidegate {
namespace {

constexpr std::uint32_t kMicroseconds = 0xa1b2c3d4;
constexpr std::uint32_t kNanoseconds = 0xa1b23c4d;
constexpr std::uint16_t kVersion[] = {2, 4};
constexpr std::uint32_t kEthernet = 1;
constexpr std::uint32_t kSnapLength = 262144;  // as tcpdump's
constexpr std::size_t kFileHeaderBytes = 24;

using Bytes = std::vector<std::uint8_t>;

// How a file writes its numbers, from its header.
struct Style {
  bool swapped = false;  // the other byte order than this host's
  bool nanoseconds = false;
  std::uint32_t snap_length = kSnapLength;
};

template <class Number>
Number ordered(Number number, bool swapped) {
  return swapped ? std::byteswap(number) : number;
}

template <class Number>
Number read_number(std::span<const std::uint8_t> from, bool swapped) {
  Number number{};
  std::memcpy(&number, from.data(), sizeof number);
  return ordered(number, swapped);
}

template <class Number>
void put(Bytes& to, Number number, bool swapped) {
  const auto bytes = std::bit_cast<std::array<std::uint8_t, sizeof number>>(ordered(number, swapped));
  to.insert(to.end(), bytes.begin(), bytes.end());
}

// The style of a classic savefile of Ethernet frames; nothing for any other file.
std::optional<Style> style_of(std::span<const std::uint8_t, kFileHeaderBytes> header) {
  for (const bool swapped : {false, true}) {
    const auto magic = read_number<std::uint32_t>(header, swapped);
    if (magic != kMicroseconds && magic != kNanoseconds) continue;
    if (read_number<std::uint16_t>(header.subspan(4), swapped) != kVersion[0]) return std::nullopt;
    if (read_number<std::uint16_t>(header.subspan(6), swapped) != kVersion[1]) return std::nullopt;
    if (read_number<std::uint32_t>(header.subspan(20), swapped) != kEthernet) return std::nullopt;
    const auto snap_length = read_number<std::uint32_t>(header.subspan(16), swapped);
    return Style{.swapped = swapped,
                 .nanoseconds = magic == kNanoseconds,
                 .snap_length = snap_length == 0 ? kSnapLength : std::min(snap_length, kSnapLength)};
  }
  return std::nullopt;
}

void put_file_header(Bytes& to, const Style& style) {
  put(to, style.nanoseconds ? kNanoseconds : kMicroseconds, style.swapped);
  put(to, kVersion[0], style.swapped);
  put(to, kVersion[1], style.swapped);
  put(to, std::uint64_t{0}, style.swapped);
  put(to, style.snap_length, style.swapped);
  put(to, kEthernet, style.swapped);
}

// A link header that is not Ethernet's: how long it is, and the EtherType it gives, in network byte order.
struct LinkHeader {
  std::size_t bytes;
  std::array<std::uint8_t, 2> ethertype;
};

std::optional<LinkHeader> link_header(const Frame& frame) {
  using enum packet::LinkType;
  const auto bytes = frame.bytes;
  const auto ip_at = [&](std::size_t at) -> std::optional<LinkHeader> {
    if (bytes.size() <= at) return std::nullopt;
    if (bytes[at] >> 4 == 6) return LinkHeader{at, {0x86, 0xdd}};
    return LinkHeader{at, {0x08, 0x00}};
  };
  switch (frame.link) {
    case null:
    case loop:
      return ip_at(4);
    case raw:
    case raw_101:
    case packet::LinkType::ipv4:
    case packet::LinkType::ipv6:
      return ip_at(0);
    case linux_sll:
      if (bytes.size() < 16) return std::nullopt;
      return LinkHeader{16, {bytes[14], bytes[15]}};
    case linux_sll2:
      if (bytes.size() < 20) return std::nullopt;
      return LinkHeader{20, {bytes[0], bytes[1]}};
    case ethernet:
      break;
  }
  return std::nullopt;
}

// The frame as Ethernet carries it. The error: the capture is cut inside a link header that must be replaced.
Result<Bytes> ethernet_frame(const Frame& frame) {
  if (frame.link == packet::LinkType::ethernet) return Bytes(frame.bytes.begin(), frame.bytes.end());
  const auto link = link_header(frame);
  if (!link) return failure("the capture is cut inside its link header");
  Bytes ethernet(12, 0);
  ethernet.insert(ethernet.end(), link->ethertype.begin(), link->ethertype.end());
  const auto network = frame.bytes.subspan(link->bytes);
  ethernet.insert(ethernet.end(), network.begin(), network.end());
  return ethernet;
}

void put_packet(Bytes& to, const Frame& frame, const Bytes& ethernet, WallTime at, const Style& style) {
  using std::chrono::nanoseconds, std::chrono::seconds;
  const auto since_epoch = std::max(nanoseconds{0}, nanoseconds{at.time_since_epoch()});
  const auto whole = std::chrono::floor<seconds>(since_epoch);
  const auto part = (since_epoch - whole).count() / (style.nanoseconds ? 1 : 1000);
  const auto kept = std::min<std::size_t>(ethernet.size(), style.snap_length);
  const auto not_captured = std::max<std::size_t>(frame.wire_length, frame.bytes.size()) - frame.bytes.size();
  put(to, static_cast<std::uint32_t>(whole.count()), style.swapped);
  put(to, static_cast<std::uint32_t>(part), style.swapped);
  put(to, static_cast<std::uint32_t>(kept), style.swapped);
  put(to, static_cast<std::uint32_t>(ethernet.size() + not_captured), style.swapped);
  to.insert(to.end(), ethernet.begin(), ethernet.begin() + static_cast<std::ptrdiff_t>(kept));
}

}  // namespace

Result<> append_to_savefile(const std::string& path, const Frame& frame, WallTime at) {
  const std::string appending = "append to " + path;
  const auto ethernet = ethernet_frame(frame);
  if (!ethernet) return failure("{}: {}", appending, ethernet.error().what);

  const Fd file{::open(path.c_str(), O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0640)};
  if (!file) return system_failure(appending);
  struct stat before{};
  // Locked, so that of two writers only one begins the file; and not waited for, so that a captured packet never is.
  if (::flock(file.get(), LOCK_EX | LOCK_NB) != 0 || ::fstat(file.get(), &before) != 0) {
    return system_failure(appending);
  }
  if (!S_ISREG(before.st_mode)) return failure("{}: not a regular file", appending);

  Style style;
  Bytes record;
  if (before.st_size == 0) {
    put_file_header(record, style);
  } else {
    std::array<std::uint8_t, kFileHeaderBytes> header{};
    const auto got = ::pread(file.get(), header.data(), header.size(), 0);
    if (got < 0) return system_failure(appending);
    const auto found = style_of(header);
    if (got < static_cast<ssize_t>(header.size()) || !found) {
      return failure("{}: not a pcap savefile of Ethernet frames, and left as it is", appending);
    }
    style = *found;
  }
  put_packet(record, frame, *ethernet, at, style);

  const auto written = ::write(file.get(), record.data(), record.size());
  if (written == static_cast<ssize_t>(record.size())) return {};
  auto error = system_failure(appending, written < 0 ? errno : ENOSPC);
  // Half a record would spoil what others append behind it.
  if (written > 0 && ::ftruncate(file.get(), before.st_size) != 0) {
    return failure("{}; and its end is damaged now: {}", error.error().what, std::strerror(errno));
  }
  return error;
}

}  // namespace tidegate
