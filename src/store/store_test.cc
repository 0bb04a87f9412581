#include "store/store.h"

#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "store/store_for_tests.h"
#include "tests/support/temporary_directory.h"

namespace tidegate {
namespace {

using test::account;
using test::open_store;
using test::save_totals;
using test::TemporaryDirectory;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

EventRow event(std::int64_t number, std::string subject) {
  return {.at = WallTime{std::chrono::nanoseconds{number}},
          .kind = "woke",
          .subject = std::move(subject),
          .text = fmt::format("event {}", number)};
}

std::vector<std::string> texts(Store& store, const EventQuery& query) {
  const auto events = store.events(query);
  EXPECT_TRUE(events) << events.error().what;
  std::vector<std::string> result;
  for (const auto& row : *events) result.push_back(row.text);
  return result;
}

TEST(Store, makes_its_folder_for_its_owner_alone) {
  const TemporaryDirectory folder;
  const auto store = open_store(folder.file("var/lib/tidegate/store.db"));
  for (const auto* name : {"var", "var/lib/tidegate"}) {
    struct stat status{};
    ASSERT_EQ(::stat(folder.file(name).c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777, 0700U);
  }
  EXPECT_THAT(store->take_notes(), IsEmpty());
}

TEST(Store, belongs_to_one_process_at_a_time) {
  const TemporaryDirectory folder;
  const auto path = folder.file("store.db");
  auto first = open_store(path);
  const auto second = Store::open(path, 1);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().what, fmt::format("open {}: the store is in use by process {}", path, ::getpid()));
  first.reset();
  EXPECT_TRUE(Store::open(path, 1));
}

TEST(Store, counts_on_where_it_was_even_if_nothing_was_saved) {
  const TemporaryDirectory folder;
  {
    const auto store = open_store(folder.file("store.db"), 2);
    const auto web = account(*store, "web");
    web.cells[0].upload.add(5);
    web.cells[1].upload.add(6);
  }
  const auto store = open_store(folder.file("store.db"), 1);  // another number of data threads
  EXPECT_THAT(store->take_notes(), IsEmpty());
  EXPECT_TRUE(store->knows("web"));
  const auto web = account(*store, "web");
  EXPECT_EQ(web.base, (ForwardTotals{.upload = 11}));
  EXPECT_EQ(web.recorded, ForwardTotals{});  // so all 11 are still to be put into usage
  EXPECT_EQ(web.cells.size(), 1U);
  web.cells[0].upload.add(1);
  EXPECT_EQ(web.now(), (ForwardTotals{.upload = 12}));
}

TEST(Store, gives_a_forward_that_comes_again_the_same_account) {
  const auto store = open_store("");
  const auto first = account(*store, "web");
  first.cells[0].download.add(3);
  ASSERT_TRUE(save_totals(*store, {"web"}));
  const auto again = account(*store, "web");
  EXPECT_EQ(again.cells.data(), first.cells.data());
  EXPECT_EQ(again.now(), (ForwardTotals{.download = 3}));
  EXPECT_EQ(again.recorded, (ForwardTotals{.download = 3}));
}

TEST(Store, refuses_a_name_it_cannot_keep) {
  const auto store = open_store("");
  const auto given = store->account(std::string(65, 'x'));
  ASSERT_FALSE(given);
  EXPECT_THAT(given.error().what, HasSubstr("from 1 to 64 bytes"));
  EXPECT_FALSE(store->account(""));
  EXPECT_THAT(store->take_notes(), IsEmpty());
}

TEST(Store, keeps_a_thousand_forwards_and_those_not_asked_for) {
  const TemporaryDirectory folder;
  constexpr int kForwards = 1000;
  const auto name = [](int i) { return fmt::format("forward {}", i); };
  {
    const auto store = open_store(folder.file("store.db"));
    Batch batch;
    for (int i = 0; i < kForwards; ++i) {
      const auto one = account(*store, name(i));
      one.cells[0].connections.add(static_cast<std::uint64_t>(i));
      batch.totals.push_back({name(i), one.now()});
    }
    const auto saved = store->save(batch);
    ASSERT_TRUE(saved) << saved.error().what;
  }
  {
    const auto nobody_asks = open_store(folder.file("store.db"));
  }
  const auto store = open_store(folder.file("store.db"));
  EXPECT_THAT(store->take_notes(), IsEmpty());
  for (int i = 0; i < kForwards; ++i)
    ASSERT_EQ(account(*store, name(i)).now().connections, static_cast<std::uint64_t>(i));
}

TEST(Store, counts_in_memory_what_the_file_has_no_room_for_and_says_so) {
  const TemporaryDirectory folder;
  {
    const auto store = open_store(folder.file("store.db"));
    for (std::size_t i = 0; i < CounterFile::kRoom; ++i) account(*store, fmt::format("forward {}", i));
    EXPECT_THAT(store->take_notes(), IsEmpty());
    account(*store, "one more").cells[0].errors.add(2);
    EXPECT_THAT(store->take_notes(), ElementsAre(HasSubstr("until the next start one more is counted in memory")));
    EXPECT_EQ(account(*store, "one more").now().errors, 2U);
    EXPECT_THAT(store->take_notes(), IsEmpty());
    ASSERT_TRUE(save_totals(*store, {"one more"}));
  }
  const auto store = open_store(folder.file("store.db"));
  EXPECT_EQ(account(*store, "one more").base.errors, 2U);
}

TEST(Store, saves_all_of_a_batch) {
  const TemporaryDirectory folder;
  const UsageBucket hour{.period = QuotaPeriod::hour, .label = "2026-11-21T14", .upload = 1, .sessions = 4};
  const UsageBucket day{.period = QuotaPeriod::day, .label = "2026-11-21", .download = 2, .errors = 5};
  const QuotaRow quota{.key = "web",
                       .period = "2026-11",
                       .starts = WallTime{std::chrono::seconds{5}},
                       .upload = 1,
                       .download = 2,
                       .raised = 3,
                       .warned = 80};
  {
    const auto store = open_store(folder.file("store.db"));
    const auto saved = store->save({.totals = {{"web", {.upload = 9}}},
                                    .usage = {{"web", hour}, {"web", day}},
                                    .quotas = {quota},
                                    .events = {event(1, "web")},
                                    .imports = {{"/data/state.json", "web"}}});
    ASSERT_TRUE(saved) << saved.error().what;
  }
  const auto store = open_store(folder.file("store.db"));
  EXPECT_EQ(account(*store, "web").base.upload, 9U);
  EXPECT_THAT(*store->usage("web", QuotaPeriod::hour, 10), ElementsAre(hour));
  EXPECT_THAT(*store->usage("web", QuotaPeriod::day, 10), ElementsAre(day));
  EXPECT_THAT(*store->usage("web", QuotaPeriod::month, 10), IsEmpty());
  EXPECT_EQ(*store->quota("web"), quota);
  EXPECT_EQ(*store->quota("other"), std::nullopt);
  EXPECT_THAT(texts(*store, {}), ElementsAre("event 1"));
  EXPECT_TRUE(*store->imported({"/data/state.json", "web"}));
  EXPECT_FALSE(*store->imported({"/data/other.json", "web"}));
  EXPECT_FALSE(*store->imported({"/data/state.json", "dns"}));
}

TEST(Store, begins_an_imported_forward_with_its_numbers) {
  const TemporaryDirectory folder;
  const auto store = open_store(folder.file("store.db"));
  EXPECT_FALSE(store->knows("web"));
  ASSERT_TRUE(store->save({.totals = {{"web", {.upload = 100}}}, .imports = {{"state.json", "web"}}}));
  const auto web = account(*store, "web");
  EXPECT_EQ(web.base, (ForwardTotals{.upload = 100}));
  EXPECT_EQ(web.recorded, web.base);
}

TEST(Store, replaces_a_bucket_and_gives_the_newest_oldest_first) {
  const auto store = open_store("");
  Batch batch;
  for (int day = 1; day <= 9; ++day)
    batch.usage.push_back({"web", {.period = QuotaPeriod::day, .label = fmt::format("2026-11-0{}", day), .upload = 1}});
  ASSERT_TRUE(store->save(batch));
  batch.usage = {batch.usage.back()};
  batch.usage[0].bucket.upload = 50;
  ASSERT_TRUE(store->save(batch));
  const auto days = store->usage("web", QuotaPeriod::day, 2);
  ASSERT_TRUE(days && days->size() == 2);
  EXPECT_EQ((*days)[0].label, "2026-11-08");
  EXPECT_EQ((*days)[1].label, "2026-11-09");
  EXPECT_EQ((*days)[1].upload, 50U);
}

TEST(Store, keeps_ninety_days_of_hours_of_each_forward) {
  const auto store = open_store("");
  Batch batch{.usage = {{"dns", {.period = QuotaPeriod::hour, .label = "1999-01-01T00"}}}};
  ASSERT_TRUE(store->save(batch));
  batch.usage.clear();
  for (int hour = 0; hour < 3000; ++hour)
    batch.usage.push_back(
        {"web", {.period = QuotaPeriod::hour, .label = fmt::format("2026-{:03}T{:02}", hour / 24, hour % 24)}});
  ASSERT_TRUE(store->save(batch));
  const auto hours = store->usage("web", QuotaPeriod::hour, 10'000);
  ASSERT_TRUE(hours && hours->size() == 2160);
  EXPECT_EQ(hours->front().label, "2026-035T00");
  EXPECT_EQ(hours->back().label, "2026-124T23");
  EXPECT_EQ(store->usage("dns", QuotaPeriod::hour, 10)->size(), 1U);
}

TEST(Store, keeps_the_newest_hundred_thousand_events) {
  const auto store = open_store("");
  Batch batch;
  for (std::int64_t i = 1; i <= kMostEvents; ++i) batch.events.push_back(event(i, "web"));
  ASSERT_TRUE(store->save(batch));
  batch.events = {event(kMostEvents + 1, "dns"), event(kMostEvents + 2, "dns")};
  ASSERT_TRUE(store->save(batch));
  const auto events = store->events({.most = 200'000});
  ASSERT_TRUE(events && std::cmp_equal(events->size(), kMostEvents));
  EXPECT_EQ(events->front().text, "event 3");
  EXPECT_EQ(events->back().text, "event 100002");
}

TEST(Store, gives_the_events_of_a_subject_and_those_before_one) {
  const auto store = open_store("");
  Batch batch;
  for (std::int64_t i = 1; i <= 6; ++i) batch.events.push_back(event(i, i % 2 == 0 ? "even" : "odd"));
  ASSERT_TRUE(store->save(batch));
  EXPECT_THAT(texts(*store, {.most = 2}), ElementsAre("event 5", "event 6"));
  EXPECT_THAT(texts(*store, {.most = 2, .subject = "odd"}), ElementsAre("event 3", "event 5"));
  const auto last = store->events({.most = 1, .subject = "odd"});
  ASSERT_TRUE(last && last->size() == 1);
  EXPECT_EQ(last->front().at, event(5, "odd").at);
  EXPECT_EQ(last->front().kind, "woke");
  EXPECT_THAT(texts(*store, {.subject = "odd", .before = last->front().id}), ElementsAre("event 1", "event 3"));
}

TEST(Store, keeps_the_forwards_of_run_time) {
  const TemporaryDirectory folder;
  {
    const auto store = open_store(folder.file("store.db"));
    ASSERT_TRUE(store->put_runtime_forward({"b", "{}"}));
    ASSERT_TRUE(store->put_runtime_forward({"a", "{\"x\": 1}"}));
    ASSERT_TRUE(store->put_runtime_forward({"b", "{\"y\": 2}"}));
    ASSERT_TRUE(store->put_runtime_forward({"c", "{}"}));
    ASSERT_TRUE(store->remove_runtime_forward("c"));
    ASSERT_TRUE(store->remove_runtime_forward("never there"));
  }
  const auto store = open_store(folder.file("store.db"));
  EXPECT_THAT(*store->runtime_forwards(),
              ElementsAre(RuntimeForwardRow{"a", "{\"x\": 1}"}, RuntimeForwardRow{"b", "{\"y\": 2}"}));
}

TEST(Store, in_memory_leaves_no_file) {
  const TemporaryDirectory folder;
  const auto before = std::filesystem::current_path();
  std::filesystem::current_path(folder.file("."));
  {
    const auto store = open_store("");
    account(*store, "web").cells[0].upload.add(1);
    ASSERT_TRUE(save_totals(*store, {"web"}));
  }
  EXPECT_TRUE(std::filesystem::is_empty("."));
  std::filesystem::current_path(before);
}

}  // namespace
}  // namespace tidegate
