#include "model/address.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <cstring>

#include "base/seed.h"
#include "base/text.h"
#include "model/key_hash.h"

namespace tidegate {

IpAddress IpAddress::v4(std::span<const std::uint8_t, 4> bytes) {
  IpAddress address;
  std::memcpy(address.bytes_.data(), bytes.data(), bytes.size());
  address.size_ = 4;
  return address;
}

IpAddress IpAddress::v6(std::span<const std::uint8_t, 16> bytes) {
  IpAddress address;
  std::memcpy(address.bytes_.data(), bytes.data(), bytes.size());
  address.size_ = 16;
  return address;
}

Result<IpAddress> IpAddress::parse(std::string_view text) {
  const std::string terminated{text};
  IpAddress address;
  if (text.find('\0') == std::string_view::npos) {
    if (::inet_pton(AF_INET, terminated.c_str(), address.bytes_.data()) == 1)
      address.size_ = 4;
    else if (::inet_pton(AF_INET6, terminated.c_str(), address.bytes_.data()) == 1)
      address.size_ = 16;
  }
  if (!address) return failure("\"{}\" is not an IP address (try 192.0.2.10 or 2001:db8::10)", printable(text));
  return address;
}

bool IpAddress::is_loopback() const {
  if (is_v4()) return bytes_[0] == 127;
  return is_v6() && bytes_[15] == 1 && std::all_of(bytes_.begin(), bytes_.begin() + 15, [](auto b) { return b == 0; });
}

bool IpAddress::is_multicast() const { return is_v4() ? (bytes_[0] & 0xf0) == 0xe0 : is_v6() && bytes_[0] == 0xff; }

bool IpAddress::is_broadcast() const {
  return is_v4() && bytes_[0] == 0xff && bytes_[1] == 0xff && bytes_[2] == 0xff && bytes_[3] == 0xff;
}

std::string IpAddress::to_string() const {
  if (size_ == 0) return "-";
  char text[INET6_ADDRSTRLEN];
  ::inet_ntop(is_v4() ? AF_INET : AF_INET6, bytes_.data(), text, sizeof text);
  return text;
}

Result<Cidr> Cidr::parse(std::string_view text) {
  const auto wrong = [&] {
    return failure("\"{}\" is not a network (try 10.0.0.0/8, 2001:db8::/32 or one address)", printable(text));
  };
  const auto slash = text.find('/');
  const auto address = IpAddress::parse(text.substr(0, slash));
  if (!address) return wrong();
  Cidr cidr;
  cidr.network_ = *address;
  const auto bits = address->bytes().size() * 8;
  unsigned prefix = static_cast<unsigned>(bits);
  if (slash != std::string_view::npos) {
    const auto digits = text.substr(slash + 1);
    const auto [stop, error] = std::from_chars(digits.data(), digits.data() + digits.size(), prefix);
    if (error != std::errc{} || stop != digits.data() + digits.size() || prefix > bits) return wrong();
  }
  cidr.prefix_ = static_cast<std::uint8_t>(prefix);
  for (std::size_t bit = prefix; bit < bits; ++bit) {
    if ((address->bytes()[bit / 8] >> (7 - bit % 8) & 1) != 0) {
      return failure("\"{}\" has bits set behind its prefix of {}", printable(text), prefix);
    }
  }
  return cidr;
}

bool Cidr::contains(const IpAddress& address) const {
  if (address.bytes().size() != network_.bytes().size()) return false;
  const std::size_t whole = prefix_ / 8;
  if (std::memcmp(address.bytes().data(), network_.bytes().data(), whole) != 0) return false;
  const unsigned rest = prefix_ % 8;
  if (rest == 0) return true;
  return (address.bytes()[whole] ^ network_.bytes()[whole]) >> (8 - rest) == 0;
}

std::string Cidr::to_string() const {
  if (prefix_ == network_.bytes().size() * 8) return network_.to_string();
  return fmt::format("{}/{}", network_.to_string(), prefix_);
}

std::string Endpoint::to_string() const {
  return address.is_v6() ? fmt::format("[{}]:{}", address.to_string(), port)
                         : fmt::format("{}:{}", address.to_string(), port);
}

}  // namespace tidegate

std::size_t std::hash<tidegate::IpAddress>::operator()(const tidegate::IpAddress& address) const noexcept {
  return tidegate::hash_address(address, tidegate::process_seed());
}

std::size_t std::hash<tidegate::Endpoint>::operator()(const tidegate::Endpoint& endpoint) const noexcept {
  return tidegate::hash_address(endpoint.address, tidegate::process_seed() ^ endpoint.port);
}
