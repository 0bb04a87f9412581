// The forwards of the daemon: those of the file and those added at run time, the engine that serves them, their books,
// and what ties them to services. Control thread only.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "config/config.h"
#include "daemon/accounting.h"
#include "daemon/service.h"
#include "daemon/tasks.h"
#include "forward/engine.h"
#include "forward/kernel_engine.h"
#include "model/event.h"

namespace tidegate {

class Forwards {
 public:
  struct Hooks {
    std::function<void(Event)> tell;
    // A client of the forward waits for its service.
    std::function<void(const std::string& service, const std::string& forward, const Sample&)> wanted;
    // What the service is at present; asked where a forward is new.
    std::function<ServicePhase(const std::string& service)> phase;
    // Something of the service's forwards is open, or has moved, since the last time.
    std::function<void(const std::string& service)> active;
    // A health check connects from this endpoint: traffic of our own.
    std::function<void(const Endpoint&)> check_speaks;
    // How a client's address is shown.
    std::function<std::string(const IpAddress&)> client_name;
  };

  // Where a forward comes from.
  enum class Origin : std::uint8_t { file, api };
  struct Entry {
    ForwardSettings settings;
    Origin origin = Origin::file;
    std::string json;  // of api: as it was given
  };

  Forwards(const boost::asio::any_io_executor& executor, Hooks hooks);
  ~Forwards();
  Forwards(const Forwards&) = delete;
  Forwards& operator=(const Forwards&) = delete;

  // Opens the store, starts the data threads and serves the forwards, where the configuration has any or has an API
  // that may add some. `store`: the path of the database; empty: in memory.
  [[nodiscard]] Result<> open(const Config& config, const std::string& store);

  // The forwards of a new configuration, as a difference; on an error everything stays as it was.
  [[nodiscard]] Result<> apply(const Config& config);

  // Counts, saves and looks at services until it is cancelled.
  [[nodiscard]] boost::asio::awaitable<void> run();

  // Reads what was counted up to this moment. Only where something was opened.
  void count(WallTime now);

  // Ends every forward, and saves.
  [[nodiscard]] boost::asio::awaitable<void> close();

  // The service is at another phase; or its start failed, and is tried again only after `retry_in`.
  void service_changed(const std::string& service, ServicePhase phase);
  void service_failed(const std::string& service, Duration retry_in);

  // Slows all of the forward, its open connections too, to so many bytes per second beside its own rates; 0: no more.
  // Holds until it is taken back, whatever becomes of the forward's settings. One that is not there is slowed once it
  // is.
  void throttle(const std::string& forward, std::uint64_t bytes_per_second);

  // Whether a connection of the service's forwards is open (where that keeps it), or bytes have moved since the last
  // call for that service.
  [[nodiscard]] bool take_activity(const std::string& service);

  // What the service's forwards carry.
  [[nodiscard]] ForwardedTraffic traffic(const std::string& service) const;

  // At run time; kept in the store. The error says what is wrong with it, in the words of the configuration: it is
  // not there, belongs to the file, or its listener cannot be opened.
  [[nodiscard]] Result<> add(const std::string& json);
  [[nodiscard]] Result<> change(std::string_view name, const std::string& json);
  [[nodiscard]] Result<> remove(std::string_view name);

  [[nodiscard]] const std::vector<Entry>& all() const { return entries_; }
  [[nodiscard]] const Entry* find(std::string_view name) const;
  [[nodiscard]] const ForwardRuntime* runtime(const std::string& name) const;  // null: it is not served
  [[nodiscard]] Accounting* accounting() { return accounting_.get(); }         // null: nothing was opened

 private:
  [[nodiscard]] Result<> open_all(const Config& config);
  [[nodiscard]] Result<> serve(std::vector<Entry> entries);
  [[nodiscard]] Result<> check_ports(const ForwardSettings& forward) const;
  [[nodiscard]] Result<Entry> read(const std::string& json) const;
  void quota_dry(const std::string& key, std::uint64_t needed);
  void apply_throttle(const std::string& forward);

  boost::asio::any_io_executor executor_;
  Hooks hooks_;
  Config config_;  // what validation needs beside the forwards
  std::string store_;
  std::vector<Entry> entries_;
  std::unique_ptr<Accounting> accounting_;
  std::unique_ptr<Engine> engine_;
  std::unique_ptr<KernelEngine> kernel_;                         // with engine_
  std::map<std::string, std::uint64_t, std::less<>> moved_;      // by service: what take_activity() saw
  std::map<std::string, std::uint64_t, std::less<>> throttles_;  // by forward
  bool closing_ = false;
};

}  // namespace tidegate
