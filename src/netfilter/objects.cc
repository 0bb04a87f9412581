#include "netfilter/objects.h"

#include <libmnl/libmnl.h>
#include <libnftnl/object.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <array>
#include <cerrno>
#include <functional>
#include <memory>

namespace tidegate {

namespace {

using MnlSocket = std::unique_ptr<mnl_socket, decltype([](mnl_socket* socket) { mnl_socket_close(socket); })>;
using NftObject = std::unique_ptr<nftnl_obj, decltype([](nftnl_obj* object) { nftnl_obj_free(object); })>;
using EachObject = std::function<void(nftnl_obj&)>;

std::uint16_t family_number(const RuleTable& table) {
  return table.family == "inet" ? NFPROTO_INET : table.family == "ip6" ? NFPROTO_IPV6 : NFPROTO_IPV4;
}

int parse_object(const nlmsghdr* message, void* data) {
  const NftObject object{nftnl_obj_alloc()};
  if (!object) return MNL_CB_ERROR;
  if (nftnl_obj_nlmsg_parse(message, object.get()) == 0) (*static_cast<EachObject*>(data))(*object);
  return MNL_CB_OK;
}

// One dump of all objects of that type; `each` may be called again for the same ones where the kernel begins anew.
Result<> dump_objects(const RuleTable& table, std::uint32_t type, EachObject each) {
  const auto failed = [&] { return system_failure(fmt::format("read the counters of table {}", table.name)); };
  const MnlSocket socket{mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC)};
  if (!socket || mnl_socket_bind(socket.get(), 0, MNL_SOCKET_AUTOPID) < 0) return failed();
  const timeval limit{.tv_sec = 1, .tv_usec = 0};
  ::setsockopt(mnl_socket_get_fd(socket.get()), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);

  constexpr std::uint32_t kSequence = 1;
  std::array<char, 65'536> buffer{};
  auto* const request =
      nftnl_nlmsg_build_hdr(buffer.data(), NFT_MSG_GETOBJ, family_number(table), NLM_F_DUMP, kSequence);
  const NftObject wanted{nftnl_obj_alloc()};
  if (!wanted) return system_failure("read counters", ENOMEM);
  nftnl_obj_set_str(wanted.get(), NFTNL_OBJ_TABLE, std::string{table.name}.c_str());
  nftnl_obj_set_u32(wanted.get(), NFTNL_OBJ_TYPE, type);
  nftnl_obj_nlmsg_build_payload(request, wanted.get());
  if (mnl_socket_sendto(socket.get(), request, request->nlmsg_len) < 0) return failed();
  const auto port = mnl_socket_get_portid(socket.get());
  while (true) {
    const auto got = mnl_socket_recvfrom(socket.get(), buffer.data(), buffer.size());
    if (got < 0) return failed();
    const int more = mnl_cb_run(buffer.data(), static_cast<std::size_t>(got), kSequence, port, &parse_object, &each);
    if (more < 0) return failed();
    if (more == MNL_CB_STOP) return {};
  }
}

// A dump that the kernel had to break off, because somebody changed the rules meanwhile, is begun again.
template <class Value, class Take>
Result<std::map<std::string, Value>> read_objects(const RuleTable& table, std::uint32_t type, Take take) {
  constexpr int kTries = 10;
  for (int tries = 1;; ++tries) {
    std::map<std::string, Value> values;
    auto done = dump_objects(table, type, [&](nftnl_obj& object) {
      const char* const name = nftnl_obj_get_str(&object, NFTNL_OBJ_NAME);
      if (name != nullptr) values[name] = take(object);
    });
    if (done) return values;
    if (done.error().code != EINTR || tries == kTries) return std::unexpected{std::move(done.error())};
  }
}

}  // namespace

Result<std::map<std::string, CounterValue>> read_counters(const RuleTable& table) {
  return read_objects<CounterValue>(table, NFT_OBJECT_COUNTER, [](nftnl_obj& object) {
    return CounterValue{.packets = nftnl_obj_get_u64(&object, NFTNL_OBJ_CTR_PKTS),
                        .bytes = nftnl_obj_get_u64(&object, NFTNL_OBJ_CTR_BYTES)};
  });
}

Result<std::map<std::string, QuotaValue>> read_quotas(const RuleTable& table) {
  return read_objects<QuotaValue>(table, NFT_OBJECT_QUOTA, [](nftnl_obj& object) {
    return QuotaValue{.bytes = nftnl_obj_get_u64(&object, NFTNL_OBJ_QUOTA_BYTES),
                      .consumed = nftnl_obj_get_u64(&object, NFTNL_OBJ_QUOTA_CONSUMED)};
  });
}

}  // namespace tidegate
