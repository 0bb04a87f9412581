#include "demo/run.h"

#include <netdb.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>

#include <csignal>
#include <memory>
#include <utility>

#include "base/fd.h"
#include "base/text.h"
#include "forward/loop.h"
#include "forward/socket.h"

namespace tidegate::demo {

namespace {

constexpr Duration kTick = std::chrono::milliseconds{200};

// From here on these signals wait, for this thread and all that it starts, until somebody asks for them.
sigset_t block_endings() {
  sigset_t endings;
  ::sigemptyset(&endings);
  ::sigaddset(&endings, SIGINT);
  ::sigaddset(&endings, SIGTERM);
  ::pthread_sigmask(SIG_BLOCK, &endings, nullptr);
  return endings;
}

class Interrupt final : public Watched {
 public:
  Interrupt(Fd signals, Load& load) : signals_{std::move(signals)}, load_{load} {}
  [[nodiscard]] int fd() const { return signals_.get(); }

 private:
  void on_events(std::uint32_t) override { load_.interrupt(); }

  Fd signals_;
  Load& load_;
};

class Ticker final : private Timer {
 public:
  Ticker(Loop& loop, std::function<void()> tick) : loop_{loop}, tick_{std::move(tick)} { on_time(); }
  Ticker(const Ticker&) = delete;
  Ticker& operator=(const Ticker&) = delete;
  virtual ~Ticker() { loop_.cancel(*this); }

 private:
  void on_time() override {
    if (!tick_) return;
    tick_();
    loop_.arm(*this, loop_.now().instant + kTick);
  }

  Loop& loop_;
  std::function<void()> tick_;
};

}  // namespace

Result<ServerCounts> serve(const ServerSettings& settings, const std::function<void(std::uint16_t port)>& on_ready) {
  const auto endings = block_endings();
  auto server = Server::start(settings);
  if (!server) return std::unexpected{std::move(server.error())};
  on_ready((*server)->port());
  int ending = 0;
  while (::sigwait(&endings, &ending) != 0) continue;
  return (*server)->stop();
}

Result<> aim(LoadSettings& settings, const Target& target) {
  addrinfo* found = nullptr;
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  if (const int error = ::getaddrinfo(target.host.c_str(), nullptr, &hints, &found); error != 0)
    return failure("look up {}: {}", printable(target.host), ::gai_strerror(error));
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> all{found, ::freeaddrinfo};
  settings.target = {};
  for (const auto* entry = found; entry != nullptr; entry = entry->ai_next) {
    IpAddress address;
    if (entry->ai_family == AF_INET)
      address = address_of(reinterpret_cast<const sockaddr_in*>(entry->ai_addr)->sin_addr);
    if (entry->ai_family == AF_INET6)
      address = address_of(reinterpret_cast<const sockaddr_in6*>(entry->ai_addr)->sin6_addr);
    if (address.is_v4() || !settings.target.address) settings.target = {address, target.port};
    if (address.is_v4()) break;
  }
  if (!settings.target.address) return failure("look up {}: it has no address", printable(target.host));
  settings.host = target.to_string();
  return {};
}

Result<LoadReport> load(const LoadSettings& settings, const LoadWatchers& watchers) {
  const auto endings = block_endings();
  auto loop = Loop::make();
  if (!loop) return std::unexpected{std::move(loop.error())};
  auto load = Load::start(**loop, settings, {.on_end = [&] { (*loop)->stop(); }, .on_answer = watchers.on_answer});
  if (!load) return std::unexpected{std::move(load.error())};
  Interrupt interrupt{Fd{::signalfd(-1, &endings, SFD_NONBLOCK | SFD_CLOEXEC)}, **load};
  if (interrupt.fd() < 0) return system_failure("signalfd");
  if (auto watched = (*loop)->watch(interrupt.fd(), EPOLLIN, interrupt); !watched)
    return std::unexpected{std::move(watched.error())};
  std::function<void()> tick;
  if (watchers.on_tick) tick = [&] { watchers.on_tick((*load)->report(), (*loop)->now().instant - (*load)->began()); };
  const Ticker ticker{**loop, std::move(tick)};
  (*loop)->run();
  return (*load)->report();
}

}  // namespace tidegate::demo
