#include "forward/proxy_protocol.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

namespace tidegate {

namespace {

using Bytes = std::span<const std::uint8_t>;
using Kind = ProxyHeaderResult::Kind;

constexpr std::size_t kMostV1 = 107;  // with its CR LF
constexpr std::string_view kV1 = "PROXY ";
constexpr std::string_view kV2 = {"\r\n\r\n\0\r\nQUIT\n", 12};
constexpr std::size_t kV2Fixed = 16;  // signature, version and command, family and transport, length
constexpr std::uint8_t kVersion2 = 0x20;
constexpr std::uint8_t kLocal = 0;
constexpr std::uint8_t kProxy = 1;

constexpr std::array<std::uint8_t, 12> kMappedPrefix{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

// What the second byte after the signature may be, and how many bytes of addresses it stands for. All else is to be
// refused (section 2.2).
struct Family {
  std::uint8_t code;
  std::size_t addresses;
  std::size_t address;  // bytes of one, of TCP over IP; 0: nothing to us
};
constexpr std::array<Family, 7> kFamilies{{
    {0x00, 0, 0},    // unspecified
    {0x11, 12, 4},   // TCP over IPv4
    {0x12, 12, 0},   // UDP
    {0x21, 36, 16},  // TCP over IPv6
    {0x22, 36, 0},   // UDP
    {0x31, 216, 0},  // UNIX stream
    {0x32, 216, 0},  // UNIX datagram
}};
constexpr std::uint8_t kTcp4 = 0x11;
constexpr std::uint8_t kTcp6 = 0x21;

ProxyHeaderResult invalid(std::string_view reason) {
  return {.kind = Kind::invalid, .reason = reason, .length = 0, .source = {}, .destination = {}};
}

ProxyHeaderResult without_addresses(std::size_t length) {
  return {.kind = Kind::header, .reason = {}, .length = length, .source = {}, .destination = {}};
}

IpAddress mapped(const IpAddress& address) {
  if (!address.is_v4()) return address;
  std::array<std::uint8_t, 16> bytes{};
  std::ranges::copy(kMappedPrefix, bytes.begin());
  std::ranges::copy(address.bytes(), bytes.begin() + kMappedPrefix.size());
  return IpAddress::v6(bytes);
}

IpAddress unmapped(const IpAddress& address) {
  const auto bytes = address.bytes();
  if (!address.is_v6() || !std::ranges::equal(bytes.first(kMappedPrefix.size()), kMappedPrefix)) return address;
  return IpAddress::v4(bytes.last<4>());
}

// --- version 1: one line of text

bool begins(Bytes bytes, std::string_view signature) {
  const auto common = std::min(bytes.size(), signature.size());
  return std::ranges::equal(bytes.first(common), signature.substr(0, common),
                            [](std::uint8_t byte, char c) { return byte == static_cast<std::uint8_t>(c); });
}

// The word up to the next space, which is taken too; the last word ends with the line.
std::string_view take_word(std::string_view& line) {
  const auto space = line.find(' ');
  const auto word = line.substr(0, space);
  line.remove_prefix(space == std::string_view::npos ? line.size() : space + 1);
  return word;
}

std::optional<std::uint16_t> port_of(std::string_view text) {
  std::uint16_t port = 0;
  if (text.empty() || (text.front() == '0' && text.size() > 1)) return std::nullopt;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return port;
}

ProxyHeaderResult parse_v1(Bytes bytes) {
  constexpr std::string_view kLineEnd = "\r\n";
  const auto line_bytes = bytes.first(std::min(bytes.size(), kMostV1));
  const std::string text{line_bytes.begin(), line_bytes.end()};
  const auto end = text.find(kLineEnd);
  if (end == std::string::npos) {
    return bytes.size() < kMostV1 ? ProxyHeaderResult{} : invalid("no line end within 107 bytes");
  }
  const std::size_t length = end + kLineEnd.size();
  std::string_view line{text.data() + kV1.size(), end - kV1.size()};
  const bool words_end = !line.ends_with(' ');
  const auto family = take_word(line);
  if (family == "UNKNOWN") return without_addresses(length);  // whatever follows is to be ignored
  if (family != "TCP4" && family != "TCP6") return invalid("neither TCP4, TCP6 nor UNKNOWN");

  const auto source = IpAddress::parse(take_word(line));
  const auto destination = IpAddress::parse(take_word(line));
  const auto of_family = [&](const Result<IpAddress>& address) {
    return address && (family == "TCP4" ? address->is_v4() : address->is_v6());
  };
  if (!of_family(source) || !of_family(destination)) return invalid("an address is not one of its family");
  const auto source_port = port_of(take_word(line));
  const auto destination_port = port_of(take_word(line));
  if (!source_port || !destination_port) return invalid("a port is not a number up to 65535");
  if (!line.empty() || !words_end) return invalid("more on its line than two addresses and two ports");
  return {.kind = Kind::header,
          .reason = {},
          .length = length,
          .source = {unmapped(*source), *source_port},
          .destination = {unmapped(*destination), *destination_port}};
}

// --- version 2: binary

std::uint16_t number(Bytes bytes) { return static_cast<std::uint16_t>(bytes[0] << 8 | bytes[1]); }

IpAddress address_of(Bytes bytes) {
  if (bytes.size() == 4) return IpAddress::v4(bytes.first<4>());
  return unmapped(IpAddress::v6(bytes.first<16>()));
}

ProxyHeaderResult parse_v2(Bytes bytes) {
  constexpr std::size_t kCommandAt = 12;
  constexpr std::size_t kFamilyAt = 13;
  constexpr std::size_t kLengthAt = 14;
  if (bytes.size() <= kCommandAt) return {};
  const auto command = static_cast<std::uint8_t>(bytes[kCommandAt] ^ kVersion2);
  if (command != kLocal && command != kProxy) return invalid("neither LOCAL nor PROXY of version 2");
  if (bytes.size() <= kFamilyAt) return {};
  const auto* const family = std::ranges::find(kFamilies, bytes[kFamilyAt], &Family::code);
  // Of LOCAL the family is to be ignored, whatever it is.
  if (command == kProxy && family == kFamilies.end()) return invalid("an unknown family or transport");
  if (bytes.size() < kV2Fixed) return {};
  const std::size_t rest = number(bytes.subspan(kLengthAt));
  if (kV2Fixed + rest > kMostProxyHeader) return invalid("longer than 536 bytes");
  if (command == kProxy && rest < family->addresses) return invalid("shorter than its addresses");
  if (bytes.size() < kV2Fixed + rest) return {};
  if (command == kLocal || family->address == 0) return without_addresses(kV2Fixed + rest);

  const auto size = family->address;
  const auto block = bytes.subspan(kV2Fixed);
  return {.kind = Kind::header,
          .reason = {},
          .length = kV2Fixed + rest,
          .source = {address_of(block.first(size)), number(block.subspan(2 * size))},
          .destination = {address_of(block.subspan(size, size)), number(block.subspan(2 * size + 2))}};
}

std::string format_v1(const Endpoint& source, const Endpoint& destination) {
  if (!source.address) return "PROXY UNKNOWN\r\n";
  return fmt::format("{}{} {} {} {} {}\r\n", kV1, source.address.is_v4() ? "TCP4" : "TCP6", source.address.to_string(),
                     destination.address.to_string(), source.port, destination.port);
}

std::string format_v2(const Endpoint& source, const Endpoint& destination) {
  std::string header{kV2};
  const auto put = [&](std::size_t byte) { header.push_back(static_cast<char>(byte & 0xff)); };
  const auto put_number = [&](std::size_t value) {
    put(value >> 8);
    put(value);
  };
  if (!source.address) {
    put(kVersion2 | kLocal);
    put(0);
    put_number(0);
    return header;
  }
  const auto size = source.address.bytes().size();
  put(kVersion2 | kProxy);
  put(source.address.is_v4() ? kTcp4 : kTcp6);
  put_number(2 * size + 4);
  for (const auto byte : source.address.bytes()) put(byte);
  for (const auto byte : destination.address.bytes()) put(byte);
  put_number(source.port);
  put_number(destination.port);
  return header;
}

}  // namespace

std::string format_proxy_header(ProxyHeader version, const Endpoint& source, const Endpoint& destination) {
  Endpoint from = source;
  Endpoint to = destination;
  if (!from.address || !to.address) from = to = {};
  if (from.address.is_v4() != to.address.is_v4()) {
    from.address = mapped(from.address);
    to.address = mapped(to.address);
  }
  switch (version) {
    case ProxyHeader::none:
      return {};
    case ProxyHeader::v1:
      return format_v1(from, to);
    case ProxyHeader::v2:
      return format_v2(from, to);
  }
  return {};
}

ProxyHeaderResult parse_proxy_header(std::span<const std::uint8_t> so_far) {
  if (so_far.empty()) return {};
  if (begins(so_far, kV1)) return so_far.size() < kV1.size() ? ProxyHeaderResult{} : parse_v1(so_far);
  if (begins(so_far, kV2)) return parse_v2(so_far);
  return invalid("no PROXY header");
}

}  // namespace tidegate
