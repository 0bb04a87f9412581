#include "store/counter_file.h"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "tests/support/temporary_directory.h"

namespace tidegate {
namespace {

using test::TemporaryDirectory;
using testing::HasSubstr;
using testing::Pair;
using testing::UnorderedElementsAre;

const CounterFile::Totals kTwo = {{"games", {.upload = 10, .dropped = 3}}, {"web", {.download = 7, .sessions = 2}}};

void overwrite(const std::string& path, std::streamoff at, std::string_view bytes) {
  std::fstream stream{path, std::ios::in | std::ios::out | std::ios::binary};
  stream.seekp(at);
  stream << bytes;
}

TEST(CounterFile, that_is_not_there_is_no_error) {
  const TemporaryDirectory folder;
  const auto contents = CounterFile::read(folder.file("none"));
  ASSERT_TRUE(contents) << contents.error().what;
  EXPECT_FALSE(contents->has_value());
}

TEST(CounterFile, gives_back_its_bases_and_what_each_thread_has_counted) {
  const TemporaryDirectory folder;
  const auto path = folder.file("counters");
  {
    auto file = CounterFile::create(path, 3, kTwo);
    ASSERT_TRUE(file) << file.error().what;
    const auto games = file->find("games");
    ASSERT_TRUE(games);
    EXPECT_EQ(games->base, kTwo.at("games"));
    ASSERT_EQ(games->cells.size(), 3U);
    games->cells[0].upload.add(1);
    games->cells[2].upload.add(100);
    games->cells[2].datagrams_down.add(5);
    const auto added = file->add("new one", {.errors = 9});
    ASSERT_TRUE(added) << added.error().what;
    added->cells[1].refused.add(4);
  }
  const auto contents = CounterFile::read(path);
  ASSERT_TRUE(contents && *contents);
  EXPECT_EQ((*contents)->damaged, 0U);
  EXPECT_THAT(
      (*contents)->totals,
      UnorderedElementsAre(Pair("games", ForwardTotals{.upload = 111, .datagrams_down = 5, .dropped = 3}),
                           Pair("web", kTwo.at("web")), Pair("new one", ForwardTotals{.errors = 9, .refused = 4})));
}

TEST(CounterFile, keeps_the_old_file_until_the_new_one_is_whole) {
  const TemporaryDirectory folder;
  const auto path = folder.file("counters");
  ASSERT_TRUE(CounterFile::create(path, 1, kTwo));
  std::filesystem::create_directory(path + ".new");  // in the way of the next one
  EXPECT_FALSE(CounterFile::create(path, 1, {}));
  const auto contents = CounterFile::read(path);
  ASSERT_TRUE(contents && *contents);
  EXPECT_EQ((*contents)->totals, kTwo);
}

TEST(CounterFile, has_its_cells_aligned_so_that_threads_share_no_cache_line) {
  auto file = CounterFile::in_memory(2, kTwo);
  ASSERT_TRUE(file);
  for (const auto* name : {"games", "web"}) {
    const auto entry = file->find(name);
    ASSERT_TRUE(entry);
    for (auto& cell : entry->cells) EXPECT_EQ(reinterpret_cast<std::uintptr_t>(&cell) % 128, 0U);
  }
}

TEST(CounterFile, takes_names_of_1_to_64_bytes_and_as_many_as_it_has_room_for) {
  const TemporaryDirectory folder;
  auto file = CounterFile::create(folder.file("counters"), 1, kTwo);
  ASSERT_TRUE(file);
  EXPECT_FALSE(file->add("", {}));
  EXPECT_FALSE(file->add(std::string(65, 'x'), {}));
  EXPECT_TRUE(file->add(std::string(64, 'x'), {}));
  for (std::size_t i = 1; i < CounterFile::kRoom; ++i) ASSERT_TRUE(file->add(fmt::format("forward {}", i), {}));
  const auto refused = file->add("one too many", {});
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().what, HasSubstr("full (1026 names)"));
}

TEST(CounterFile, reserves_the_blocks_of_used_entries_only) {
  const TemporaryDirectory folder;
  const auto path = folder.file("counters");
  const auto blocks = [&] {
    struct stat status{};
    EXPECT_EQ(::stat(path.c_str(), &status), 0);
    return status.st_blocks;
  };
  auto file = CounterFile::create(path, 8, {});
  ASSERT_TRUE(file);
  const auto before = blocks();
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(file->add(fmt::format("forward {}", i), {}));
  EXPECT_GE((blocks() - before) * 512, 100 * (256 + 8 * 128) - 4096);
  EXPECT_LT(blocks() * 512, 300'000);
}

TEST(CounterFile, that_is_none_or_has_a_damaged_header_is_an_error_without_a_code) {
  const TemporaryDirectory folder;
  const auto path = folder.file("counters");
  const auto error = [&] {
    const auto read = CounterFile::read(path);
    EXPECT_FALSE(read);
    if (read) return std::string{"no error"};
    EXPECT_EQ(read.error().code, 0);
    return read.error().what;
  };
  folder.write("counters", "");
  EXPECT_THAT(error(), HasSubstr("cut off"));
  folder.write("counters", std::string(10'000, 'x'));
  EXPECT_THAT(error(), HasSubstr("no counter file"));
  ASSERT_TRUE(CounterFile::create(path, 1, kTwo));
  overwrite(path, 8, "\2");
  EXPECT_THAT(error(), HasSubstr("of version 2, and this tidegate knows version 1"));
  overwrite(path, 8, "\1");
  overwrite(path, 12, "\2");  // the number of threads
  EXPECT_THAT(error(), HasSubstr("header is damaged"));
}

TEST(CounterFile, with_a_damaged_entry_gives_the_others) {
  const TemporaryDirectory folder;
  const auto path = folder.file("counters");
  ASSERT_TRUE(CounterFile::create(path, 1, kTwo));
  overwrite(path, 4096 + 16, "X");  // the first letter of "games"
  const auto contents = CounterFile::read(path);
  ASSERT_TRUE(contents && *contents);
  EXPECT_EQ((*contents)->damaged, 1U);
  EXPECT_THAT((*contents)->totals, UnorderedElementsAre(Pair("web", kTwo.at("web"))));
}

TEST(CounterFile, that_is_cut_off_gives_the_entries_that_are_whole) {
  const TemporaryDirectory folder;
  const auto path = folder.file("counters");
  ASSERT_TRUE(CounterFile::create(path, 1, kTwo));
  std::filesystem::resize_file(path, 4096 + 256 + 128 + 100);
  const auto contents = CounterFile::read(path);
  ASSERT_TRUE(contents && *contents);
  EXPECT_EQ((*contents)->damaged, 1U);
  EXPECT_THAT((*contents)->totals, UnorderedElementsAre(Pair("games", kTwo.at("games"))));
}

}  // namespace
}  // namespace tidegate
