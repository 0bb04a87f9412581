// See findings.h.
#include "sensor/findings.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cerrno>

#include "sensor/capture.h"
#include "sensor/kernel_hooks.h"
#include "sensor/kernel_program.h"
#include "sensor/nflog_socket.h"

namespace tidegate {
namespace {

using enum Finding::Verdict;

constexpr auto kLoopback = "lo";
constexpr std::uint16_t kRareGroup = 65'534;  // of nflog: whoever listens there, it shows that one can
constexpr int kWantedBuffer = 8 << 20;

constexpr auto kKernelRemedy =
    "run as root, or with CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN, on kernel 5.8 or newer; until then pcap watches the "
    "ports";

}  // namespace

Finding pcap_finding() {
  const auto opened = Capture::open({.interface = kLoopback});
  if (opened) return {.what = "sensor pcap", .verdict = yes, .detail = "captures", .remedy = {}};
  return {.what = "sensor pcap",
          .verdict = no,
          .detail = opened.error().what,
          .remedy = "run as root, or with the capability CAP_NET_RAW"};
}

Finding nflog_finding() {
  Finding finding{.what = "sensor nflog",
                  .verdict = no,
                  .detail = {},
                  .remedy = "run as root, or with CAP_NET_ADMIN, on a kernel with nfnetlink_log"};
  const auto socket = NflogSocket::open(kWantedBuffer);
  const auto bound = socket ? (*socket)->bind(kRareGroup, {}) : std::unexpected{socket.error()};
  if (!bound && bound.error().code != EBUSY) {
    finding.detail = bound.error().what;
  } else if ((*socket)->buffer_bytes() < kWantedBuffer) {
    finding.verdict = partly;
    finding.detail = fmt::format("listens, with a receive buffer of {} bytes", (*socket)->buffer_bytes());
    finding.remedy = fmt::format("sysctl -w net.core.rmem_max={}", kWantedBuffer);
  } else {
    finding = {.what = finding.what, .verdict = yes, .detail = "listens to groups", .remedy = {}};
  }
  return finding;
}

Finding kernel_sensor_finding() {
  const auto refused = [](std::string why) {
    return Finding{.what = "sensor kernel", .verdict = no, .detail = std::move(why), .remedy = kKernelRemedy};
  };
  const auto program = KernelProgram::load();
  if (!program) return refused(program.error().what);
  auto interfaces = list_interfaces();
  if (!interfaces) return refused(interfaces.error().what);
  std::erase_if(*interfaces, [](const Interface& interface) { return interface.name != kLoopback; });
  KernelHooks hooks{(*program)->programs(), KernelHook::tcx};
  if (const auto troubles = hooks.set(*interfaces); !troubles.empty())
    return refused(fmt::format("{}", fmt::join(troubles, "; ")));
  return {.what = "sensor kernel",
          .verdict = yes,
          .detail = hooks.hook() == KernelHook::tcx ? "eBPF, by tcx" : "eBPF, by clsact filters",
          .remedy = {}};
}

}  // namespace tidegate
