// A service that a pair of commands starts and stops; a script is such a pair with `start` and `stop` as its argument.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <memory>
#include <string>

#include "action/action.h"
#include "model/service.h"

namespace tidegate {

[[nodiscard]] std::unique_ptr<Action> make_command_action(boost::asio::any_io_executor executor,
                                                          const std::string& service, const CommandAction& settings);

}  // namespace tidegate
