// See findings.h.
#include "hold/findings.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <sys/ioctl.h>

#include <cerrno>
#include <cstring>

#include "base/fd.h"

namespace tidegate {

Finding device_finding() {
  Finding finding{.what = "hold device", .verdict = Finding::Verdict::no, .detail = {}, .remedy = {}};
  const Fd tun{::open("/dev/net/tun", O_RDWR | O_CLOEXEC)};
  if (!tun) {
    finding.remedy = errno == EACCES ? "run as root, or with CAP_NET_ADMIN" : "modprobe tun";
    finding.detail = fmt::format("open /dev/net/tun: {}", std::strerror(errno));
    return finding;
  }
  ifreq request{};  // the kernel gives it a name of its own, and it goes with the descriptor
  request.ifr_flags = IFF_TUN | IFF_NO_PI;
  if (::ioctl(tun.get(), TUNSETIFF, &request) != 0) {
    finding.remedy =
        "run as root, or with CAP_NET_ADMIN; a device of one's own needs neither: ip tuntap add dev NAME "
        "mode tun user USER";
    finding.detail = fmt::format("make a tun device: {}", std::strerror(errno));
    return finding;
  }
  finding.verdict = Finding::Verdict::yes;
  finding.detail = "makes and holds tun and tap devices";
  return finding;
}

}  // namespace tidegate
