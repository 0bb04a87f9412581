// What status, why and events answer, as JSON. The names of its fields are stable; times are RFC 3339, durations are
// seconds, sizes are bytes.
#pragma once

#include <boost/json/object.hpp>

#include "base/time.h"
#include "daemon/service.h"
#include "model/event.h"
#include "sensor/sensor.h"

namespace tidegate::report {

// A client counts as one while its last packet is not older than this.
inline constexpr Duration kClientFor = std::chrono::minutes{1};

// Of a service, which is refreshed first: a line of status; and the same with everything behind it.
[[nodiscard]] boost::json::object service(Service& service, Now now);
[[nodiscard]] boost::json::object why(Service& service, Now now);
[[nodiscard]] boost::json::object sensor(const SensorStatus& status);
[[nodiscard]] boost::json::object event(const Event& event);

}  // namespace tidegate::report
