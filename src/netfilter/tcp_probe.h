// A question to one side of a TCP connection that is to end, in the name of the other side: a SYN, which an open
// connection answers with an acknowledgement that says where it is (RFC 5961, section 4). That answer meets the rule
// that resets it, so that also a side which is silent learns of the end.
#pragma once

#include <cstdint>
#include <span>

#include "base/error.h"
#include "model/address.h"

namespace tidegate {

struct TcpProbe {
  Endpoint from;  // in whose name
  Endpoint to;
};

// Sends one packet for each, of that mark (SO_MARK), which rules are to keep untracked. Needs CAP_NET_RAW. The error is
// that of the first that could not be sent; the others are sent all the same.
[[nodiscard]] Result<> send_probes(std::span<const TcpProbe> probes, std::uint32_t mark);

}  // namespace tidegate
