// The books of the forwards: what each has carried, by period; how far each quota is used, and what follows; and all of
// it in the store, each second and at the end. Control thread only.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "config/config.h"
#include "forward/engine.h"
#include "model/event.h"
#include "quota/quota.h"
#include "quota/usage.h"
#include "store/store.h"

namespace tidegate {

class Accounting {
 public:
  struct Hooks {
    std::function<void(EventKind, const std::string& subject, std::string text)> tell;
    std::function<void(const std::shared_ptr<QuotaShare>&)> quota_changed;  // it has room again, or is reached
  };

  // One quota, as the API tells it.
  struct QuotaEntry {
    Quota quota;
    std::shared_ptr<QuotaShare> share;  // with the data threads
    std::vector<std::string> forwards;
    bool changed = true;  // since it was saved
  };
  using Quotas = std::map<std::string, QuotaEntry, std::less<>>;

  // Opens the store; see Store::open for the errors.
  [[nodiscard]] static Result<std::unique_ptr<Accounting>> open(const std::string& path, std::size_t data_threads,
                                                                Hooks hooks);

  // Tells what was found about the store since the last time; once after open(), when the events can be kept.
  void tell_notes();

  // How these forwards are to be served, with accounts and quotas, which are made where they are new. Nothing that is
  // there changes before commit(), which is to follow when the engine has taken the plans. The error names the quota
  // and its time zone, or the forward and what its account lacks.
  [[nodiscard]] Result<std::vector<ForwardPlan>> plan(const std::vector<ForwardSettings>& forwards,
                                                      const std::vector<QuotaSettings>& groups, WallTime now);
  void commit(WallTime now);

  // Takes over what traffic-monitor's state file says of forwards that the store does not know yet. Before plan().
  [[nodiscard]] Result<> import_state(const std::string& path, const std::vector<ForwardSettings>& forwards);

  // Reads the counters: usage, quotas, periods. Often; cheap.
  void count(WallTime now);

  // Writes what changed. An error is told, at most each ten seconds, and what could not be written is kept.
  void save(WallTime now);

  // A step of the hourly backup of the store; to be called each second.
  void back_up(WallTime now);

  // A data thread waits for `needed` bytes of a quota whose leases have been called in.
  void dry(const std::string& key, std::uint64_t needed, const Engine::Recalled& recalled, WallTime now);

  // The kernel had a packet that had no room in a quota of action cut, and stopped it.
  void over(const std::string& key);

  [[nodiscard]] const Quotas& quotas() const { return quotas_; }
  [[nodiscard]] std::shared_ptr<QuotaShare> share(const std::string& key) const;      // null: there is none
  [[nodiscard]] bool reset(std::string_view key, WallTime now);                       // false: there is none
  [[nodiscard]] bool raise(std::string_view key, std::uint64_t bytes, WallTime now);  // likewise

  // Null where there is no forward of that name.
  [[nodiscard]] const Usage* usage(std::string_view forward) const;
  [[nodiscard]] ForwardTotals totals(std::string_view forward) const;   // for all time
  [[nodiscard]] ForwardTotals carried(std::string_view forward) const;  // since tidegate began
  [[nodiscard]] const Zone& zone() const { return zone_; }

  // Keeps the event for the store, and gives it its number.
  std::int64_t keep(const Event& event);
  [[nodiscard]] Store& store() { return *store_; }

 private:
  struct Book {
    Account account;
    Usage usage;
    ForwardTotals last;               // as count() read it
    ForwardTotals saved;              // as the store has it
    std::vector<std::string> quotas;  // keys
  };
  // A quota that plan() found, before commit().
  struct Draft {
    QuotaSettings settings;
    Zone zone;
    std::vector<std::string> forwards;
    std::optional<QuotaEntry> fresh;  // where there is none to go on with
    bool leased = true;               // see QuotaShare
    bool complete = false;            // its state holds also what the last run did not come to save
    std::vector<QuotaEvent> events;   // of what is fresh, to be told
  };

  Accounting(std::unique_ptr<Store> store, Hooks hooks) : store_{std::move(store)}, hooks_{std::move(hooks)} {}
  [[nodiscard]] Result<Book*> book(const std::string& forward, WallTime now);
  [[nodiscard]] Result<> draft(std::map<std::string, Draft>& drafts, const std::string& key,
                               const QuotaSettings& settings, const ForwardSettings& forward, WallTime now);
  [[nodiscard]] Result<QuotaState> saved_state(const std::string& key, Draft& draft, const std::string& forward,
                                               WallTime now);
  void tell(const std::string& key, const QuotaEntry& entry, const std::vector<QuotaEvent>& events);
  void tell_no_room(const std::string& key, const Quota& quota, std::string_view what);
  template <class Change>
  void change(QuotaEntry& entry, Change change);

  std::unique_ptr<Store> store_;
  Hooks hooks_;
  Zone zone_;  // local
  std::map<std::string, Book, std::less<>> books_;
  Quotas quotas_;
  std::map<std::string, Draft> drafts_;
  std::map<std::string, std::vector<std::string>> draft_keys_;  // by forward
  std::vector<EventRow> events_;                                // to be saved
  std::int64_t last_event_ = 0;                                 // number
  std::optional<Instant> complained_;
};

}  // namespace tidegate
