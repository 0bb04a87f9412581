// libFuzzer target: whatever the frame, decode() reads nothing outside it and what it says holds together.
#include <cstddef>
#include <cstdint>

#include "base/check.h"
#include "packet/decode.h"
#include "packet/describe.h"
#include "tests/fuzz/decode_input.h"
#include "tests/support/decoding.h"

namespace tidegate {
namespace {

using packet::Headers;
using packet::Reject;

bool is_cut(Reject reject) {
  return reject == Reject::cut_link || reject == Reject::cut_vlan || reject == Reject::cut_arp ||
         reject == Reject::cut_ip || reject == Reject::cut_extension || reject == Reject::cut_transport;
}

void check_headers(const Headers& headers, std::uint32_t wire_length) {
  const bool has_ports = headers.protocol == Protocol::tcp || headers.protocol == Protocol::udp;
  TIDEGATE_CHECK(headers.vlans <= headers.vlan.size());
  TIDEGATE_CHECK(headers.vlan[0] <= 0x0fff && headers.vlan[1] <= 0x0fff);
  TIDEGATE_CHECK(headers.ip_bytes <= wire_length);
  TIDEGATE_CHECK(headers.payload <= headers.ip_bytes);
  switch (headers.ip_version) {
    case 0:
      TIDEGATE_CHECK(!has_ports && !headers.source.is_v6() && headers.arp == headers.source.is_v4());
      break;
    case 4:
      TIDEGATE_CHECK(!headers.arp && headers.source.is_v4() && headers.destination.is_v4());
      break;
    case 6:
      TIDEGATE_CHECK(!headers.arp && headers.source.is_v6() && headers.destination.is_v6());
      break;
    default:
      TIDEGATE_CHECK(false);
  }
  TIDEGATE_CHECK(headers.arp == (headers.protocol == Protocol::arp));
  TIDEGATE_CHECK(has_ports || headers.payload == 0);
  TIDEGATE_CHECK(headers.payload_at <= wire_length && headers.payload <= wire_length - headers.payload_at);
  if (!has_ports || headers.later_fragment) {
    TIDEGATE_CHECK(headers.payload_at == 0);
    TIDEGATE_CHECK(headers.source_port == 0 && headers.destination_port == 0 && headers.tcp_flags == 0);
  }
}

}  // namespace
}  // namespace tidegate

// NOLINTNEXTLINE(readability-identifier-naming): the name is libFuzzer's
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace tidegate;
  if (size < test::DecodeInput::kPrefix) return -1;
  const auto input = test::DecodeInput::of({data, size});
  const auto wire_length = static_cast<std::uint32_t>(input.frame.size()) + input.not_captured;

  const auto whole = test::decoded(input.frame, input.link, wire_length);
  if (whole) {
    check_headers(*whole, wire_length);
    TIDEGATE_CHECK(!packet::describe_network(*whole).empty());
    TIDEGATE_CHECK(packet::describe_link(*whole).empty() == !(whole->source_mac || whole->destination_mac));
    TIDEGATE_CHECK(packet::to_sample(*whole, {}).bytes == whole->ip_bytes);
  } else {
    TIDEGATE_CHECK(!packet::to_string(whole.error()).empty());
  }
  // A shorter capture of the same frame is read alike, or is said to be cut.
  const auto half = test::decoded(input.frame.first(input.frame.size() / 2), input.link, wire_length);
  TIDEGATE_CHECK(half == whole || (!half && is_cut(half.error())));
  return 0;
}
