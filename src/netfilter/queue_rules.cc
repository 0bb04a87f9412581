// See queue_rules.h. The messages are made by libnftnl; the expressions are those that `nft --debug=netlink` shows.
#include "netfilter/queue_rules.h"

#include <libnftnl/chain.h>
#include <libnftnl/set.h>
#include <libnftnl/table.h>
#include <linux/if_arp.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <netinet/in.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/asio/post.hpp>
#include <cerrno>
#include <cstring>
#include <tuple>

#include "base/log.h"
#include "model/sample.h"
#include "netfilter/batch.h"
#include "netfilter/monitor.h"
#include "netfilter/rule.h"

namespace tidegate {
namespace {

namespace asio = boost::asio;

constexpr auto kTable = "tidegate-hold";
constexpr auto kSet = "held";
constexpr std::uint32_t kSetNumber = 1;   // by which a rule names the set in the batch that makes both
constexpr std::int32_t kPriority = -250;  // behind raw (-300), before conntrack (-200) and dstnat (-100)
constexpr std::uint32_t kOwner = 2;       // NFT_TABLE_F_OWNER, which Debian's headers may not know yet
constexpr std::size_t kElementsInAMessage = 256;
constexpr int kRulesBuffer = 1 << 20;

// What differs between IPv4 and IPv6.
struct Family {
  std::uint8_t number;
  std::uint32_t destination_at;  // in the network header
  std::uint32_t address_bytes;
  std::uint32_t address_type;  // as nft(8) numbers its types, for those who list the set
};
constexpr std::array kFamilies = {
    Family{.number = NFPROTO_IPV4, .destination_at = 16, .address_bytes = 4, .address_type = 7},
    Family{.number = NFPROTO_IPV6, .destination_at = 24, .address_bytes = 16, .address_type = 8}};
constexpr std::uint8_t kTcp = IPPROTO_TCP;
constexpr std::uint8_t kUdp = IPPROTO_UDP;
constexpr std::uint32_t kProtocolType = 12;
constexpr std::uint32_t kServiceType = 13;
constexpr unsigned kTypeBits = 6;

bool is_of(const Family& family, const HeldPorts& held) { return held.address.bytes().size() == family.address_bytes; }

using NftTable = NftOwned<nftnl_table, ::nftnl_table_free>;
using NftChain = NftOwned<nftnl_chain, ::nftnl_chain_free>;
using NftSet = NftOwned<nftnl_set, ::nftnl_set_free>;

// --- the parts of a table

void add_table(NftBatch& batch, std::uint16_t type, std::uint8_t family, const char* name, bool owned) {
  const NftTable table{::nftnl_table_alloc()};
  ::nftnl_table_set_str(table.get(), NFTNL_TABLE_NAME, name);
  if (owned) ::nftnl_table_set_u32(table.get(), NFTNL_TABLE_FLAGS, kOwner);
  batch.add(type, family, type == NFT_MSG_NEWTABLE ? NLM_F_CREATE : 0,
            [&](nlmsghdr* message) { ::nftnl_table_nlmsg_build_payload(message, table.get()); });
}

// Each field of a key takes whole registers, of four bytes.
constexpr std::uint32_t kProtocolRegister = NFT_REG32_00;
constexpr std::uint32_t kAddressRegister = NFT_REG32_01;
std::uint32_t key_bytes(const Family& family) { return 4 + family.address_bytes + 4; }

NftSet the_set() {
  NftSet set{::nftnl_set_alloc()};
  ::nftnl_set_set_str(set.get(), NFTNL_SET_TABLE, kTable);
  ::nftnl_set_set_str(set.get(), NFTNL_SET_NAME, kSet);
  ::nftnl_set_set_u32(set.get(), NFTNL_SET_ID, kSetNumber);
  return set;
}

void add_set(NftBatch& batch, const Family& family) {
  const NftSet set = the_set();
  ::nftnl_set_set_u32(set.get(), NFTNL_SET_FAMILY, family.number);
  ::nftnl_set_set_u32(set.get(), NFTNL_SET_FLAGS, NFT_SET_INTERVAL | NFT_SET_CONCAT);
  ::nftnl_set_set_u32(set.get(), NFTNL_SET_KEY_LEN, key_bytes(family));
  ::nftnl_set_set_u32(set.get(), NFTNL_SET_KEY_TYPE,
                      (kProtocolType << kTypeBits | family.address_type) << kTypeBits | kServiceType);
  const std::array<std::uint8_t, 3> fields = {1, static_cast<std::uint8_t>(family.address_bytes), 2};
  ::nftnl_set_set_data(set.get(), NFTNL_SET_DESC_CONCAT, fields.data(), fields.size());
  batch.add(NFT_MSG_NEWSET, family.number, NLM_F_CREATE,
            [&](nlmsghdr* message) { ::nftnl_set_nlmsg_build_payload(message, set.get()); });
}

void add_chain(NftBatch& batch, const Family& family, const char* name, std::uint32_t hook) {
  const NftChain chain{::nftnl_chain_alloc()};
  ::nftnl_chain_set_str(chain.get(), NFTNL_CHAIN_TABLE, kTable);
  ::nftnl_chain_set_str(chain.get(), NFTNL_CHAIN_NAME, name);
  ::nftnl_chain_set_str(chain.get(), NFTNL_CHAIN_TYPE, "filter");
  ::nftnl_chain_set_u32(chain.get(), NFTNL_CHAIN_HOOKNUM, hook);
  ::nftnl_chain_set_s32(chain.get(), NFTNL_CHAIN_PRIO, kPriority);
  batch.add(NFT_MSG_NEWCHAIN, family.number, NLM_F_CREATE,
            [&](nlmsghdr* message) { ::nftnl_chain_nlmsg_build_payload(message, chain.get()); });
}

enum class Loopback : std::uint8_t { included, left_out };

void add_rule(NftBatch& batch, const Family& family, const char* chain, Loopback loopback, std::uint8_t protocol,
              std::uint16_t queue, const QueueMeans& means) {
  constexpr std::uint32_t kPortAt = 2;  // the destination's, in the headers of TCP and UDP
  constexpr std::uint32_t kFlagsAt = 13;
  constexpr std::uint8_t kAsked = tcp_flag::kFin | tcp_flag::kSyn | tcp_flag::kRst | tcp_flag::kAck;
  NftRuleDraft rule{kTable, chain};
  if (loopback == Loopback::left_out) {
    rule.meta(NFT_META_IIFTYPE, kAddressRegister);
    rule.compare(kAddressRegister, NFT_CMP_NEQ, std::uint16_t{ARPHRD_LOOPBACK});
  }
  rule.meta(NFT_META_L4PROTO, kProtocolRegister);
  rule.compare(kProtocolRegister, NFT_CMP_EQ, protocol);
  if (protocol == kTcp) {
    rule.payload(NFT_PAYLOAD_TRANSPORT_HEADER, kFlagsAt, 1, kAddressRegister);
    rule.mask(kAddressRegister, kAsked);
    rule.compare(kAddressRegister, NFT_CMP_EQ, tcp_flag::kSyn);
  }
  rule.payload(NFT_PAYLOAD_NETWORK_HEADER, family.destination_at, family.address_bytes, kAddressRegister);
  rule.payload(NFT_PAYLOAD_TRANSPORT_HEADER, kPortAt, 2, kAddressRegister + family.address_bytes / 4);
  rule.look_up(kSet, kSetNumber, kProtocolRegister);
  rule.to_queue(queue, means.expression);
  rule.add_to(batch, family.number);
}

// --- elements of the set

std::array<std::uint8_t, 24> element_key(const HeldPorts& held, std::uint16_t port) {
  std::array<std::uint8_t, 24> key{};
  key[0] = held.ports.protocol == Protocol::tcp ? kTcp : kUdp;
  const auto address = held.address.bytes();
  std::ranges::copy(address, key.begin() + 4);
  key[4 + address.size()] = static_cast<std::uint8_t>(port >> 8);
  key[5 + address.size()] = static_cast<std::uint8_t>(port);
  return key;
}

void add_elements(NftBatch& batch, const Family& family, std::span<const HeldPorts> held) {
  const NftSet set = the_set();
  for (const auto& each : held) {
    auto* const element = ::nftnl_set_elem_alloc();
    const auto first = element_key(each, each.ports.first);
    const auto last = element_key(each, each.ports.last);
    ::nftnl_set_elem_set(element, NFTNL_SET_ELEM_KEY, first.data(), key_bytes(family));
    ::nftnl_set_elem_set(element, NFTNL_SET_ELEM_KEY_END, last.data(), key_bytes(family));
    ::nftnl_set_elem_add(set.get(), element);  // whose it is from here on
  }
  batch.add(NFT_MSG_NEWSETELEM, family.number, NLM_F_CREATE,
            [&](nlmsghdr* message) { ::nftnl_set_elems_nlmsg_build_payload(message, set.get()); });
}

void empty_the_set(NftBatch& batch, const Family& family) {
  const NftSet set = the_set();
  batch.add(NFT_MSG_DELSETELEM, family.number, 0,
            [&](nlmsghdr* message) { ::nftnl_set_elems_nlmsg_build_payload(message, set.get()); });
}

// --- trying

Result<std::unique_ptr<NetfilterSocket>> rules_socket() { return NetfilterSocket::open("hold: queue", kRulesBuffer); }

// Makes a table with a chain that no packet passes and a rule in it, and removes it, all in one: nothing is to be seen.
int try_means(NetfilterSocket& socket, const QueueMeans& means) {
  const auto name = fmt::format("tidegate-trial-{}", ::getpid());
  NftBatch batch;
  add_table(batch, NFT_MSG_NEWTABLE, NFPROTO_IPV4, name.c_str(), means.owned);
  const NftChain chain{::nftnl_chain_alloc()};
  ::nftnl_chain_set_str(chain.get(), NFTNL_CHAIN_TABLE, name.c_str());
  ::nftnl_chain_set_str(chain.get(), NFTNL_CHAIN_NAME, "trial");
  batch.add(NFT_MSG_NEWCHAIN, NFPROTO_IPV4, NLM_F_CREATE,
            [&](nlmsghdr* message) { ::nftnl_chain_nlmsg_build_payload(message, chain.get()); });
  NftRuleDraft rule{name.c_str(), "trial"};
  rule.to_queue(0, means.expression);
  rule.add_to(batch, NFPROTO_IPV4);
  add_table(batch, NFT_MSG_DELTABLE, NFPROTO_IPV4, name.c_str(), false);
  return batch.commit(socket);
}

Result<QueueMeans> means_by(NetfilterSocket& socket) {
  int error = 0;
  for (const bool owned : {true, false}) {
    for (const bool expression : {true, false}) {
      const QueueMeans means{.expression = expression, .owned = owned};
      error = try_means(socket, means);
      if (error == 0) return means;
      if (error == EPERM) {
        return std::unexpected{
            Error{"hold: queue: make a table of nf_tables: Operation not permitted (needs "
                  "CAP_NET_ADMIN)",
                  EPERM}};
      }
    }
  }
  auto failed = system_failure("hold: queue: make a rule that queues packets", error);
  failed.error().what +=
      " (the kernel has neither the expression queue of nf_tables, CONFIG_NFT_QUEUE, nor the target NFQUEUE for it, "
      "CONFIG_NETFILTER_XT_TARGET_NFQUEUE and CONFIG_NFT_COMPAT)";
  return failed;
}

}  // namespace

std::vector<HeldPorts> merged(std::vector<HeldPorts> held) {
  std::ranges::sort(held, {}, [](const HeldPorts& one) {
    return std::tuple{one.address, one.ports.protocol, one.ports.first, one.ports.last};
  });
  std::vector<HeldPorts> all;
  all.reserve(held.size());
  for (const auto& next : held) {
    if (!all.empty()) {
      auto& last = all.back();
      if (last.address == next.address && last.ports.protocol == next.ports.protocol &&
          next.ports.first <= last.ports.last + 1) {
        last.ports.last = std::max(last.ports.last, next.ports.last);
        continue;
      }
    }
    all.push_back(next);
  }
  return all;
}

Result<QueueMeans> queue_means() {
  const auto socket = rules_socket();
  if (!socket) return std::unexpected{socket.error()};
  return means_by(**socket);
}

struct QueueRules::Impl : std::enable_shared_from_this<Impl> {
  asio::any_io_executor executor;
  std::uint16_t queue = 0;
  Restored restored;
  QueueMeans means;
  std::unique_ptr<NetfilterSocket> socket;  // the tables' owner
  std::uint32_t port = 0;                   // its netlink port
  std::unique_ptr<NftMonitor> monitor;
  std::vector<HeldPorts> held;
  std::array<bool, kFamilies.size()> there{};  // whether the family's table is
  bool missing = false;                        // somebody removed one, and it is about to be put back

