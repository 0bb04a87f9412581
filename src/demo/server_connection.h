// One connection of the demo server: bytes in, answers out, in order.
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.h"
#include "demo/answer.h"
#include "demo/body.h"
#include "demo/head.h"
#include "demo/server.h"
#include "forward/farewell.h"
#include "forward/loop.h"

namespace tidegate::demo {

class ServerConnection;

// What the connections of one thread share.
struct ServerContext {
  ServerContext(Loop& loop_, const ServerSettings& settings_) : loop{loop_}, settings{settings_}, farewells{loop_} {}

  Loop& loop;
  const ServerSettings settings;
  Farewells farewells;
  Answers answers;
  std::vector<char> buffer = std::vector<char>(65'536);  // for whoever reads just now
  std::string out;                                       // for whoever answers just now
  ServerCounts counts;
  std::list<std::unique_ptr<ServerConnection>> open;
};

class ServerConnection final : public Watched, public Disposable, private Timer {
 public:
  ServerConnection(ServerContext& context, Fd socket) : context_{context}, socket_{std::move(socket)} {}
  ~ServerConnection() override;

  // Begins to read. `place` is where this one stands in context.open, which it leaves by itself.
  void begin(std::list<std::unique_ptr<ServerConnection>>::iterator place);

 private:
  void on_events(std::uint32_t events) override;
  void on_time() override;

  void read();
  void take(std::string_view bytes);
  [[nodiscard]] std::size_t take_head(std::string_view bytes);
  [[nodiscard]] std::size_t take_body(std::string_view bytes);
  void refuse(const BadHead& why);
  void send();
  void wait(Duration limit);
  void end();

  ServerContext& context_;
  Fd socket_;
  std::list<std::unique_ptr<ServerConnection>>::iterator place_;
  std::string pending_;        // of a head that is not complete
  Body body_;                  // of the present request
  std::uint64_t payload_ = 0;  // of that body, so far
  std::string answer_;         // to that request, for when its body is complete
  bool close_after_answer_ = false;
  std::string unsent_;           // answers that the peer has not taken; while there are any nothing is read
  bool unread_ = false;          // there may be bytes in the socket
  bool half_closed_ = false;     // the peer has sent its last byte
  bool finishing_ = false;       // nothing more is taken; it ends when all is sent
  bool within_message_ = false;  // the deadline is that of a request that has begun
  Instant deadline_;
};

}  // namespace tidegate::demo
