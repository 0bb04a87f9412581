#include "model/counters.h"

namespace tidegate {

namespace {

constexpr std::uint64_t ForwardTotals::* kFields[] = {
    &ForwardTotals::upload,       &ForwardTotals::download,       &ForwardTotals::connections,
    &ForwardTotals::sessions,     &ForwardTotals::errors,         &ForwardTotals::refused,
    &ForwardTotals::datagrams_up, &ForwardTotals::datagrams_down, &ForwardTotals::dropped,
};

}  // namespace

ForwardTotals& ForwardTotals::operator+=(const ForwardTotals& other) {
  for (const auto field : kFields) this->*field += other.*field;
  return *this;
}

ForwardTotals ForwardTotals::operator-(const ForwardTotals& before) const {
  ForwardTotals difference = *this;
  for (const auto field : kFields) difference.*field -= before.*field;
  return difference;
}

ForwardTotals totals(const ForwardCounters& cell) {
  return {.upload = cell.upload.get(),
          .download = cell.download.get(),
          .connections = cell.connections.get(),
          .sessions = cell.sessions.get(),
          .errors = cell.errors.get(),
          .refused = cell.refused.get(),
          .datagrams_up = cell.datagrams_up.get(),
          .datagrams_down = cell.datagrams_down.get(),
          .dropped = cell.dropped.get()};
}

}  // namespace tidegate