  // The tables as they are to be with `next` in them.
  int change(const std::vector<HeldPorts>& next) {
    NftBatch batch;
    auto then = there;
    bool anything = false;
    for (std::size_t i = 0; i < kFamilies.size(); ++i) {
      const auto& family = kFamilies[i];
      std::vector<HeldPorts> own;
      std::ranges::copy_if(next, std::back_inserter(own), [&](const HeldPorts& each) { return is_of(family, each); });
      if (own.empty() && !there[i]) continue;
      anything = true;
      if (there[i]) {
        empty_the_set(batch, family);
      } else {
        add_whole_table(batch, family);
        then[i] = true;
      }
      const std::span<const HeldPorts> all = own;
      for (std::size_t at = 0; at < all.size(); at += kElementsInAMessage) {
        add_elements(batch, family, all.subspan(at, std::min(kElementsInAMessage, all.size() - at)));
      }
    }
    const int error = anything ? batch.commit(*socket) : 0;
    if (error == 0) there = then;
    return error;
  }

  void add_whole_table(NftBatch& batch, const Family& family) const {
    add_table(batch, NFT_MSG_NEWTABLE, family.number, kTable, means.owned);
    add_set(batch, family);
    add_chain(batch, family, "arriving", NF_INET_PRE_ROUTING);
    add_chain(batch, family, "leaving", NF_INET_LOCAL_OUT);
    for (const std::uint8_t protocol : {kTcp, kUdp}) {
      add_rule(batch, family, "arriving", Loopback::left_out, protocol, queue, means);
      add_rule(batch, family, "leaving", Loopback::included, protocol, queue, means);
    }
  }

