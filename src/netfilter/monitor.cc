// See monitor.h. What is sent: nf_tables_table_notify() and its like in net/netfilter/nf_tables_api.c.
#include "netfilter/monitor.h"

#include <libmnl/libmnl.h>
#include <linux/netfilter/nf_tables.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>

#include "base/log.h"
#include "netfilter/attribute.h"
#include "netfilter/socket.h"

namespace tidegate {
namespace {

namespace asio = boost::asio;

constexpr int kMonitorBuffer = 1 << 20;
constexpr int kNotificationsAtOnce = 64;  // datagrams; then others on this thread have their turn

constexpr std::array kRemovals = {NFT_MSG_DELTABLE, NFT_MSG_DELCHAIN,   NFT_MSG_DELRULE,
                                  NFT_MSG_DELSET,   NFT_MSG_DELSETELEM, NFT_MSG_DELOBJ};

// The first attribute of each of these messages is the name of its table.
static_assert(NFTA_TABLE_NAME == 1 && NFTA_CHAIN_TABLE == 1 && NFTA_RULE_TABLE == 1 && NFTA_SET_TABLE == 1 &&
              NFTA_SET_ELEM_LIST_TABLE == 1 && NFTA_OBJ_TABLE == 1);

}  // namespace

struct NftMonitor::Impl : std::enable_shared_from_this<Impl> {
  Impl(const asio::any_io_executor& on, std::unique_ptr<NetfilterSocket> opened, Removed tell)
      : executor{on}, socket{std::move(opened)}, watched{on, socket->descriptor()}, removed{std::move(tell)} {}
  ~Impl() { close(); }

  asio::any_io_executor executor;
  std::unique_ptr<NetfilterSocket> socket;
  asio::posix::stream_descriptor watched;
  Removed removed;

  void close() {
    if (watched.is_open()) static_cast<void>(watched.release());  // the socket's, which closes it
  }

  auto next_look() {
    return [weak = weak_from_this()](const boost::system::error_code& error = {}) {
      if (const auto self = weak.lock(); self && !error) self->look();
    };
  }
  void wait() { watched.async_wait(asio::posix::stream_descriptor::wait_read, next_look()); }

  void look() {
    const auto lost = socket->overruns();
    const auto count = socket->read(kNotificationsAtOnce, [this](const nlmsghdr& message) { take(message); });
    if (!count) {
      log::error("{}; its later changes go unseen", count.error().what);
      return;
    }
    if (socket->overruns() != lost && watched.is_open()) removed({});
    if (!watched.is_open()) return;
    if (*count >= kNotificationsAtOnce) {
      asio::post(executor, [go = next_look()] { go(); });
    } else {
      wait();
    }
  }

  void take(const nlmsghdr& message) {
    const auto* const about = netfilter_header(message);
    if (about == nullptr || message.nlmsg_type >> 8 != NFNL_SUBSYS_NFTABLES || !watched.is_open()) return;
    if (std::ranges::find(kRemovals, message.nlmsg_type & 0xff) == kRemovals.end()) return;
    NftRemoval gone{.family = about->nfgen_family, .table = {}, .port = message.nlmsg_pid};
    each_attribute(message, [&](const nlattr* attribute) {
      if (::mnl_attr_get_type(attribute) != NFTA_TABLE_NAME) return;
      const auto name = bytes_of(attribute);
      gone.table.assign(name.begin(), std::ranges::find(name, 0));
    });
    if (!gone.table.empty()) removed(gone);
  }
};

NftMonitor::NftMonitor(std::shared_ptr<Impl> impl) : impl_{std::move(impl)} {}
NftMonitor::~NftMonitor() { impl_->close(); }

Result<std::unique_ptr<NftMonitor>> NftMonitor::open(const asio::any_io_executor& executor, Removed removed) {
  auto socket = NetfilterSocket::open("nf_tables", kMonitorBuffer);
  if (!socket) return std::unexpected{std::move(socket.error())};
  const int group = NFNLGRP_NFTABLES;
  if (::setsockopt((*socket)->descriptor(), SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof group) != 0) {
    return system_failure("nf_tables: listen to changes");
  }
  auto impl = std::make_shared<Impl>(executor, std::move(*socket), std::move(removed));
  impl->wait();
  return std::unique_ptr<NftMonitor>{new NftMonitor{std::move(impl)}};
}

}  // namespace tidegate
