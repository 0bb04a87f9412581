// libFuzzer target: whatever the message, read_nflog_packet() and frame_of() read nothing outside it, and the frame is
// no shorter than what was captured and no longer than what was sent.
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <vector>

#include "base/check.h"
#include "sensor/nflog_message.h"

// NOLINTNEXTLINE(readability-identifier-naming): the name is libFuzzer's
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace tidegate;
  if (size < sizeof(nlmsghdr)) return -1;
  // A block of its own, of just that size: a read behind its end is seen.
  const std::unique_ptr<char[]> block{new char[size]};
  std::memcpy(block.get(), data, size);
  auto* const message = reinterpret_cast<nlmsghdr*>(block.get());
  message->nlmsg_len = static_cast<std::uint32_t>(size);
  const auto packet = read_nflog_packet(*message);
  if (!packet) return 0;
  static_cast<void>(direction_of(*packet));
  std::vector<std::uint8_t> room;
  const auto frame = frame_of(*packet, room);
  if (!frame) return 0;
  TIDEGATE_CHECK(frame->bytes.size() >= packet->payload.size());
  TIDEGATE_CHECK(frame->wire_length >= frame->bytes.size());
  static_cast<void>(packet::decode(frame->bytes, frame->link, frame->wire_length));
  return 0;
}
