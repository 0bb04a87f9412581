// One tally on its own, from an interface or from savefiles, printed as a digest: what `tidegate count` and pulso run.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/time.h"
#include "model/watch.h"
#include "privacy/pseudonyms.h"

namespace tidegate {

enum class CountFormat : std::uint8_t { text, json, prometheus };

struct CountSettings {
  TallySettings tally;                 // with the interface to listen on
  std::vector<std::string> savefiles;  // read one after the other in place of the interface; "-": standard input
  std::string filter;                  // in tcpdump syntax: only what passes it
  bool outcomes = false;
  std::uint64_t most_connections = 0;  // 0: no limit
  Duration most_time{0};               // zero: no limit
  Duration interval{0};                // a digest so often; zero: only at the end
  CountFormat format = CountFormat::text;
};

// What is said beside the digest: one line without its end.
using CountRemark = std::function<void(std::string_view line)>;
// A whole digest; false: nobody reads any more, which ends the count.
using CountPrinter = std::function<bool(std::string_view digest)>;

// Counts until a limit is reached, the savefiles are at their end, or SIGINT or SIGTERM comes, and prints the digest;
// also at each interval and on SIGUSR1, and goes on. Then it remarks what was lost. In savefiles time is the packets'.
// A savefile that is cut short gives what it has, and a remark.
//
// From an interface only what comes in counts, as the kernel says; loopback shows each packet once, as coming in. With
// outcomes both directions are captured, and what goes out is known by the interface's own link-layer address, or where
// it has none by this host's addresses.
//
// The error, with nothing printed: the interface is not there, capturing is not permitted, the filter does not compile,
// no savefile can be read. With the digest of the others printed: one of them cannot be read. And what keeps it from
// printing: EPIPE where nobody reads. Blocks, and takes over the signals meanwhile.
[[nodiscard]] Result<> count(const CountSettings& settings, const Pseudonyms& names, const CountPrinter& print,
                             const CountRemark& remark);

// Writes a digest to standard output at once.
[[nodiscard]] bool print_digest(std::string_view digest);

// The live capture's filter for these settings: a sieve for the kernel, which lets through what can be of interest
// behind VLAN tags and extension headers too; the tally decides.
[[nodiscard]] std::string count_filter(const CountSettings& settings);

}  // namespace tidegate
