// Books in memory and the forwards they are about, without an engine: what was carried is written into the counters.
#pragma once

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/http_report.h"

namespace tidegate::test {

inline constexpr WallTime kDecember = std::chrono::sys_days{std::chrono::year{2024} / 12 / 10} + std::chrono::hours{12};
inline constexpr Instant kStart{std::chrono::hours{1}};

inline ForwardSettings forward(std::string name, std::uint16_t listen, std::uint16_t target) {
  ForwardSettings settings;
  settings.name = std::move(name);
  settings.listen.first = settings.listen.last = listen;
  Target to;
  to.host = "127.0.0.1";
  to.port = target;
  settings.targets.push_back(std::move(to));
  return settings;
}

class Books {
 public:
  // The books begin on the first of November 2024.
  explicit Books(const std::vector<ForwardSettings>& forwards) {
    constexpr WallTime kBegin = std::chrono::sys_days{std::chrono::year{2024} / 11 / 1};
    for (const auto& settings : forwards) entries_.push_back({.settings = settings, .origin = {}, .json = {}});
    plans_ = books_->plan(forwards, {}, kBegin).value();
    books_->commit(kBegin);
    for (const auto& plan : plans_) {
      runtimes_.push_back(
          std::make_unique<ForwardRuntime>(plan.settings, std::make_shared<ForwardLife>(), plan.counters, plan.quotas));
    }
  }

  void carry(std::string_view name, std::uint64_t upload, std::uint64_t download, WallTime now) {
    auto& cell = *plans_[index(name)].counters.front();
    cell.upload.add(upload);
    cell.download.add(download);
    books_->count(now);
  }

  [[nodiscard]] Accounting& books() { return *books_; }
  [[nodiscard]] ForwardRuntime& runtime(std::string_view name) { return *runtimes_[index(name)]; }
  [[nodiscard]] ForwardView view(std::string_view name) {
    return {&entries_[index(name)], runtimes_[index(name)].get(), books_.get()};
  }

 private:
  [[nodiscard]] std::size_t index(std::string_view name) const {
    const auto found = std::ranges::find_if(entries_, [&](const auto& entry) { return entry.settings.name == name; });
    return static_cast<std::size_t>(found - entries_.begin());
  }

  static std::unique_ptr<Accounting> open() {
    ::setenv("TZ", "UTC", 1);  // NOLINT(concurrency-mt-unsafe): a test has one thread
    return Accounting::open(
               {}, 1,
               {.tell = [](EventKind, const std::string&, const std::string&) {}, .quota_changed = [](const auto&) {}})
        .value();
  }

  std::unique_ptr<Accounting> books_ = open();
  std::vector<Forwards::Entry> entries_;
  std::vector<ForwardPlan> plans_;
  std::vector<std::unique_ptr<ForwardRuntime>> runtimes_;
};

}  // namespace tidegate::test
