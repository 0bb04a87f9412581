// See rule.h.
#include "netfilter/rule.h"

#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/xt_NFQUEUE.h>

#include <cstdlib>
#include <cstring>

namespace tidegate {

NftRuleDraft::NftRuleDraft(const char* table, const char* chain) : rule_{::nftnl_rule_alloc()} {
  ::nftnl_rule_set_str(rule_.get(), NFTNL_RULE_TABLE, table);
  ::nftnl_rule_set_str(rule_.get(), NFTNL_RULE_CHAIN, chain);
}

nftnl_expr* NftRuleDraft::add(const char* kind) {
  auto* const expression = ::nftnl_expr_alloc(kind);
  ::nftnl_rule_add_expr(rule_.get(), expression);  // whose it is from here on
  return expression;
}

void NftRuleDraft::meta(std::uint32_t key, std::uint32_t into) {
  auto* const expression = add("meta");
  ::nftnl_expr_set_u32(expression, NFTNL_EXPR_META_KEY, key);
  ::nftnl_expr_set_u32(expression, NFTNL_EXPR_META_DREG, into);
}

void NftRuleDraft::payload(std::uint32_t base, std::uint32_t offset, std::uint32_t bytes, std::uint32_t into) {
  auto* const expression = add("payload");
  ::nftnl_expr_set_u32(expression, NFTNL_EXPR_PAYLOAD_BASE, base);
  ::nftnl_expr_set_u32(expression, NFTNL_EXPR_PAYLOAD_OFFSET, offset);
  ::nftnl_expr_set_u32(expression, NFTNL_EXPR_PAYLOAD_LEN, bytes);
  ::nftnl_expr_set_u32(expression, NFTNL_EXPR_PAYLOAD_DREG, into);
}

void NftRuleDraft::mask(std::uint32_t in, std::uint8_t bits) {
  constexpr std::uint8_t kNothing = 0;
  auto* const expression = add("bitwise");
  ::nftnl_expr_set_u32(expression, NFTNL_EXPR_BITWISE_SREG, in);
  ::nftnl_expr_set_u32(expression, NFTNL_EXPR_BITWISE_DREG, in);
  ::nftnl_expr_set_u32(expression, NFTNL_EXPR_BITWISE_LEN, sizeof bits);
  ::nftnl_expr_set(expression, NFTNL_EXPR_BITWISE_MASK, &bits, sizeof bits);
  ::nftnl_expr_set(expression, NFTNL_EXPR_BITWISE_XOR, &kNothing, sizeof kNothing);
}

void NftRuleDraft::compare_bytes(std::uint32_t in, std::uint32_t how, std::span<const std::byte> with) {
  auto* const expression = add("cmp");
  ::nftnl_expr_set_u32(expression, NFTNL_EXPR_CMP_SREG, in);
  ::nftnl_expr_set_u32(expression, NFTNL_EXPR_CMP_OP, how);
  ::nftnl_expr_set(expression, NFTNL_EXPR_CMP_DATA, with.data(), static_cast<std::uint32_t>(with.size()));
}

void NftRuleDraft::look_up(const char* set, std::uint32_t set_number, std::uint32_t key) {
  auto* const expression = add("lookup");
  ::nftnl_expr_set_str(expression, NFTNL_EXPR_LOOKUP_SET, set);
  ::nftnl_expr_set_u32(expression, NFTNL_EXPR_LOOKUP_SET_ID, set_number);
  ::nftnl_expr_set_u32(expression, NFTNL_EXPR_LOOKUP_SREG, key);
}

void NftRuleDraft::to_queue(std::uint16_t queue, bool by_expression) {
  if (by_expression) {
    auto* const expression = add("queue");
    ::nftnl_expr_set_u16(expression, NFTNL_EXPR_QUEUE_NUM, queue);
    ::nftnl_expr_set_u16(expression, NFTNL_EXPR_QUEUE_TOTAL, 1);
    ::nftnl_expr_set_u16(expression, NFTNL_EXPR_QUEUE_FLAGS, NFT_QUEUE_FLAG_BYPASS);
    return;
  }
  constexpr std::uint32_t kBytes = 8;  // as xtables aligns the structure
  static_assert(sizeof(xt_NFQ_info_v3) <= kBytes);
  const xt_NFQ_info_v3 target{.queuenum = queue, .queues_total = 1, .flags = NFQ_FLAG_BYPASS};
  auto* const info = std::calloc(1, kBytes);  // the expression's from here on, which gives it to free()
  std::memcpy(info, &target, sizeof target);
  auto* const expression = add("target");
  ::nftnl_expr_set_str(expression, NFTNL_EXPR_TG_NAME, "NFQUEUE");
  ::nftnl_expr_set_u32(expression, NFTNL_EXPR_TG_REV, 3);
  ::nftnl_expr_set(expression, NFTNL_EXPR_TG_INFO, info, kBytes);
}

void NftRuleDraft::add_to(NftBatch& batch, std::uint8_t family) const {
  batch.add(NFT_MSG_NEWRULE, family, NLM_F_CREATE | NLM_F_APPEND,
            [this](nlmsghdr* message) { ::nftnl_rule_nlmsg_build_payload(message, rule_.get()); });
}

}  // namespace tidegate
