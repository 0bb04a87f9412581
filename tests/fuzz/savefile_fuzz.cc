// libFuzzer target: whatever bytes a savefile is made of, replaying it gives packets that hold together, in time's
// order; and appending to it either adds one packet at its end or leaves it as it was.
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/check.h"
#include "base/fd.h"
#include "sensor/replay.h"
#include "sensor/savefile.h"

namespace tidegate {
namespace {

using Bytes = std::vector<std::uint8_t>;

void write_all(const Fd& file, std::span<const std::uint8_t> bytes) {
  TIDEGATE_CHECK(::write(file.get(), bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()));
}

Bytes read_all(const Fd& file) {
  const auto size = ::lseek(file.get(), 0, SEEK_END);
  TIDEGATE_CHECK(size >= 0);
  Bytes bytes(static_cast<std::size_t>(size));
  TIDEGATE_CHECK(::pread(file.get(), bytes.data(), bytes.size(), 0) == size);
  return bytes;
}

// What a replay said: how many packets, and the last frame.
struct Played {
  std::uint64_t packets = 0;
  bool whole = false;  // no error
  Bytes last;
};

Played play(const std::string& path) {
  Played played;
  Now latest{.instant = Instant{}, .wall = WallTime{}};
  ReplayCount count;
  const auto read = replay(path, "", count, [&](const Sample& sample, const Frame& frame) {
    TIDEGATE_CHECK(sample.at.instant >= latest.instant && sample.at.wall >= latest.wall);
    TIDEGATE_CHECK(sample.at.instant.time_since_epoch() == sample.at.wall.time_since_epoch());
    latest = sample.at;
    TIDEGATE_CHECK(frame.headers != nullptr && frame.headers->ip_bytes <= frame.wire_length);
    const auto payload = packet::captured_payload(*frame.headers, frame.bytes);
    TIDEGATE_CHECK(payload.size() <= frame.bytes.size());
    TIDEGATE_CHECK(++played.packets == count.packets);
    played.last.assign(frame.bytes.begin(), frame.bytes.end());
  });
  played.whole = read.has_value();
  TIDEGATE_CHECK(played.packets == count.packets && (played.whole || !read.error().what.empty()));
  return played;
}

// An ARP request (RFC 826), which is whole in any capture of it.
constexpr std::array<std::uint8_t, 42> kFrame = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0,   1, 8, 6,
                                                 0,    1,    8,    0,    6,    4,    0, 1, 2, 0, 0,   0, 0, 1,
                                                 192,  0,    2,    1,    0,    0,    0, 0, 0, 0, 192, 0, 2, 10};

}  // namespace
}  // namespace tidegate

// NOLINTNEXTLINE(readability-identifier-naming): the name is libFuzzer's
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace tidegate;
  const Fd file{::memfd_create("savefile", MFD_CLOEXEC)};
  TIDEGATE_CHECK(file);
  write_all(file, {data, size});
  const auto path = "/proc/self/fd/" + std::to_string(file.get());
  const auto before = play(path);

  const auto appended =
      append_to_savefile(path, {.link = packet::LinkType::ethernet, .bytes = kFrame, .wire_length = kFrame.size()},
                         WallTime{std::chrono::seconds{1'700'000'000}});
  const auto now = read_all(file);
  TIDEGATE_CHECK(now.size() >= size && std::equal(data, data + size, now.begin()));
  if (!appended) {
    TIDEGATE_CHECK(now.size() == size && !appended.error().what.empty());
  } else {
    constexpr std::size_t kFileHeader = 24;
    constexpr std::size_t kRecordHeader = 16;
    TIDEGATE_CHECK(now.size() - size <= kFileHeader + kRecordHeader + kFrame.size());
    const auto after = play(path);
    TIDEGATE_CHECK(after.packets >= before.packets);
    if (size == 0) TIDEGATE_CHECK(after.whole && after.packets == 1 && std::ranges::equal(after.last, kFrame));
  }
  return 0;
}
