// What waits for a service in the queue, as the daemon tells of it, for people.
#pragma once

#include <boost/json/object.hpp>
#include <string>

namespace tidegate::cli {

// "3 packets of 2 clients wait".
[[nodiscard]] std::string queue_waiting(const boost::json::object& queue);

// "4 dropped (1 no room, 3 start failed)"; empty: none was.
[[nodiscard]] std::string queue_drops(const boost::json::object& queue);

}  // namespace tidegate::cli
