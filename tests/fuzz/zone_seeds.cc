// zone_seeds DIRECTORY: writes small time zones as inputs of zone_fuzz.cc: files of both versions, and bare rules.
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "tests/fuzz/seeds.h"
#include "tests/support/tzif_bytes.h"

namespace {

constexpr std::string_view kRules[] = {
    "",
    "UTC0",
    "<+0545>-5:45",
    "CET-1CEST,M3.5.0,M10.5.0/3",
    "AEST-10AEDT,M10.1.0,M4.1.0/3",
    "<-02>2<-01>,M3.5.0/-1,M10.5.0/0",
    "NST3:30NDT,M4.1.0/0:01:30,M10.5.0/0:01",
    "XXX3EDT4,0/0,J365/23",
    "STD0DST-1,J60/167,300/-167",
    "EST5EDT",
};

std::vector<std::string> seeds() {
  using tidegate::test::TzifChange;
  const std::vector<TzifChange> changes = {{.at = -2'000'000'000, .type = 1},
                                           {.at = 0, .type = 2},
                                           {.at = 90'000, .type = 0},
                                           {.at = 946'684'800, .type = 1},
                                           {.at = 1'325'239'200, .type = 2}};
  const std::vector<std::int32_t> offsets = {3208, 3600, 50'400};
  std::vector<std::string> seeds = {tidegate::test::tzif_old(changes, offsets),
                                    tidegate::test::tzif_old({}, {-36'000})};
  for (const auto rule : kRules) {
    seeds.push_back(tidegate::test::tzif(changes, offsets, rule));
    seeds.emplace_back(rule);
  }
  return seeds;
}

}  // namespace

int main(int argc, char** argv) { return tidegate::test::write_seeds({argv, static_cast<std::size_t>(argc)}, seeds()); }