  // Removes a table, whatever is in it and whether or not it is there.
  int remove(const Family& family) {
    NftBatch batch;
    add_table(batch, NFT_MSG_NEWTABLE, family.number, kTable, false);
    add_table(batch, NFT_MSG_DELTABLE, family.number, kTable, false);
    return batch.commit(*socket);
  }

  Result<> remove_left_over() {
    for (const auto& family : kFamilies) {
      const int error = remove(family);
      if (error == 0) continue;
      auto failed = system_failure(fmt::format("hold: queue: take over the table {} of nf_tables", kTable), error);
      if (error == EPERM) failed.error().what += " (another tidegate has it)";
      return failed;
    }
    return {};
  }

  void clear_unused() {
    for (std::size_t i = 0; i < kFamilies.size(); ++i) {
      const auto& family = kFamilies[i];
      if (!there[i] || std::ranges::any_of(held, [&](const HeldPorts& each) { return is_of(family, each); })) continue;
      NftBatch batch;
      add_table(batch, NFT_MSG_DELTABLE, family.number, kTable, false);
      const int error = batch.commit(*socket);
      if (error == 0 || error == ENOENT) {
        there[i] = false;
      } else {
        log::warn("hold: queue: remove the table {} of nf_tables: {}", kTable, std::strerror(error));
      }
    }
  }

