#include "forward/farewell.h"

#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>

namespace tidegate {

namespace {

constexpr Duration kLongest = std::chrono::seconds{5};
constexpr Duration kDiscardFor =
    std::chrono::seconds{1};  // what a peer goes on sending, so that it reads its end first
constexpr Duration kFirstPause = std::chrono::milliseconds{1};
constexpr Duration kLongestPause = std::chrono::milliseconds{100};

// Bytes sent and not acknowledged, a FIN counting as one; of a UNIX socket, not read.
int unacknowledged(int fd) {
  int bytes = 0;
  return ::ioctl(fd, SIOCOUTQ, &bytes) == 0 ? bytes : 0;
}

}  // namespace

void abort_socket(Fd socket) {
  const linger now{.l_onoff = 1, .l_linger = 0};
  ::setsockopt(socket.get(), SOL_SOCKET, SO_LINGER, &now, sizeof now);
}

class Farewells::One final : private Timer {
 public:
  One(Farewells& all, Fd socket, Ending ending) : all_{all}, socket_{std::move(socket)}, ending_{ending} {}
  One(const One&) = delete;
  One& operator=(const One&) = delete;
  virtual ~One() { all_.loop_.cancel(*this); }

  // True: nothing is left to wait for.
  [[nodiscard]] bool done() {
    constexpr std::size_t kMost = 16 << 20;
    const bool silent =
        ending_ == Ending::reset || ::recv(socket_.get(), nullptr, kMost, MSG_TRUNC | MSG_DONTWAIT) <= 0;  // discards
    const bool patient = deadline_ == Instant{} || all_.loop_.now().instant < deadline_ - (kLongest - kDiscardFor);
    return unacknowledged(socket_.get()) == 0 && (silent || !patient);
  }

  void wait(std::list<std::unique_ptr<One>>::iterator place) {
    place_ = place;
    deadline_ = all_.loop_.now().instant + kLongest;
    all_.loop_.arm(*this, all_.loop_.now().instant + pause_);
  }

  void close() {
    if (ending_ == Ending::reset) abort_socket(std::move(socket_));
    socket_.reset();
  }

 private:
  void on_time() override {
    if (!done() && all_.loop_.now().instant < deadline_) {
      pause_ = std::min(2 * pause_, kLongestPause);
      all_.loop_.arm(*this, all_.loop_.now().instant + pause_);
      return;
    }
    close();
    all_.all_.erase(place_);  // this is gone from here on
  }

  Farewells& all_;
  Fd socket_;
  Ending ending_;
  Instant deadline_;
  Duration pause_ = kFirstPause;
  std::list<std::unique_ptr<One>>::iterator place_;
};

Farewells::Farewells(Loop& loop) : loop_{loop} {}
Farewells::~Farewells() = default;

void Farewells::say(Fd socket, Ending ending) {
  if (!socket) return;
  if (ending == Ending::finish) ::shutdown(socket.get(), SHUT_WR);
  loop_.unwatch(socket.get());
  auto one = std::make_unique<One>(*this, std::move(socket), ending);
  if (one->done()) return one->close();
  all_.push_front(std::move(one));
  all_.front()->wait(all_.begin());
}

}  // namespace tidegate
