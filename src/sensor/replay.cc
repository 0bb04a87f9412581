// See replay.h. Read by libpcap: pcap_fopen_offline_with_tstamp_precision(3), which knows pcap and pcapng.
#include "sensor/replay.h"

#include <fcntl.h>
#include <pcap/pcap.h>
#include <stdio_ext.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <memory>
#include <span>
#include <string_view>

namespace tidegate {
namespace {

// The last second that fits our clocks whole: in the year 2262.
constexpr std::int64_t kMostSeconds = std::chrono::floor<std::chrono::seconds>(Duration::max()).count() - 1;

struct Close {
  void operator()(pcap_t* savefile) const { ::pcap_close(savefile); }
};
struct Savefile {
  std::unique_ptr<char[]> buffer;  // of the stream that libpcap reads, and closes
  std::unique_ptr<pcap_t, Close> pcap;
};

// libpcap names the file in some of its messages; once is enough.
std::unexpected<Error> replay_failure(const std::string& path, std::string_view reason) {
  if (reason.starts_with(path)) return failure("replay {}", reason);
  return failure("replay {}: {}", path, reason);
}

std::string link_name(int number) {
  const char* const name = ::pcap_datalink_val_to_name(number);
  const char* const description = ::pcap_datalink_val_to_description(number);
  if (name == nullptr || description == nullptr) return fmt::format("{}", number);
  return fmt::format("{} {} ({})", number, name, description);
}

// libpcap asks stdio for each header and each packet: in large reads, and without a lock for each.
Result<Savefile> open_savefile(const std::string& path) {
  constexpr std::size_t kBuffer = 64 << 10;  // glibc takes no size without a buffer
  std::FILE* const stream =
      path == "-" ? ::fdopen(::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0), "rb") : std::fopen(path.c_str(), "rbe");
  if (stream == nullptr) return system_failure(fmt::format("replay {}", path));
  Savefile savefile{.buffer = std::make_unique_for_overwrite<char[]>(kBuffer), .pcap = {}};
  std::setvbuf(stream, savefile.buffer.get(), _IOFBF, kBuffer);
  ::__fsetlocking(stream, FSETLOCKING_BYCALLER);
  char error[PCAP_ERRBUF_SIZE] = "";
  savefile.pcap.reset(::pcap_fopen_offline_with_tstamp_precision(stream, PCAP_TSTAMP_PRECISION_NANO, error));
  if (savefile.pcap) return savefile;
  std::fclose(stream);
  return replay_failure(path, error);
}

struct FreeCode {
  void operator()(bpf_program* program) const {
    ::pcap_freecode(program);
    delete program;
  }
};
using Program = std::unique_ptr<bpf_program, FreeCode>;

// Run by us on each packet: libpcap itself would go on reading, whatever the caller wants, until one passes.
Result<Program> compile(pcap_t* savefile, const std::string& path, const std::string& filter) {
  if (filter.empty()) return nullptr;
  Program program{new bpf_program{}};
  if (::pcap_compile(savefile, program.get(), filter.c_str(), 1, PCAP_NETMASK_UNKNOWN) != 0) {
    return failure("replay {}: filter \"{}\": {}", path, filter, ::pcap_geterr(savefile));
  }
  return program;
}

// The packet's time since the Unix epoch. A savefile may hold any number: what no clock of ours can show becomes the
// nearest that it can.
Duration time_of(const pcap_pkthdr& packet) {
  const auto seconds = std::clamp<std::int64_t>(packet.ts.tv_sec, 0, kMostSeconds);
  const auto nanoseconds = std::clamp<std::int64_t>(packet.ts.tv_usec, 0, 999'999'999);
  return std::chrono::seconds{seconds} + Duration{nanoseconds};
}

}  // namespace

Result<> replay(const std::string& path, const std::string& filter, ReplayCount& count, const SampleSink& sink,
                const std::function<bool()>& ends) {
  auto opened = open_savefile(path);
  if (!opened) return std::unexpected{opened.error()};
  auto* const savefile = opened->pcap.get();
  const auto link = packet::link_type(::pcap_datalink(savefile));
  if (!link) {
    return failure("replay {}: link type {} is not one that tidegate reads", path,
                   link_name(::pcap_datalink(savefile)));
  }
  const auto program = compile(savefile, path, filter);
  if (!program) return std::unexpected{program.error()};

  Duration latest{};
  pcap_pkthdr* header = nullptr;
  const u_char* bytes = nullptr;
  int status = 0;
  while ((status = ::pcap_next_ex(savefile, &header, &bytes)) == 1) {
    if (ends && ends()) return {};
    if (*program && ::pcap_offline_filter(program->get(), header, bytes) == 0) continue;
    latest = std::max(latest, time_of(*header));
    // No more can have been captured than there was, whatever the savefile says.
    Frame frame{
        .link = *link, .bytes = std::span{bytes, header->caplen}, .wire_length = std::max(header->len, header->caplen)};
    const auto headers = packet::decode(frame.bytes, frame.link, frame.wire_length);
    if (!headers) {
      ++count.rejected;
      continue;
    }
    ++count.packets;
    frame.headers = &*headers;
    sink(packet::to_sample(*headers, {.instant = Instant{latest}, .wall = WallTime{latest}}), frame);
  }
  if (status == PCAP_ERROR) return replay_failure(path, ::pcap_geterr(savefile));
  return {};
}

}  // namespace tidegate
