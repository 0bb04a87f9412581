#include "model/port.h"

#include <array>
#include <charconv>
#include <optional>

#include "base/text.h"

namespace tidegate {

std::string_view to_string(Protocol protocol) {
  constexpr std::array<std::string_view, 6> kNames = {"other", "tcp", "udp", "icmp", "icmp6", "arp"};
  return kNames[static_cast<std::size_t>(protocol)];
}

Result<PortRange> PortRange::parse(std::string_view text) {
  const auto port = [](std::string_view digits) -> std::optional<std::uint16_t> {
    std::uint16_t value = 0;
    const auto [stop, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (error != std::errc{} || stop != digits.data() + digits.size() || value == 0) return std::nullopt;
    return value;
  };
  const auto wrong = [&] {
    return failure("\"{}\" is not a port (try tcp/80, udp/8211 or tcp/27000-27015; 1 to 65535)", printable(text));
  };
  const auto slash = text.find('/');
  if (slash == std::string_view::npos) return wrong();
  const auto name = text.substr(0, slash);
  if (name != "tcp" && name != "udp") return wrong();
  const auto numbers = text.substr(slash + 1);
  const auto dash = numbers.find('-');
  const auto first = port(numbers.substr(0, dash));
  const auto last = dash == std::string_view::npos ? first : port(numbers.substr(dash + 1));
  if (!first || !last || *first > *last) return wrong();
  return PortRange{name == "tcp" ? Protocol::tcp : Protocol::udp, *first, *last};
}

std::string PortRange::to_string() const {
  return first == last ? fmt::format("{}/{}", tidegate::to_string(protocol), first)
                       : fmt::format("{}/{}-{}", tidegate::to_string(protocol), first, last);
}

}  // namespace tidegate
