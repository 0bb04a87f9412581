// How much of each packet a sensor asks the kernel for.
#pragma once

namespace tidegate {

// Ethernet with two tags, IPv6 with extension headers, TCP: more than that nobody sends who wants a service.
inline constexpr int kHeaderBytes = 256;

// A packet whole, for a savefile. A slot of libpcap's ring holds the largest packet that is taken: 64 KiB for each
// would leave room for so few that most of a burst is lost; this, with what the kernel puts in front, fills 16 KiB and
// holds all but super-packets of GRO and the largest of loopback.
inline constexpr int kWholeBytes = (16 << 10) - 128;

}  // namespace tidegate
