// Where the eBPF program of the sensor `kernel` sits: on an interface's way in and way out, by tcx links, which end
// with the process whatever ends it, or by clsact filters (tc-bpf(8)) where the kernel has no tcx (before 6.6).
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/fd.h"
#include "sensor/interfaces.h"

namespace tidegate {

// What the programs are attached by.
enum class KernelHook : std::uint8_t { tcx, clsact };

struct KernelPrograms {
  int frames = -1;  // for interfaces whose frames have an Ethernet header
  int ip = -1;      // for those whose frames begin with the IP header
};

class KernelHooks {
 public:
  // The programs' descriptors are borrowed and outlive this. `hook`: the way to begin with; where the kernel does not
  // know tcx, clsact is taken by itself.
  KernelHooks(KernelPrograms programs, KernelHook hook) : programs_{programs}, hook_{hook} {}
  ~KernelHooks();
  KernelHooks(const KernelHooks&) = delete;
  KernelHooks& operator=(const KernelHooks&) = delete;

  // Hooks these interfaces and lets go of all others. Gives what stood in the way, a line for each interface concerned;
  // it is tried again with the next call. Interfaces of a kind that cannot carry IP are left out silently.
  std::vector<std::string> set(const std::vector<Interface>& interfaces);

  [[nodiscard]] KernelHook hook() const { return hook_; }

  // The name of an interface as set() was given it last; of one that is not hooked any more its number.
  [[nodiscard]] std::string name_of(std::uint32_t index) const;

  // Removes the filters that a tidegate left behind that was killed, from all interfaces of this network namespace.
  static void forget();

 private:
  struct Hooked {
    Interface interface;
    std::vector<Fd> links;        // tcx
    bool filters = false;         // clsact: there are such
    bool made_the_qdisc = false;  // likewise: nobody had one there before
  };
  [[nodiscard]] Result<Hooked> hook_up(const Interface& interface);
  [[nodiscard]] Result<> link(Hooked& hooked, int program);
  [[nodiscard]] static Result<> filter(Hooked& hooked, int program);
  static void let_go(Hooked& hooked);

  KernelPrograms programs_;
  KernelHook hook_;
  std::map<std::uint32_t, Hooked> hooked_;
};

// Whether frames of an interface of that type (ARPHRD_…) begin with an Ethernet header, with the IP header, or neither.
enum class Framing : std::uint8_t { ethernet, ip, neither };
[[nodiscard]] Framing framing_of(std::uint16_t type);

}  // namespace tidegate
