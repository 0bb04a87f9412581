// A service that is a long-running program: tidegate starts it, notices its end, stops it with its whole process group,
// and finds it again after a restart of its own.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <memory>
#include <string>

#include "action/action.h"
#include "model/service.h"

namespace tidegate {

// As make_action. The process outlives the Action; only stop() ends it.
[[nodiscard]] std::unique_ptr<Action> make_process_action(boost::asio::any_io_executor executor,
                                                          const std::string& service, const ProcessAction& settings,
                                                          std::string state_path, Action::Gone gone);

}  // namespace tidegate
