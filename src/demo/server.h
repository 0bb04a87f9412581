// A small web server to have traffic with: every path is answered with a greeting, over HTTP/1.1 and 1.0 (RFC 9110,
// RFC 9112), persistent and pipelined. Threads of its own, each with a listener (SO_REUSEPORT) and an epoll loop; they
// share nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include "base/error.h"
#include "base/time.h"
#include "model/forward.h"

namespace tidegate::demo {

struct ServerSettings {
  ListenAddress listen;  // TCP; port 0: one that is free
  std::size_t threads = 1;
  std::size_t connections = 16'384;             // open at once, in each thread; who comes then waits in the kernel
  std::uint64_t most_body = 1'048'576;          // bytes of a request's, which are thrown away; past it 413
  Duration idle = std::chrono::seconds{60};     // between requests; then the connection is closed
  Duration message = std::chrono::seconds{10};  // from a request's first byte to its last (408), or for an answer to go
};

struct ServerCounts {
  std::uint64_t connections = 0;
  std::uint64_t answered = 0;            // with 200
  std::map<int, std::uint64_t> refused;  // by status
  std::uint64_t accept_failures = 0;     // of accept4(2), for want of descriptors or memory
};

class Server {
 public:
  // Listens and starts the threads. The error names the address: "bind 127.0.0.1:5000: Address already in use".
  [[nodiscard]] static Result<std::unique_ptr<Server>> start(const ServerSettings& settings);
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  ~Server();  // as stop()

  // The port that it listens on.
  [[nodiscard]] std::uint16_t port() const { return port_; }

  // Closes everything, ends the threads, and says what there was. A second call says the same.
  ServerCounts stop();

 private:
  class Thread;
  explicit Server(std::uint16_t port);

  std::uint16_t port_;
  std::vector<std::unique_ptr<Thread>> threads_;
  ServerCounts counts_;
};

}  // namespace tidegate::demo
