// Picks the Action that the settings ask for.
#include "action/action.h"

#include <utility>

#include "action/command.h"
#include "action/process.h"

namespace tidegate {

std::unique_ptr<Action> make_action(boost::asio::any_io_executor executor, const std::string& service,
                                    const ActionSettings& settings, std::string state_path, Action::Gone gone) {
  if (const auto* process = std::get_if<ProcessAction>(&settings)) {
    return make_process_action(std::move(executor), service, *process, std::move(state_path), std::move(gone));
  }
  return make_command_action(std::move(executor), service, std::get<CommandAction>(settings));
}

}  // namespace tidegate
