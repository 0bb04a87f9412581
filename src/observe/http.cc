#include "observe/http.h"

#include "base/seed.h"
#include "observe/http_run.h"

namespace tidegate {

Result<> watch_http(const HttpCommand& command, const Pseudonyms& names, const HttpPrinter& print,
                    const MakeAlertHand& make_hand) {
  // Where a table is too full to be exact, the seed says what stays: of a savefile always the same.
  HttpRun run{command, names, print, command.savefiles.empty() ? random_seed() : 0};
  return command.savefiles.empty() ? watch_interface(command, run, make_hand) : watch_savefiles(command, run);
}

}  // namespace tidegate
