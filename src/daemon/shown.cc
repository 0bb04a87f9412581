#include "daemon/shown.h"

namespace tidegate {

namespace {

template <class End>
ShownEnds shown(const Sample& sample, const Pseudonyms& names, const End& source, const End& destination) {
  if (sample.direction == Direction::out) return {source.to_string(), names.of(destination)};
  return {names.of(source), destination.to_string()};
}

}  // namespace

ShownEnds shown_addresses(const Sample& sample, const Pseudonyms& names) {
  return shown(sample, names, sample.flow.source.address, sample.flow.destination.address);
}

ShownEnds shown_endpoints(const Sample& sample, const Pseudonyms& names) {
  return shown(sample, names, sample.flow.source, sample.flow.destination);
}

std::string describe(const Sample& sample, const Pseudonyms& names) {
  const auto ends = has_ports(sample.flow.protocol) ? shown_endpoints(sample, names) : shown_addresses(sample, names);
  return describe(sample, ends.source, ends.destination);
}

}  // namespace tidegate
