// The end of a socket whose peer is to get all that was sent: it is kept until the peer has acknowledged everything
// (SIOCOUTQ of tcp(7)) or a deadline, then closed. Without it close(2) throws away what is still queued, because a
// close with bytes unread, or with SO_LINGER 0, is a reset (RFC 9293, section 3.10.4).
#pragma once

#include <cstdint>
#include <list>
#include <memory>

#include "base/fd.h"
#include "forward/loop.h"

namespace tidegate {

// Closes with a reset at once.
void abort_socket(Fd socket);

// The sockets of one data thread that are on their way out. What is left when it goes is closed.
class Farewells {
 public:
  enum class Ending : std::uint8_t {
    finish,  // FIN now; bytes that still come are discarded
    reset,   // RST, once all is acknowledged
  };

  explicit Farewells(Loop& loop);
  Farewells(const Farewells&) = delete;
  Farewells& operator=(const Farewells&) = delete;
  ~Farewells();

  // Takes the socket over, for at most five seconds.
  void say(Fd socket, Ending ending);

 private:
  class One;
  Loop& loop_;
  std::list<std::unique_ptr<One>> all_;
};

}  // namespace tidegate
