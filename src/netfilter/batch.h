// Changes to nf_tables that the kernel carries out together or not at all (net/netfilter/nf_tables_api.c).
#pragma once

#include <libmnl/libmnl.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "netfilter/socket.h"

namespace tidegate {

class NftBatch {
 public:
  NftBatch();

  // One message, NFT_MSG_… with flags NLM_F_…, for tables of that family (NFPROTO_…); `put` adds its attributes, of at
  // most 32 KiB.
  void add(std::uint16_t type, std::uint8_t family, std::uint16_t flags, const std::function<void(nlmsghdr*)>& put);

  // Has it carried out, once. Gives the errno of the first message that could not be, 0 for done; ENOBUFS: the answer
  // was lost. Nothing else may be on its way over the socket.
  [[nodiscard]] int commit(NetfilterSocket& socket);

 private:
  void append(const nlmsghdr& message);

  std::vector<char> bytes_;
  std::size_t last_ = 0;  // where the last message begins
  std::uint32_t number_ = 0;
};

}  // namespace tidegate
