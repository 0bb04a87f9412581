// libFuzzer target: whatever the text, parse_config() ends soon, its errors stand in order inside of the text, and what
// it accepts is valid a second time; parse_forward() likewise.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "base/text.h"
#include "config/config.h"

namespace tidegate {
namespace {

void check_errors(const std::vector<ConfigError>& errors, std::string_view text) {
  TIDEGATE_CHECK(!errors.empty());
  // yaml-cpp takes a lone carriage return for the end of a line as well.
  const auto lines = std::ranges::count_if(text, [](char c) { return c == '\n' || c == '\r'; }) + 1;
  const bool counted = errors.back().path.empty() && errors.back().line == 0;  // "… more errors are not shown"
  for (std::size_t i = 0; i < errors.size(); ++i) {
    const ConfigError& error = errors[i];
    TIDEGATE_CHECK(error.file == "fuzz" && !error.what.empty());
    TIDEGATE_CHECK(error.what == printable(error.what));
    TIDEGATE_CHECK(error.line >= 0 && error.line <= lines + 1);
    TIDEGATE_CHECK(error.line == 0 || error.column > 0);
    const bool last_counts = counted && i + 1 == errors.size();
    TIDEGATE_CHECK(i == 0 || last_counts || errors[i - 1].line <= error.line);
    TIDEGATE_CHECK(error.to_string().size() < 4096);
  }
}

}  // namespace
}  // namespace tidegate

// NOLINTNEXTLINE(readability-identifier-naming): the name is libFuzzer's
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace tidegate;
  const std::string text(data, data + size);
  if (const auto forward = parse_forward(text)) {
    Config alone;
    alone.forwards = {*forward};
    for (const ConfigError& error : validate(alone)) {  // what only the whole can tell
      TIDEGATE_CHECK(error.what.starts_with("there is no ") || error.what.starts_with("the forwards listen on "));
    }
  } else {
    TIDEGATE_CHECK(!forward.error().empty());
  }
  const auto config = parse_config(text, "fuzz");
  if (!config) {
    check_errors(config.error(), text);
    return 0;
  }
  Config again = *config;
  TIDEGATE_CHECK(validate(again).empty());
  TIDEGATE_CHECK(again == *config);
  const bool has_purpose = !config->services.empty() || !config->forwards.empty() || !config->watches.empty() ||
                           !config->tallies.empty() || config->api.enabled;
  TIDEGATE_CHECK(has_purpose);
  return 0;
}
