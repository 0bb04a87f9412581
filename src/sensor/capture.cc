// See capture.h. The kernel's side: packet(7), Documentation/networking/packet_mmap.rst. Immediate mode gives a ring of
// TPACKET_V2, a slot for each packet and no batching by the kernel: PcapSensor batches by looking less often.
#include "sensor/capture.h"

#include <net/if.h>
#include <netpacket/packet.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <cstring>

#include "sensor/link_drops.h"
#include "sensor/port_filter.h"
#include "sensor/snap_length.h"

namespace tidegate {
namespace {

constexpr int kWholeBufferFactor = 4;

constexpr int kNotImmediateTimeout = 1000;  // of no effect in immediate mode, but 0 would mean for ever

bool is_any(const std::string& interface) { return interface == "any"; }

// The handle's own words; those of the status where it has none.
std::string words(pcap_t* handle, int status) {
  const std::string own = ::pcap_geterr(handle);
  return own.empty() ? ::pcap_statustostr(status) : own;
}

std::unexpected<Error> open_failure(pcap_t* handle, const std::string& interface, int status) {
  switch (status) {
    case PCAP_ERROR_NO_SUCH_DEVICE:
      return std::unexpected{Error{"there is no such interface", ENODEV}};
    case PCAP_ERROR_IFACE_NOT_UP:
      return std::unexpected{Error{"the interface is down", ENETDOWN}};
    case PCAP_ERROR_PERM_DENIED:
      return std::unexpected{
          Error{fmt::format("capture on {}: {} (needs CAP_NET_RAW)", interface, std::strerror(EPERM)), EPERM}};
    default:
      return failure("capture on {}: {}", interface, words(handle, status));
  }
}

// The index to which the socket is bound; the name may be another's by now.
std::uint32_t bound_interface(int socket) {
  sockaddr_ll address{};
  socklen_t size = sizeof address;
  if (::getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size) != 0) return 0;
  return address.sll_ifindex > 0 ? static_cast<std::uint32_t>(address.sll_ifindex) : 0;
}

ifreq request_for(const std::string& name) {
  ifreq request{};
  name.copy(request.ifr_name, IFNAMSIZ - 1);
  return request;
}

Result<> install(pcap_t* handle, const std::string& filter) {
  bpf_program program{};
  if (::pcap_compile(handle, &program, filter.c_str(), 1, PCAP_NETMASK_UNKNOWN) != 0) {
    return failure("filter \"{}\": {}", filter, ::pcap_geterr(handle));
  }
  const int status = ::pcap_setfilter(handle, &program);
  ::pcap_freecode(&program);
  if (status != 0) return failure("set filter \"{}\": {}", filter, ::pcap_geterr(handle));
  return {};
}

}  // namespace

Capture::Capture(Handle handle, const PcapSettings& settings, packet::LinkType link)
    : handle_{std::move(handle)},
      name_{settings.interface},
      link_{link},
      interface_{is_any(name_) ? 0 : bound_interface(::pcap_fileno(handle_.get()))},
      interface_at_open_{link_drops(interface_).value_or(0)} {}

Result<std::unique_ptr<Capture>> Capture::open(const PcapSettings& settings) {
  const std::string& interface = settings.interface;
  char error[PCAP_ERRBUF_SIZE] = "";
  Handle handle{::pcap_create(interface.c_str(), error)};
  if (!handle) return failure("capture on {}: {}", interface, error);
  ::pcap_set_snaplen(handle.get(), settings.whole_packets ? kWholeBytes : kHeaderBytes);
  ::pcap_set_timeout(handle.get(), kNotImmediateTimeout);
  ::pcap_set_immediate_mode(handle.get(), 1);
  ::pcap_set_buffer_size(handle.get(), settings.buffer_bytes * (settings.whole_packets ? kWholeBufferFactor : 1));
  ::pcap_set_tstamp_precision(handle.get(), PCAP_TSTAMP_PRECISION_NANO);
  if (const int status = ::pcap_activate(handle.get()); status < 0) {
    return open_failure(handle.get(), interface, status);
  }
  // The second version of the cooked header names the interface. Where there is none the first one stays.
  if (::pcap_datalink(handle.get()) == DLT_LINUX_SLL) ::pcap_set_datalink(handle.get(), DLT_LINUX_SLL2);
  const int number = ::pcap_datalink(handle.get());
  const auto link = packet::link_type(number);
  if (!link) {
    const char* const name = ::pcap_datalink_val_to_name(number);
    return failure("capture on {}: link type {} is not one that tidegate reads", interface,
                   name != nullptr ? name : std::to_string(number));
  }
  // Not by `inbound` in the filter: libpcap itself runs that on the first packets, and then knows no direction.
  if (settings.incoming_only && ::pcap_setdirection(handle.get(), PCAP_D_IN) != 0)
    return failure("capture on {}: only what comes in: {}", interface, words(handle.get(), PCAP_ERROR));
  if (::pcap_setnonblock(handle.get(), 1, error) != 0) return failure("capture on {}: {}", interface, error);
  std::unique_ptr<Capture> capture{new Capture{std::move(handle), settings, *link}};
  if (const auto set = capture->set_filter(settings); !set) return std::unexpected{set.error()};
  return capture;
}

Result<> Capture::set_filter(const PcapSettings& settings) {
  return install(handle_.get(), settings.ports.empty() ? settings.filter : port_filter(settings.ports, link_));
}

Result<int> Capture::read(int most, pcap_handler handler, void* context) {
  const int count = ::pcap_dispatch(handle_.get(), most, handler, static_cast<u_char*>(context));
  if (count < 0) return failure("{}", words(handle_.get(), count));
  return count;
}

Capture::Presence Capture::presence() const {
  if (is_any(name_)) return Presence::here;
  const int socket = ::pcap_fileno(handle_.get());
  ifreq request = request_for(name_);
  if (::ioctl(socket, SIOCGIFINDEX, &request) != 0) return Presence::gone;
  const auto index = static_cast<std::uint32_t>(request.ifr_ifindex);
  if (index != interface_ || index != bound_interface(socket)) return Presence::gone;
  request = request_for(name_);
  if (::ioctl(socket, SIOCGIFFLAGS, &request) != 0) return Presence::gone;
  return (request.ifr_flags & IFF_UP) != 0 ? Presence::here : Presence::down;
}

Capture::Drops Capture::drops() {
  pcap_stat stat{};
  if (::pcap_stats(handle_.get(), &stat) == 0) {
    drops_.kernel += static_cast<std::uint32_t>(stat.ps_drop - seen_kernel_);
    seen_kernel_ = stat.ps_drop;
  }
  // libpcap counts the interface's own only in promiscuous mode.
  if (const auto now = link_drops(interface_); now && *now >= interface_at_open_) {
    drops_.interface = *now - interface_at_open_;
  }
  return drops_;
}

}  // namespace tidegate
