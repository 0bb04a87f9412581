// IP addresses, networks and endpoints as plain values, written as people write them (RFC 4291, RFC 5952).
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/error.h"

namespace tidegate {

class IpAddress {
 public:
  IpAddress() = default;  // no address: is_v4() and is_v6() are both false
  static IpAddress v4(std::span<const std::uint8_t, 4> bytes);
  static IpAddress v6(std::span<const std::uint8_t, 16> bytes);
  [[nodiscard]] static Result<IpAddress> parse(std::string_view text);

  [[nodiscard]] bool is_v4() const { return size_ == 4; }
  [[nodiscard]] bool is_v6() const { return size_ == 16; }
  [[nodiscard]] explicit operator bool() const { return size_ != 0; }
  [[nodiscard]] bool is_loopback() const;   // 127.0.0.0/8, ::1
  [[nodiscard]] bool is_multicast() const;  // 224.0.0.0/4, ff00::/8
  [[nodiscard]] bool is_broadcast() const;  // 255.255.255.255 only; a subnet's own is told by the frame's destination
  [[nodiscard]] std::span<const std::uint8_t> bytes() const { return {bytes_.data(), size_}; }
  [[nodiscard]] std::string to_string() const;

  auto operator<=>(const IpAddress&) const = default;

 private:
  std::array<std::uint8_t, 16> bytes_{};
  std::uint8_t size_ = 0;
};

// An address block: "10.0.0.0/8", "2001:db8::/32", or one address. Bits beyond the prefix must be zero in the text.
class Cidr {
 public:
  [[nodiscard]] static Result<Cidr> parse(std::string_view text);
  [[nodiscard]] bool contains(const IpAddress& address) const;
  [[nodiscard]] const IpAddress& network() const { return network_; }
  [[nodiscard]] std::uint8_t prefix() const { return prefix_; }
  [[nodiscard]] bool contains(const Cidr& other) const { return prefix_ <= other.prefix_ && contains(other.network_); }
  [[nodiscard]] bool is_v4() const { return network_.is_v4(); }
  [[nodiscard]] std::string to_string() const;
  bool operator==(const Cidr&) const = default;

 private:
  IpAddress network_;
  std::uint8_t prefix_ = 0;
};

struct Endpoint {
  IpAddress address;
  std::uint16_t port = 0;

  [[nodiscard]] std::string to_string() const;  // "192.0.2.1:80", "[2001:db8::1]:80"
  auto operator<=>(const Endpoint&) const = default;
};

}  // namespace tidegate

// Of a seed of the process (base/seed.h): strangers choose addresses, and must not know where theirs falls in a table.
template <>
struct std::hash<tidegate::IpAddress> {
  std::size_t operator()(const tidegate::IpAddress& address) const noexcept;
};
template <>
struct std::hash<tidegate::Endpoint> {
  std::size_t operator()(const tidegate::Endpoint& endpoint) const noexcept;
};
