#include "daemon/accounting.h"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <set>

#include "base/log.h"
#include "base/units.h"
#include "daemon/zone_file.h"
#include "store/traffic_monitor_state.h"

namespace tidegate {

namespace {

constexpr std::size_t kMostWaitingEvents = 10'000;  // for a store that cannot be written
constexpr Duration kComplainAgain = std::chrono::seconds{10};

// A quota of a forward's own, as its short keys say.
QuotaSettings plain_limit(const ForwardSettings& forward, std::uint64_t bytes, QuotaPeriod every) {
  QuotaSettings quota;
  quota.bytes = bytes;
  quota.every = every;
  quota.action = forward.limit_action;
  quota.throttle = forward.limit_throttle;
  return quota;
}

// What one of its allowances has left: of uploads, of downloads, or of both together.
std::uint64_t remaining(const Quota& quota, Flow flow) {
  if (!quota.limits()) return Allowance::kMost;
  if (quota.settings().count != QuotaCount::larger) return std::min(quota.left(), Allowance::kMost);
  const auto used = flow == Flow::up ? quota.upload() : quota.download();
  return std::min(quota.limit() - std::min(quota.limit(), used), Allowance::kMost);
}

std::shared_ptr<QuotaShare> make_share(const std::string& key, const Quota& quota, bool leased) {
  const auto& settings = quota.settings();
  auto share = std::make_shared<QuotaShare>();
  share->key = key;
  share->action = settings.action;
  share->leased = leased;
  share->throttle_rate = settings.throttle;
  const bool counts_up = settings.count != QuotaCount::download;
  const bool counts_down = settings.count != QuotaCount::upload;
  if (counts_up) share->up = std::make_shared<Allowance>(remaining(quota, Flow::up));
  if (counts_down) {
    share->down =
        settings.count == QuotaCount::sum ? share->up : std::make_shared<Allowance>(remaining(quota, Flow::down));
  }
  set_byte_rate(share->throttle, settings.throttle);
  share->reached = settings.action == LimitAction::cut && share->spent();
  return share;
}

// Data threads may go on with the share they have.
bool same_share(const QuotaSettings& a, const QuotaSettings& b) { return a.action == b.action && a.count == b.count; }

// What is left of a quota that the kernel counts is what the books say.
void follow_books(const Accounting::QuotaEntry& entry) {
  const QuotaShare& share = *entry.share;
  if (share.leased) return;
  if (share.up) share.up->reset(remaining(entry.quota, Flow::up));
  if (share.down && share.down != share.up) share.down->reset(remaining(entry.quota, Flow::down));
}

// Gives an allowance the difference that a change made. Of cut it is a difference, because what leases hold goes on to
// count; else the number is only what is left.
void adjust(const std::shared_ptr<Allowance>& allowance, LimitAction action, std::uint64_t before,
            std::uint64_t after) {
  if (!allowance) return;
  if (action != LimitAction::cut) return allowance->reset(after);
  if (after >= before) return allowance->give_back(after - before, allowance->generation());
  if (const auto less = before - after; allowance->take(less) < less) allowance->reset(0);
}

std::string subject_of(const std::string& key) { return key.substr(0, key.rfind('/')); }

}  // namespace

Result<std::unique_ptr<Accounting>> Accounting::open(const std::string& path, std::size_t data_threads, Hooks hooks) {
  auto store = Store::open(path, data_threads + 1);  // one more: the kernel's
  if (!store) return std::unexpected{std::move(store.error())};
  auto zone = load_zone({});
  if (!zone) return std::unexpected{std::move(zone.error())};
  std::unique_ptr<Accounting> books{new Accounting{std::move(*store), std::move(hooks)}};
  books->zone_ = std::move(*zone);
  const auto last = books->store_->events({.most = 1});
  if (!last) return std::unexpected{last.error()};
  if (!last->empty()) books->last_event_ = last->back().id;
  return books;
}

void Accounting::tell_notes() {
  for (auto& note : store_->take_notes()) hooks_.tell(EventKind::stored, {}, std::move(note));
}

// --- plans

Result<Accounting::Book*> Accounting::book(const std::string& forward, WallTime now) {
  if (const auto found = books_.find(forward); found != books_.end()) return &found->second;
  auto account = store_->account(forward);
  if (!account) return std::unexpected{std::move(account.error())};
  tell_notes();
  std::vector<UsageBucket> saved;
  for (const auto& [period, most] :
       {std::pair{QuotaPeriod::hour, Usage::kHours}, std::pair{QuotaPeriod::day, Usage::kDays},
        std::pair{QuotaPeriod::month, Usage::kMonths}}) {
    auto rows = store_->usage(forward, period, most);
    if (!rows) return std::unexpected{std::move(rows.error())};
    saved.insert(saved.end(), std::make_move_iterator(rows->begin()), std::make_move_iterator(rows->end()));
  }
  Book book{.account = *account, .usage = {}, .last = account->now(), .saved = account->recorded};
  const bool has_history = !saved.empty();
  book.usage = Usage{account->recorded, std::move(saved)};
  // What the last run counted and did not come to save belongs to where it stopped, not to the present.
  book.usage.add(account->now() - account->recorded, has_history ? WallTime{} : now, zone_);
  return &books_.emplace(forward, std::move(book)).first->second;
}

// How far it was used when it was last saved. `limit` and `limit_monthly` are over all that the forward ever carried,
// and in this month, so that they begin with its history where they are new.
Result<QuotaState> Accounting::saved_state(const std::string& key, Draft& draft, const std::string& forward,
                                           WallTime now) {
  auto row = store_->quota(key);
  if (!row) return std::unexpected{std::move(row.error())};
  if (*row) {
    return QuotaState{.label = (*row)->period,
                      .start = (*row)->starts,
                      .upload = (*row)->upload,
                      .download = (*row)->download,
                      .raised = (*row)->raised,
                      .told = (*row)->warned};
  }
  const bool monthly = key == forward + "/limit_monthly";
  if (!monthly && key != forward + "/limit") return QuotaState{};
  const auto book = this->book(forward, now);
  if (!book) return std::unexpected{book.error()};
  const auto period = period_at(draft.settings, draft.zone, now);
  const auto month = (*book)->usage.month(now, zone_);
  const auto total = (*book)->account.now();
  draft.complete = true;
  return QuotaState{.label = period.label,
                    .start = period.start,
                    .upload = monthly ? month.upload : total.upload,
                    .download = monthly ? month.download : total.download};
}

Result<> Accounting::draft(std::map<std::string, Draft>& drafts, const std::string& key, const QuotaSettings& settings,
                           const ForwardSettings& forward, WallTime now) {
  auto& draft = drafts[key];
  if (draft.forwards.empty()) {
    auto zone = settings.zone.empty() ? Result<Zone>{zone_} : load_zone(settings.zone);
    if (!zone) return failure("quota \"{}\": {}", key, zone.error().what);
    draft.settings = settings;
    draft.leased = forward.engine == ForwardEngine::user;
    draft.zone = std::move(*zone);
    const auto there = quotas_.find(key);
    if (there == quotas_.end()) {
      auto state = saved_state(key, draft, forward.name, now);
      if (!state) return std::unexpected{std::move(state.error())};
      Quota quota{draft.settings, draft.zone, now, *state};
      draft.fresh = QuotaEntry{.quota = std::move(quota), .share = {}, .forwards = {}};
    }
  }
  draft.forwards.push_back(forward.name);
  draft_keys_[forward.name].push_back(key);
  return {};
}

Result<std::vector<ForwardPlan>> Accounting::plan(const std::vector<ForwardSettings>& forwards,
                                                  const std::vector<QuotaSettings>& groups, WallTime now) {
  drafts_.clear();
  draft_keys_.clear();
  save(now);  // so that what is new begins at the present, and what goes can come again
  std::set<std::string, std::less<>> known;
  for (const auto& [name, book] : books_) known.insert(name);
  for (const auto& forward : forwards) {
    const std::string& name = forward.name;
    Result<> done;
    if (forward.limit > 0)
      done = draft(drafts_, name + "/limit", plain_limit(forward, forward.limit, QuotaPeriod::none), forward, now);
    if (done && forward.limit_monthly > 0) {
      done = draft(drafts_, name + "/limit_monthly", plain_limit(forward, forward.limit_monthly, QuotaPeriod::month),
                   forward, now);
    }
    if (done && forward.quota && forward.quota->bytes > 0)
      done = draft(drafts_, name + "/quota", *forward.quota, forward, now);
    if (done && forward.quota && !forward.quota->group.empty()) {
      const auto group = std::ranges::find(groups, forward.quota->group, &QuotaSettings::group);
      if (group != groups.end()) done = draft(drafts_, "group/" + group->group, *group, forward, now);
    }
    if (!done) return std::unexpected{std::move(done.error())};
  }
  for (auto& [key, draft] : drafts_) {
    if (!draft.fresh || draft.complete) continue;
    // What was counted and not saved in the last run counts here, too.
    for (const auto& forward : draft.forwards) {
      if (known.contains(forward)) continue;
      auto book = this->book(forward, now);
      if (!book) return std::unexpected{std::move(book.error())};
      const auto unsaved = (*book)->account.now() - (*book)->account.recorded;
      const auto events = draft.fresh->quota.add(unsaved.upload, unsaved.download, now);
      draft.events.insert(draft.events.end(), events.begin(), events.end());
    }
  }
  for (auto& [key, draft] : drafts_) {
    if (draft.fresh) draft.fresh->share = make_share(key, draft.fresh->quota, draft.leased);
  }

  std::vector<ForwardPlan> plans;
  plans.reserve(forwards.size());
  for (const auto& forward : forwards) {
    const auto book = this->book(forward.name, now);
    if (!book) return failure("forward \"{}\": {}", forward.name, book.error().what);
    ForwardPlan plan{.settings = forward, .counters = {}, .quotas = {}};
    for (auto& cell : (*book)->account.cells) plan.counters.push_back(&cell);
    for (const auto& key : draft_keys_[forward.name]) {
      auto& draft = drafts_.at(key);
      const auto there = quotas_.find(key);
      const bool stays = there != quotas_.end() && same_share(there->second.quota.settings(), draft.settings) &&
                         there->second.share->leased == draft.leased;
      if (there != quotas_.end() && !stays && !draft.fresh) {
        Quota changed = there->second.quota;
        changed.reconfigure(draft.settings, draft.zone, now);
        draft.fresh = QuotaEntry{.quota = changed, .share = make_share(key, changed, draft.leased), .forwards = {}};
      }
      plan.quotas.push_back(draft.fresh ? draft.fresh->share : there->second.share);
    }
    plans.push_back(std::move(plan));
  }
  return plans;
}

void Accounting::commit(WallTime now) {
  std::erase_if(quotas_, [&](const auto& entry) { return !drafts_.contains(entry.first); });
  for (auto& [key, draft] : drafts_) {
    if (draft.fresh) quotas_.insert_or_assign(key, *std::move(draft.fresh));
    auto& entry = quotas_.at(key);
    entry.forwards = std::move(draft.forwards);
    tell(key, entry, draft.events);
    if (entry.quota.settings() == draft.settings) continue;
    change(entry, [&](Quota& quota) { quota.reconfigure(draft.settings, draft.zone, now); });
    entry.share->throttle_rate = draft.settings.throttle;
    set_byte_rate(entry.share->throttle, draft.settings.throttle);
  }
  for (auto& [name, book] : books_) {
    const auto keys = draft_keys_.find(name);
    book.quotas = keys == draft_keys_.end() ? std::vector<std::string>{} : std::move(keys->second);
  }
  drafts_.clear();
  draft_keys_.clear();
}

Result<> Accounting::import_state(const std::string& path, const std::vector<ForwardSettings>& forwards) {
  std::ifstream file{path, std::ios::binary};
  if (!file) return {};  // the original begins without one, too
  const std::string text{std::istreambuf_iterator<char>{file}, {}};
  const auto state = parse_traffic_monitor_state(text);
  if (!state) return failure("{}: {}", path, state.error().what);
  Batch batch;
  for (const auto& proxy : *state) {
    const bool wanted = std::ranges::find(forwards, proxy.name, &ForwardSettings::name) != forwards.end();
    if (!wanted || store_->knows(proxy.name)) continue;
    batch.totals.push_back({proxy.name, {.upload = proxy.upload, .download = proxy.download}});
    batch.imports.push_back({path, proxy.name});
    if (proxy.month.empty()) continue;
    batch.usage.push_back({proxy.name,
                           {.period = QuotaPeriod::month,
                            .label = proxy.month,
                            .upload = proxy.month_upload,
                            .download = proxy.month_download}});
  }
  for (const auto& row : batch.totals) {
    hooks_.tell(EventKind::stored, row.forward,
                fmt::format("begins with {} up and {} down, from {}", format_bytes(row.totals.upload),
                            format_bytes(row.totals.download), path));
  }
  return batch.empty() ? Result<>{} : store_->save(batch);
}

// --- counting

void Accounting::count(WallTime now) {
  for (auto& [key, entry] : quotas_) {
    std::vector<QuotaEvent> events;
    const auto end = entry.quota.period().end;
    if (end && now >= *end) change(entry, [&](Quota& quota) { events = quota.advance(now); });
    tell(key, entry, events);
  }
  for (auto& [name, book] : books_) {
    const auto total = book.account.now();
    if (total == book.last) continue;
    const auto delta = total - book.last;
    book.last = total;
    book.usage.add(delta, now, zone_);
    for (const auto& key : book.quotas) {
      auto& entry = quotas_.find(key)->second;
      entry.changed = true;
      const auto events = entry.quota.add(delta.upload, delta.download, now);
      follow_books(entry);
      tell(key, entry, events);
    }
  }
}

// Carries out a change of a quota and hands the difference to the data threads.
template <class Change>
void Accounting::change(QuotaEntry& entry, Change change) {
  const auto& share = entry.share;
  const auto up = remaining(entry.quota, Flow::up);
  const auto down = remaining(entry.quota, Flow::down);
  change(entry.quota);
  entry.changed = true;
  adjust(share->up, share->action, up, remaining(entry.quota, Flow::up));
  if (share->down != share->up) adjust(share->down, share->action, down, remaining(entry.quota, Flow::down));
  follow_books(entry);
  share->reached = share->action == LimitAction::cut && entry.quota.exceeded();
  share->dry = false;
  hooks_.quota_changed(share);
}

void Accounting::dry(const std::string& key, std::uint64_t needed, const Engine::Recalled& recalled, WallTime now) {
  const auto found = quotas_.find(key);
  if (found == quotas_.end()) return;
  count(now);
  auto& [quota, share, forwards, changed] = found->second;
  if (recalled.free < needed && share->left() < needed) {
    const bool was_reached = share->reached.exchange(true);
    log::debug("quota {}: nothing is left but {} bytes on their way", key, recalled.reserved);
    // The last bytes on their way tell it themselves; where a datagram has no room, nothing else would.
    if (!was_reached && needed > 1 && recalled.reserved == 0 && !quota.exceeded()) {
      tell_no_room(key, quota, fmt::format("a datagram of {} bytes", needed));
    }
  }
  share->dry = false;
  hooks_.quota_changed(share);
}

void Accounting::over(const std::string& key) {
  const auto found = quotas_.find(key);
  if (found == quotas_.end()) return;
  const auto& [quota, share, forwards, changed] = found->second;
  if (share->reached.exchange(true)) return;
  if (!quota.exceeded()) tell_no_room(key, quota, "the next packet");
  hooks_.quota_changed(share);
}

void Accounting::tell_no_room(const std::string& key, const Quota& quota, std::string_view what) {
  hooks_.tell(EventKind::quota_reached, subject_of(key),
              fmt::format("{}: {} of {}, cut: {} has no room", key.substr(key.rfind('/') + 1),
                          format_bytes(quota.used()), format_bytes(quota.limit()), what));
}

void Accounting::tell(const std::string& key, const QuotaEntry& entry, const std::vector<QuotaEvent>& events) {
  const auto& quota = entry.quota;
  const std::string of = fmt::format("{} of {}{}", format_bytes(quota.used()), format_bytes(quota.limit()),
                                     quota.settings().every == QuotaPeriod::none ? "" : " in " + quota.period().label);
  const std::string which = key.substr(key.rfind('/') + 1);
  for (const auto& event : events) {
    switch (event.kind) {
      case QuotaEvent::Kind::warned:
        hooks_.tell(EventKind::quota_warned, subject_of(key), fmt::format("{}: {} %, {}", which, event.percent, of));
        break;
      case QuotaEvent::Kind::reached:
        hooks_.tell(EventKind::quota_reached, subject_of(key),
                    fmt::format("{}: {}, {}", which, of, to_string(quota.settings().action)));
        if (entry.share->action == LimitAction::cut && !entry.share->reached.exchange(true))
          hooks_.quota_changed(entry.share);
        break;
      case QuotaEvent::Kind::period_began:
        hooks_.tell(EventKind::quota_renewed, subject_of(key),
                    fmt::format("{}: {} begins", which, quota.period().label));
        break;
      case QuotaEvent::Kind::ended:
        hooks_.tell(EventKind::quota_renewed, subject_of(key),
                    fmt::format("{}: its last day has passed, it limits no more", which));
        break;
    }
  }
}

std::shared_ptr<QuotaShare> Accounting::share(const std::string& key) const {
  const auto found = quotas_.find(key);
  return found == quotas_.end() ? nullptr : found->second.share;
}

bool Accounting::reset(std::string_view key, WallTime now) {
  const auto found = quotas_.find(key);
  if (found == quotas_.end()) return false;
  count(now);
  change(found->second, [](Quota& quota) { quota.reset(); });
  hooks_.tell(EventKind::quota_renewed, subject_of(found->first),
              found->first.substr(found->first.rfind('/') + 1) + ": reset by hand");
  return true;
}

bool Accounting::raise(std::string_view key, std::uint64_t bytes, WallTime now) {
  const auto found = quotas_.find(key);
  if (found == quotas_.end()) return false;
  count(now);
  change(found->second, [&](Quota& quota) { quota.raise(bytes); });
  hooks_.tell(EventKind::quota_renewed, subject_of(found->first),
              fmt::format("{}: raised by {} to {}", found->first.substr(found->first.rfind('/') + 1),
                          format_bytes(bytes), format_bytes(found->second.quota.limit())));
  return true;
}

// --- the store

std::int64_t Accounting::keep(const Event& event) {
  if (events_.size() >= kMostWaitingEvents) events_.erase(events_.begin());
  events_.push_back({.id = ++last_event_,
                     .at = event.at,
                     .kind = std::string{to_string(event.kind)},
                     .subject = event.service,
                     .text = event.text});
  return last_event_;
}

void Accounting::save(WallTime now) {
  count(now);
  Batch batch;
  for (auto& [name, book] : books_) {
    if (book.last != book.saved) batch.totals.push_back({name, book.last});
    for (auto& bucket : book.usage.changed()) batch.usage.push_back({name, std::move(bucket)});
  }
  for (const auto& [key, entry] : quotas_) {
    if (!entry.changed) continue;
    const auto state = entry.quota.state();
    batch.quotas.push_back({.key = key,
                            .period = state.label,
                            .starts = state.start,
                            .upload = state.upload,
                            .download = state.download,
                            .raised = state.raised,
                            .warned = state.told});
  }
  batch.events = std::move(events_);
  events_.clear();
  if (batch.empty()) return;
  if (const auto saved = store_->save(batch); !saved) {
    for (const auto& row : batch.usage) books_.find(row.forward)->second.usage.not_saved(std::span{&row.bucket, 1});
    events_ = std::move(batch.events);
    const Instant moment = std::chrono::steady_clock::now();
    if (complained_ && moment < *complained_ + kComplainAgain) return;
    complained_ = moment;
    hooks_.tell(EventKind::trouble, {},
                fmt::format("{}; the counts go on in {}", saved.error().what,
                            "the mapped file, and it is tried again each second"));
    return;
  }
  for (auto& [name, book] : books_) book.saved = book.last;
  for (auto& [key, entry] : quotas_) entry.changed = false;
}

void Accounting::back_up(WallTime now) {
  if (const auto done = store_->back_up(now); !done) hooks_.tell(EventKind::trouble, {}, done.error().what);
}

const Usage* Accounting::usage(std::string_view forward) const {
  const auto found = books_.find(forward);
  return found == books_.end() ? nullptr : &found->second.usage;
}

ForwardTotals Accounting::carried(std::string_view forward) const {
  const auto found = books_.find(forward);
  return found == books_.end() ? ForwardTotals{} : found->second.account.now() - found->second.account.base;
}

ForwardTotals Accounting::totals(std::string_view forward) const {
  const auto found = books_.find(forward);
  return found == books_.end() ? ForwardTotals{} : found->second.account.now();
}

}  // namespace tidegate
