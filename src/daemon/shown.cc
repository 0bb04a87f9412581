#include "daemon/shown.h"

namespace tidegate {

namespace {

template <class End>
ShownEnds shown(const Sample& sample, const Pseudonyms& names, const IsOwn& own, const End& source,
                const End& destination) {
  const bool known = own(service_of(sample).address);
  const auto service = [&](const End& end) { return known ? end.to_string() : names.of(end); };
  if (sample.direction == Direction::out) return {service(source), names.of(destination)};
  return {names.of(source), service(destination)};
}

}  // namespace

ShownEnds shown_addresses(const Sample& sample, const Pseudonyms& names, const IsOwn& own) {
  return shown(sample, names, own, sample.flow.source.address, sample.flow.destination.address);
}

ShownEnds shown_endpoints(const Sample& sample, const Pseudonyms& names, const IsOwn& own) {
  return shown(sample, names, own, sample.flow.source, sample.flow.destination);
}

std::string describe(const Sample& sample, const Pseudonyms& names, const IsOwn& own) {
  const auto ends =
      has_ports(sample.flow.protocol) ? shown_endpoints(sample, names, own) : shown_addresses(sample, names, own);
  return describe(sample, ends.source, ends.destination);
}

}  // namespace tidegate
