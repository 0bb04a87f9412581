// proxy_protocol_seeds DIRECTORY: writes PROXY headers as inputs of proxy_protocol_fuzz.cc, both versions, with and
// without addresses, and some that are wrong.
#include <cstddef>
#include <string>
#include <vector>

#include "forward/proxy_protocol.h"
#include "tests/fuzz/seeds.h"

namespace {

using namespace tidegate;

Endpoint at(const char* address, std::uint16_t port) { return {*IpAddress::parse(address), port}; }

std::vector<std::string> seeds() {
  const auto v4 = at("192.0.2.1", 12'345);
  const auto v6 = at("2001:db8::1", 443);
  std::vector<std::string> all{"PROXY UNKNOWN ffff:f...f:ffff 65535\r\n", "PROXY TCP4 1.2.3.4 1.2.3.4 01 2\r\n",
                               "GET / HTTP/1.1\r\n\r\n"};
  for (const auto version : {ProxyHeader::v1, ProxyHeader::v2}) {
    for (const auto& source : {v4, v6, Endpoint{}}) {
      for (const auto& destination : {v4, v6}) {
        all.push_back(format_proxy_header(version, source, destination) + "rest");
      }
    }
  }
  std::string with_tlv = format_proxy_header(ProxyHeader::v2, v4, v4) + std::string{
                                                                            "\x04\0\x03"
                                                                            "abc",
                                                                            6};
  with_tlv[15] = 12 + 6;
  all.push_back(with_tlv);
  with_tlv[13] = 0x31;  // UNIX, and too short for it
  all.push_back(with_tlv);
  return all;
}

}  // namespace

int main(int argc, char** argv) { return tidegate::test::write_seeds({argv, static_cast<std::size_t>(argc)}, seeds()); }
