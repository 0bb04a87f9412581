// Savefiles of made-up TCP segments, in the classic format with nanoseconds (draft-ietf-opsawg-pcap): Ethernet, IPv4
// and TCP without options, all lengths and checksums right (RFC 791, RFC 9293). For the tools of bench/http.
#pragma once

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bench {

enum TcpFlags : std::uint8_t { kFin = 0x01, kSyn = 0x02, kRst = 0x04, kPush = 0x08, kAck = 0x10 };

struct Flow {
  std::uint32_t client = 0;  // IPv4 addresses
  std::uint32_t server = 0;
  std::uint16_t client_port = 0;
  std::uint16_t server_port = 80;
};

struct Segment {
  bool from_client = true;
  std::uint32_t sequence = 0;
  std::uint32_t acknowledged = 0;
  std::uint8_t flags = kAck;
  std::string_view payload = {};
};

class Savefile {
 public:
  // Throws std::runtime_error, here and wherever it cannot write.
  explicit Savefile(const std::string& path) : path_{path}, file_{std::fopen(path.c_str(), "wb")} {
    if (file_ == nullptr) fail("open");
    buffer_.resize(1 << 20);
    std::setvbuf(file_, buffer_.data(), _IOFBF, buffer_.size());
    put_little(0xa1b23c4d, 4);  // nanoseconds
    put_little(2, 2);
    put_little(4, 2);
    put_little(0, 8);
    put_little(262'144, 4);
    put_little(1, 4);  // Ethernet
    write();
  }
  Savefile(const Savefile&) = delete;
  Savefile& operator=(const Savefile&) = delete;
  ~Savefile() {
    if (file_ != nullptr) std::fclose(file_);
  }

  void add(std::int64_t nanoseconds, const Flow& flow, const Segment& segment) {
    const auto length = static_cast<std::uint32_t>(kHeaders + segment.payload.size());
    put_little(static_cast<std::uint64_t>(nanoseconds / 1'000'000'000), 4);
    put_little(static_cast<std::uint64_t>(nanoseconds % 1'000'000'000), 4);
    put_little(length, 4);
    put_little(length, 4);
    put_ethernet(segment.from_client);
    put_ip(flow, segment);
    put_tcp(flow, segment);
    record_ += segment.payload;
    write();
    ++packets_;
  }

  [[nodiscard]] std::uint64_t packets() const { return packets_; }
  [[nodiscard]] std::uint64_t bytes() const { return bytes_; }

  void close() {
    if (std::fclose(std::exchange(file_, nullptr)) != 0) fail("write");
  }

 private:
  static constexpr std::size_t kHeaders = 14 + 20 + 20;

  [[noreturn]] void fail(const char* done) const {
    throw std::runtime_error{std::string{done} + " " + path_ + ": " + std::strerror(errno)};
  }
  void write() {
    if (std::fwrite(record_.data(), 1, record_.size(), file_) != record_.size()) fail("write");
    bytes_ += record_.size();
    record_.clear();
  }
  void put_little(std::uint64_t value, int bytes) {
    for (int i = 0; i < bytes; ++i) record_ += static_cast<char>(value >> 8 * i & 0xff);
  }
  void put(std::uint32_t value, int bytes) {
    for (int i = bytes - 1; i >= 0; --i) record_ += static_cast<char>(value >> 8 * i & 0xff);
  }

  void put_ethernet(bool from_client) {
    constexpr std::uint32_t kClient = 0x0b;
    constexpr std::uint32_t kServer = 0x0a;
    for (const auto host : {from_client ? kServer : kClient, from_client ? kClient : kServer}) {
      put(0x0277, 2);
      put(host, 4);
    }
    put(0x0800, 2);
  }

  void put_ip(const Flow& flow, const Segment& segment) {
    const auto at = record_.size();
    put(0x4500, 2);
    put(static_cast<std::uint32_t>(kHeaders - 14 + segment.payload.size()), 2);
    put(0x00004000, 4);  // don't fragment
    put(0x4006, 2);
    put(0, 2);
    put(segment.from_client ? flow.client : flow.server, 4);
    put(segment.from_client ? flow.server : flow.client, 4);
    fill_checksum(at + 10, sum(std::string_view{record_}.substr(at)));
  }

  void put_tcp(const Flow& flow, const Segment& segment) {
    const auto at = record_.size();
    put(segment.from_client ? flow.client_port : flow.server_port, 2);
    put(segment.from_client ? flow.server_port : flow.client_port, 2);
    put(segment.sequence, 4);
    put((segment.flags & kAck) != 0 ? segment.acknowledged : 0, 4);
    put(0x5000U | segment.flags, 2);
    put(0xffff, 2);
    put(0, 4);
    const auto header = std::string_view{record_}.substr(at);
    const auto pseudo = sum(std::string_view{record_}.substr(at - 8, 8)) + 6 + header.size() + segment.payload.size();
    fill_checksum(at + 16, pseudo + sum(header) + sum(segment.payload));
  }

  [[nodiscard]] static std::uint64_t sum(std::string_view bytes) {
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < bytes.size(); ++i)
      sum += static_cast<std::uint64_t>(static_cast<unsigned char>(bytes[i])) << (i % 2 == 0 ? 8 : 0);
    return sum;
  }
  void fill_checksum(std::size_t at, std::uint64_t sum) {
    while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
    record_[at] = static_cast<char>(~sum >> 8 & 0xff);
    record_[at + 1] = static_cast<char>(~sum & 0xff);
  }

  std::string path_;
  std::FILE* file_;
  std::vector<char> buffer_;
  std::string record_;
  std::uint64_t packets_ = 0;
  std::uint64_t bytes_ = 0;
};

}  // namespace bench
