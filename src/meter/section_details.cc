#include "meter/section_details.h"

#include <algorithm>
#include <numeric>
#include <unordered_map>

namespace tidegate {

std::uint64_t SectionCounts::responses() const {
  return std::accumulate(classes.begin(), classes.end(), std::uint64_t{0});
}

SectionCounts& SectionCounts::operator+=(const SectionCounts& other) {
  for (std::size_t i = 0; i < classes.size(); ++i) classes[i] += other.classes[i];
  request_bytes += other.request_bytes;
  response_bytes += other.response_bytes;
  return *this;
}

void SectionDetails::take(SectionTop::Slot slot) {
  running_[slot].counts = {};
  running_[slot].times.clear();
}

void SectionDetails::add(SectionTop::Slot slot, const HttpExchange& exchange) {
  auto& [counts, times] = running_[slot];
  const std::size_t digit = exchange.status / 100U;
  ++counts.classes[digit < counts.classes.size() ? digit : 0];
  counts.request_bytes += exchange.request_bytes;
  counts.response_bytes += exchange.response_bytes;
  if (exchange.first_byte) times.add(*exchange.first_byte);
}

void SectionDetails::close(std::span<const SectionTop::Closed> kept) {
  auto& part = past_.push();
  part.items.clear();
  part.cells.clear();
  part.items.reserve(kept.size());
  for (const auto& [slot, id] : kept) {
    const auto& [counts, times] = running_[slot];
    const auto first = part.cells.size();
    if (first < kMostCells) times.write(part.cells);
    part.items.push_back(
        {id, static_cast<std::uint32_t>(first), static_cast<std::uint32_t>(part.cells.size() - first), counts});
  }
}

SectionDetails::Sums SectionDetails::sum(std::size_t seconds, std::size_t slots,
                                         std::span<const SectionTop::Found> wanted) const {
  Sums sums;
  sums.sections.resize(wanted.size());
  std::unordered_map<SectionTop::Id, Sum*> by_id;
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    if (wanted[i].slot) sums.sections[i] = running_[*wanted[i].slot];
    if (wanted[i].id) by_id.emplace(*wanted[i].id, &sums.sections[i]);
  }
  for (std::size_t slot = 0; slot < slots; ++slot) sums.responses += running_[slot].counts.responses();
  for (std::size_t i = 1; i <= std::min(seconds, past_.held()); ++i) {
    const auto& part = past_.ago(i);
    for (const auto& item : part.items) {
      sums.responses += item.counts.responses();
      const auto found = by_id.find(item.id);
      if (found == by_id.end()) continue;
      found->second->counts += item.counts;
      found->second->times.add(std::span{part.cells}.subspan(item.first, item.cells));
    }
  }
  return sums;
}

}  // namespace tidegate
