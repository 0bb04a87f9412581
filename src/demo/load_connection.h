// One connection of the demo load: a request, its answer, and the next one (RFC 9112).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/fd.h"
#include "demo/body.h"
#include "demo/load.h"
#include "forward/loop.h"

namespace tidegate::demo {

// A whole answer.
struct Load::Answer {
  Instant due;  // of its request
  int status = 0;
  std::uint64_t bytes = 0;   // of its payload
  std::string_view payload;  // of which this is the beginning, where it is wanted
};

class Load::Connection final : public Watched, private Timer {
 public:
  explicit Connection(Load& load) : load_{load} {}
  ~Connection() override;

  // Sends a request, over a new connection where there is none. Load::answered() or failed() is told what became of
  // it, the latter perhaps before this returns. Not while one is under way.
  void ask(Instant due, std::string request);

  // Tells Load::rested() after a pause, in which this one is not asked.
  void rest(Duration pause);

  // Ends, telling nobody. True: a request was under way.
  bool drop();

 private:
  void on_events(std::uint32_t events) override;
  void on_time() override;

  void connect();
  void send();
  void read();
  [[nodiscard]] bool take(std::string_view bytes);
  [[nodiscard]] bool take_head(std::string_view& bytes);
  void complete(bool reusable);
  void lose(const std::string& reason);

  Load& load_;
  Fd socket_;
  bool connected_ = false;
  bool hung_up_ = false;  // the server has sent its last byte
  bool asking_ = false;
  Instant due_;  // of the request that is under way, and what follows is of that too
  std::string unsent_;
  std::string pending_;  // of the answer's head, while it is not complete
  std::string kept_;     // of its payload
  Body body_;
  std::uint64_t bytes_ = 0;  // of its payload
  int status_ = 0;           // 0: its head is not complete
  bool keep_alive_ = false;
};

}  // namespace tidegate::demo
