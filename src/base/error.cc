#include "base/error.h"

#include <system_error>

namespace tidegate {

std::unexpected<Error> system_failure(std::string_view done_to_what, int code) {
  return std::unexpected{Error{fmt::format("{}: {}", done_to_what, std::generic_category().message(code)), code}};
}

}  // namespace tidegate
