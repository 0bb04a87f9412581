// A rule of nf_tables in the making: its expressions, in order, as `nft --debug=netlink` shows them.
#pragma once

#include <libnftnl/expr.h>
#include <libnftnl/rule.h>

#include <cstdint>
#include <memory>
#include <span>

#include "netfilter/batch.h"

namespace tidegate {

// Owns an object of libnftnl, whose kinds each have a function that frees them.
template <class Object, void (*kFree)(const Object*)>
struct NftFree {
  void operator()(Object* object) const { kFree(object); }
};
template <class Object, void (*kFree)(const Object*)>
using NftOwned = std::unique_ptr<Object, NftFree<Object, kFree>>;

// Registers are those of 32 bits, NFT_REG32_….
class NftRuleDraft {
 public:
  NftRuleDraft(const char* table, const char* chain);

  void meta(std::uint32_t key, std::uint32_t into);  // NFT_META_…
  void payload(std::uint32_t base, std::uint32_t offset, std::uint32_t bytes, std::uint32_t into);
  void mask(std::uint32_t in, std::uint8_t bits);  // of one byte
  template <class Value>
  void compare(std::uint32_t in, std::uint32_t how, const Value& with) {  // NFT_CMP_…
    compare_bytes(in, how, std::as_bytes(std::span{&with, 1}));
  }
  void look_up(const char* set, std::uint32_t set_number, std::uint32_t key);

  // To that queue, by nf_tables' own expression or by the target NFQUEUE of xtables. With bypass: while nobody listens
  // to the queue, packets go on as if the rule were not there.
  void to_queue(std::uint16_t queue, bool by_expression);

  void add_to(NftBatch& batch, std::uint8_t family) const;

 private:
  nftnl_expr* add(const char* kind);
  void compare_bytes(std::uint32_t in, std::uint32_t how, std::span<const std::byte> with);

  NftOwned<nftnl_rule, ::nftnl_rule_free> rule_;
};

}  // namespace tidegate
