// One open libpcap handle: what PcapSensor holds while its interface is there.
#pragma once

#include <pcap/pcap.h>

#include <cstdint>
#include <memory>
#include <string>

#include "base/error.h"
#include "packet/decode.h"
#include "sensor/pcap.h"

namespace tidegate {

class Capture {
 public:
  // Opens the interface in immediate mode, non-blocking, with the filter installed. Error codes that a caller acts
  // upon: ENODEV and ENETDOWN, the interface is not there or not up (the text is the mere reason); EPERM.
  [[nodiscard]] static Result<std::unique_ptr<Capture>> open(const PcapSettings& settings);

  // From now on, for packets that wait in the ring too. On an error the old filter stays.
  [[nodiscard]] Result<> set_filter(const PcapSettings& settings);

  // Hands at most `most` waiting packets to `handler` and says how many; their time stamps are in nanoseconds
  // (ts.tv_usec). The handler may call set_filter(). An error: the interface is gone, or the socket is broken.
  [[nodiscard]] Result<int> read(int most, pcap_handler handler, void* context);

  enum class Presence : std::uint8_t { here, down, gone };  // gone: also when its name is another interface's now
  [[nodiscard]] Presence presence() const;

  struct Drops {
    std::uint64_t kernel = 0;
    std::uint64_t interface = 0;
  };
  // Since it was opened.
  [[nodiscard]] Drops drops();

  [[nodiscard]] packet::LinkType link() const { return link_; }
  [[nodiscard]] int descriptor() const { return ::pcap_get_selectable_fd(handle_.get()); }
  [[nodiscard]] std::uint32_t interface() const { return interface_; }  // its index, 0 for `any`

 private:
  struct Close {
    void operator()(pcap_t* handle) const { ::pcap_close(handle); }
  };
  using Handle = std::unique_ptr<pcap_t, Close>;
  Capture(Handle handle, const PcapSettings& settings, packet::LinkType link);

  Handle handle_;
  std::string name_;
  packet::LinkType link_;
  std::uint32_t interface_;
  std::uint32_t seen_kernel_ = 0;  // libpcap's counter, which wraps
  std::uint64_t interface_at_open_ = 0;
  Drops drops_;
};

}  // namespace tidegate
