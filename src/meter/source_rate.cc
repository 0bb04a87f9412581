#include "meter/source_rate.h"

#include "base/check.h"

namespace tidegate {

SourceRate::SourceRate(PacketRate rate) : rate_{rate} {
  TIDEGATE_CHECK(rate.packets >= 1 && rate.packets <= kMostPackets && rate.within > Duration::zero());
}

bool SourceRate::add(const IpAddress& source, Instant at) {
  const auto known = by_address_.find(source);
  if (known != by_address_.end()) {
    sources_.splice(sources_.begin(), sources_, known->second);
  } else {
    if (sources_.size() == kMostSources) {
      by_address_.erase(sources_.back().address);
      sources_.pop_back();
    }
    sources_.push_front({source, {}});
    by_address_.emplace(source, sources_.begin());
  }
  auto& packets = sources_.front().packets;
  packets.push_back(at);
  if (packets.size() > rate_.packets) packets.pop_front();
  return packets.size() == rate_.packets && at - packets.front() <= rate_.within;
}

}  // namespace tidegate
