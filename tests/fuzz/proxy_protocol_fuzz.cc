// libFuzzer target: whatever the first bytes of a connection, parse_proxy_header() reads nothing outside them, its
// verdict on a beginning stands when more arrives, and the addresses it finds survive being written and read again.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "base/check.h"
#include "forward/proxy_protocol.h"

namespace tidegate {
namespace {

using Kind = ProxyHeaderResult::Kind;

void check_written_again(const ProxyHeaderResult& parsed) {
  for (const auto version : {ProxyHeader::v1, ProxyHeader::v2}) {
    const std::string text = format_proxy_header(version, parsed.source, parsed.destination);
    TIDEGATE_CHECK(text.size() <= kMostProxyHeader);
    const auto again = parse_proxy_header({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
    TIDEGATE_CHECK(again.kind == Kind::header && again.length == text.size());
    TIDEGATE_CHECK(again.source == parsed.source && again.destination == parsed.destination);
  }
}

void check_beginnings(std::span<const std::uint8_t> bytes, const ProxyHeaderResult& whole) {
  bool decided = false;
  for (std::size_t length = 0; length <= std::min(bytes.size(), kMostProxyHeader); ++length) {
    const auto part = parse_proxy_header(bytes.first(length));
    if (decided) {
      TIDEGATE_CHECK(part.kind == whole.kind && part.length == whole.length);
    }
    if (part.kind == Kind::need_more) continue;
    TIDEGATE_CHECK(part.kind == whole.kind);
    TIDEGATE_CHECK(part.kind == Kind::invalid || decided || part.length == length);
    decided = true;
  }
}

}  // namespace
}  // namespace tidegate

// NOLINTNEXTLINE(readability-identifier-naming): the name is libFuzzer's
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace tidegate;
  const std::span bytes{data, size};
  const auto parsed = parse_proxy_header(bytes);
  switch (parsed.kind) {
    case ProxyHeaderResult::Kind::need_more:
      TIDEGATE_CHECK(size < kMostProxyHeader);
      break;
    case ProxyHeaderResult::Kind::invalid:
      TIDEGATE_CHECK(!parsed.reason.empty());
      break;
    case ProxyHeaderResult::Kind::header:
      TIDEGATE_CHECK(parsed.length > 0 && parsed.length <= std::min(size, kMostProxyHeader));
      TIDEGATE_CHECK(static_cast<bool>(parsed.source.address) == static_cast<bool>(parsed.destination.address));
      check_written_again(parsed);
      break;
  }
  check_beginnings(bytes, parsed);
  return 0;
}
