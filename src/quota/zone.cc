#include "quota/zone.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace tidegate {

namespace {

using std::chrono::seconds;
using std::chrono::sys_seconds;

// RFC 8536, 3.2: more than -25 hours and less than 26.
constexpr seconds kLeastOffset = std::chrono::hours{-25};
constexpr seconds kMostOffset = std::chrono::hours{26};

// Bytes from the front, big-endian. Who reads has seen before that there are so many.
class Cursor {
 public:
  explicit Cursor(std::string_view bytes) : rest_{bytes} {}

  [[nodiscard]] std::string_view rest() const { return rest_; }

  std::string_view take(std::size_t count) {
    const auto taken = rest_.substr(0, count);
    rest_.remove_prefix(count);
    return taken;
  }

  std::uint8_t byte() { return static_cast<std::uint8_t>(take(1).front()); }

  std::int64_t integer(std::size_t size) {
    std::uint64_t value = 0;
    for (const char c : take(size)) value = value << 8 | static_cast<std::uint8_t>(c);
    return size == 4 ? static_cast<std::int32_t>(static_cast<std::uint32_t>(value)) : static_cast<std::int64_t>(value);
  }

 private:
  std::string_view rest_;
};

// The header of a block, RFC 8536, 3.1.
struct Header {
  static constexpr std::size_t kSize = 44;
  char version = 0;
  std::uint64_t indicators = 0;
  std::uint64_t leaps = 0;
  std::uint64_t times = 0;
  std::uint64_t types = 0;
  std::uint64_t characters = 0;

  // Of the block's data, where a time has `time_size` bytes. No overflow: each count had 32 bits.
  [[nodiscard]] std::uint64_t data_size(std::uint64_t time_size) const {
    return times * (time_size + 1) + types * 6 + characters + leaps * (time_size + 4) + indicators;
  }
};

std::optional<Header> read_header(Cursor& cursor) {
  if (cursor.rest().size() < Header::kSize || cursor.take(4) != "TZif") return std::nullopt;
  Header header;
  header.version = cursor.take(1).front();
  cursor.take(15);
  const auto count = [&cursor] { return static_cast<std::uint64_t>(cursor.integer(4)) & 0xffff'ffff; };
  header.indicators = count();
  header.indicators += count();
  header.leaps = count();
  header.times = count();
  header.types = count();
  header.characters = count();
  return header;
}

}  // namespace

Result<Zone> Zone::from_tzif(std::string_view bytes) {
  Cursor cursor{bytes};
  auto header = read_header(cursor);
  if (!header) return failure("the time zone does not begin as a TZif file");
  std::size_t time_size = 4;
  const bool has_footer = header->version >= '2';
  if (has_footer) {
    if (header->data_size(time_size) > cursor.rest().size()) return failure("the time zone is cut short");
    cursor.take(header->data_size(time_size));
    header = read_header(cursor);
    if (!header) return failure("the second part of the time zone does not begin as one of a TZif file");
    time_size = 8;
  }
  if (header->data_size(time_size) > cursor.rest().size()) return failure("the time zone is cut short");
  if (header->types == 0) return failure("the time zone has no offsets");

  Cursor times{cursor.take(header->times * time_size)};
  Cursor indices{cursor.take(header->times)};
  Cursor types{cursor.take(header->types * 6)};
  cursor.take(header->characters + header->leaps * (time_size + 4) + header->indicators);

  std::vector<seconds> offsets;
  offsets.reserve(header->types);
  for (std::uint64_t i = 0; i < header->types; ++i) {
    offsets.emplace_back(types.integer(4));
    types.take(2);  // whether it is summer time, and its name
    if (offsets.back() <= kLeastOffset || offsets.back() >= kMostOffset) {
      return failure("the time zone has an offset of {} s", offsets.back().count());
    }
  }

  Zone zone;
  zone.first_ = offsets.front();
  zone.transitions_.reserve(header->times);
  for (std::uint64_t i = 0; i < header->times; ++i) {
    const sys_seconds at{seconds{times.integer(time_size)}};
    const std::size_t type = indices.byte();
    if (type >= offsets.size()) return failure("the time zone names an offset that it does not have");
    if (i > 0 && at <= zone.transitions_.back().at) return failure("the time zone's changes are not in order");
    zone.transitions_.push_back({.at = at, .offset = offsets[type]});
  }

  if (!has_footer) return zone;
  std::string_view footer = cursor.rest();
  const auto end = footer.find('\n', 1);
  if (!footer.starts_with('\n') || end == std::string_view::npos) return failure("the time zone has no last line");
  footer = footer.substr(1, end - 1);
  if (footer.empty()) return zone;
  const auto rule = ZoneRule::parse(footer);
  if (!rule) return std::unexpected{rule.error()};
  zone.rule_ = *rule;
  return zone;
}

Result<Zone> Zone::from_rule(std::string_view text) {
  const auto rule = ZoneRule::parse(text);
  if (!rule) return std::unexpected{rule.error()};
  Zone zone;
  zone.rule_ = *rule;
  return zone;
}

ZoneStretch Zone::stretch_at(sys_seconds time) const {
  const auto next = std::ranges::upper_bound(transitions_, time, {}, &ZoneTransition::at);
  if (next == transitions_.end() && rule_) return rule_->stretch_at(time);
  return {.end = next == transitions_.end() ? sys_seconds::max() : next->at,
          .offset = next == transitions_.begin() ? first_ : std::prev(next)->offset};
}

LocalTime Zone::to_local(WallTime time) const {
  return LocalTime{time.time_since_epoch() + stretch_at(std::chrono::floor<seconds>(time)).offset};
}

WallTime Zone::to_sys(LocalTime local) const {
  const seconds shown = std::chrono::floor<seconds>(local.time_since_epoch());
  const auto fraction = local.time_since_epoch() - shown;
  // From the earliest moment that it can be, through the stretches, to the first in which it is shown or has been.
  sys_seconds from{shown - kMostOffset};
  for (;;) {
    const ZoneStretch stretch = stretch_at(from);
    const sys_seconds exact{shown - stretch.offset};
    if (exact < stretch.end) return exact < from ? WallTime{from} : exact + fraction;
    from = stretch.end;
  }
}

}  // namespace tidegate
