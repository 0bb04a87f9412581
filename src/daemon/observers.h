// The watches and tallies of the configuration, at work: each with a capture of its own, each second told that time
// passes and what its capture lost. Control thread only.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "config/config.h"
#include "daemon/alert_actions.h"
#include "meter/tally.h"
#include "observe/watch.h"
#include "privacy/pseudonyms.h"
#include "sensor/pcap.h"

namespace tidegate {

class Observers {
 public:
  struct Watching {
    Watching(const WatchSettings& settings, std::uint64_t seed, Watch::Changed changed)
        : watch{settings, seed, std::move(changed)} {}

    Watch watch;
    std::unique_ptr<PcapSensor> sensor;
  };

  struct Tallying {
    Tallying(const TallySettings& s, std::uint64_t seed) : settings{s}, tally{s, seed} {}

    const TallySettings settings;
    Tally tally;
    std::optional<Pseudonyms> names;  // where it has others than the daemon
    std::unique_ptr<PcapSensor> sensor;
  };

  using Watches = std::vector<std::unique_ptr<Watching>>;
  using Tallies = std::vector<std::unique_ptr<Tallying>>;

  Observers(const boost::asio::any_io_executor& executor, bool dry_run, AlertActions::Hooks hooks)
      : executor_{executor}, actions_{executor, dry_run, std::move(hooks)} {}
  Observers(const Observers&) = delete;
  Observers& operator=(const Observers&) = delete;

  // Observes what this configuration wants. What has not changed goes on with its figures; what has begins anew. All or
  // nothing. `key`: of pseudonyms, where a tally wants its own. The error: capturing is not permitted, the key is none
  // for the mode, or the certificates that webhooks need cannot be read.
  [[nodiscard]] Result<> apply(const Config& config, std::span<const std::uint8_t> key);

  // Tells all, each second, that time passes; until it is cancelled.
  [[nodiscard]] boost::asio::awaitable<void> run();

  // Observes no more, and completes when what alerts had begun has ended.
  [[nodiscard]] boost::asio::awaitable<void> close();

  [[nodiscard]] const Watches& watches() const { return watches_; }  // in the order of the configuration
  [[nodiscard]] const Tallies& tallies() const { return tallies_; }
  [[nodiscard]] Watching* watch(std::string_view name) const;  // null: there is none
  [[nodiscard]] Tallying* tally(std::string_view name) const;  // null: there is none
  [[nodiscard]] const AlertActions& actions() const { return actions_; }
  [[nodiscard]] std::vector<SensorStatus> sensors() const;

 private:
  [[nodiscard]] Result<std::unique_ptr<Watching>> begin(const WatchSettings& settings);
  [[nodiscard]] Result<std::unique_ptr<Tallying>> begin(const TallySettings& settings);
  void tick();

  boost::asio::any_io_executor executor_;
  AlertActions actions_;
  Watches watches_;
  Tallies tallies_;
};

}  // namespace tidegate
