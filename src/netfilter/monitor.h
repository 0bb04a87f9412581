// Tells when something of a table of nf_tables was removed, by whomever (netlink group NFNLGRP_NFTABLES).
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/error.h"

namespace tidegate {

// A table, chain, rule, set, element or object that is gone.
struct NftRemoval {
  std::uint8_t family = 0;  // NFPROTO_…
  std::string table;        // empty: notifications were lost, so it may be any
  std::uint32_t port = 0;   // of the netlink socket by which it was removed; 0: the kernel did it
};

class NftMonitor {
 public:
  using Removed = std::function<void(const NftRemoval&)>;

  // Calls `removed` on the executor's thread, once for each message of the kernel; it may destroy the monitor. The
  // error: the kernel has no nf_tables, or does not let us listen.
  [[nodiscard]] static Result<std::unique_ptr<NftMonitor>> open(const boost::asio::any_io_executor& executor,
                                                                Removed removed);
  ~NftMonitor();
  NftMonitor(const NftMonitor&) = delete;
  NftMonitor& operator=(const NftMonitor&) = delete;

 private:
  struct Impl;
  explicit NftMonitor(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;  // its other owner: a handler, while it runs
};

}  // namespace tidegate
