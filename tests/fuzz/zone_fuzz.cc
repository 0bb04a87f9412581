// libFuzzer target: whatever the bytes of a time zone, from_tzif() reads nothing outside them, and the zone that it
// gives converts every time, back and forth, to the earliest moment that fits.
#include <cstddef>
#include <cstdint>
#include <random>
#include <string_view>

#include "base/check.h"
#include "quota/period.h"
#include "quota/zone.h"

namespace tidegate {
namespace {

void check_zone(const Zone& zone, WallTime time) {
  const LocalTime local = zone.to_local(time);
  const auto offset = local.time_since_epoch() - time.time_since_epoch();
  TIDEGATE_CHECK(offset > std::chrono::hours{-26} && offset < std::chrono::hours{27});

  const WallTime first = zone.to_sys(local);
  TIDEGATE_CHECK(first <= time);
  TIDEGATE_CHECK(zone.to_local(first) >= local);
  TIDEGATE_CHECK(zone.to_local(first - Duration{1}) < local);

  for (const QuotaPeriod every : {QuotaPeriod::hour, QuotaPeriod::month}) {
    const Period period = period_at(every, zone, time);
    TIDEGATE_CHECK(period.start <= time && *period.end > time);
  }
}

}  // namespace
}  // namespace tidegate

// NOLINTNEXTLINE(readability-identifier-naming): the name is libFuzzer's
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace tidegate;
  std::string_view bytes;
  if (size > 0) bytes = {reinterpret_cast<const char*>(data), size};
  const auto zone = Zone::from_tzif(bytes);
  if (!zone) {
    TIDEGATE_CHECK(!zone.error().what.empty());
    const auto rule = Zone::from_rule(bytes);
    if (rule) check_zone(*rule, WallTime{std::chrono::days{20'000}});
    return 0;
  }
  // Times from 1900 to 2200, the same for the same bytes.
  std::minstd_rand random{static_cast<unsigned>(size)};
  for (int i = 0; i < 8; ++i) {
    constexpr std::int64_t kYear = 31'556'952;
    const std::int64_t seconds = -70 * kYear + static_cast<std::int64_t>(random()) * 4 % (300 * kYear);
    check_zone(*zone, WallTime{std::chrono::seconds{seconds}} + Duration{random() % 1'000'000'000});
  }
  return 0;
}