  // Somebody removed something, and where it was ours all is made anew. Only where tables cannot be owned.
  void removed(const NftRemoval& gone) {
    const bool ours = gone.table.empty() || (gone.table == kTable && gone.port != port);
    if (!ours || std::ranges::none_of(there, std::identity{}) || std::exchange(missing, true)) return;
    // When all of what was removed at once has been told.
    asio::post(executor, [weak = weak_from_this()] {
      if (const auto self = weak.lock()) self->restore();
    });
  }

  void restore() {
    missing = false;
    int error = 0;
    for (const auto& family : kFamilies) error = std::max(error, remove(family));  // what is left of them
    there = {};
    if (error == 0) error = change(held);
    restored(error == 0 ? Result<>{} : system_failure("hold: queue: put the rules back", error));
  }
};

QueueRules::QueueRules(std::shared_ptr<Impl> impl) : impl_{std::move(impl)} {}

QueueRules::~QueueRules() {
  impl_->monitor.reset();
  impl_->held.clear();
  impl_->clear_unused();
}

Result<std::unique_ptr<QueueRules>> QueueRules::open(const asio::any_io_executor& executor, std::uint16_t queue,
                                                     const QueueMeans& means, Restored restored) {
  auto impl = std::make_shared<Impl>();
  impl->executor = executor;
  impl->queue = queue;
  impl->means = means;
  impl->restored = std::move(restored);
  auto socket = rules_socket();
  if (!socket) return std::unexpected{std::move(socket.error())};
  impl->socket = std::move(*socket);
  sockaddr_nl own{};
  socklen_t size = sizeof own;
  if (::getsockname(impl->socket->descriptor(), reinterpret_cast<sockaddr*>(&own), &size) != 0) {
    return system_failure("hold: queue: ask for the netlink port");
  }
  impl->port = own.nl_pid;
  if (auto removed = impl->remove_left_over(); !removed) return std::unexpected{std::move(removed.error())};
  if (!impl->means.owned) {
    auto monitor = NftMonitor::open(executor, [self = impl.get()](const NftRemoval& gone) { self->removed(gone); });
    if (!monitor) return std::unexpected{std::move(monitor.error())};
    impl->monitor = std::move(*monitor);
  }
  return std::unique_ptr<QueueRules>{new QueueRules{std::move(impl)}};
}

Result<> QueueRules::set(std::vector<HeldPorts> held) {
  auto next = merged(std::move(held));
  if (next == impl_->held) return {};
  if (const int error = impl_->change(next); error != 0) {
    return system_failure("hold: queue: change the rules", error);
  }
  impl_->held = std::move(next);
  return {};
}

void QueueRules::clear_unused() { impl_->clear_unused(); }

const QueueMeans& QueueRules::means() const { return impl_->means; }

}  // namespace tidegate
