#include "daemon/hiding.h"

#include <algorithm>
#include <utility>

#include "daemon/key_file.h"

namespace tidegate {

Result<Hiding> hiding_of(const Config& config) {
  const auto hides = [](const TallySettings& tally) { return tally.privacy.value_or(Privacy::none) != Privacy::none; };
  const auto mode = config.privacy.mode;
  Hiding hiding;
  if (mode != Privacy::none || std::ranges::any_of(config.tallies, hides)) {
    auto key = read_key_file(config.privacy.key_file);
    if (!key) return failure("privacy.key_file: {}", key.error().what);
    hiding.key = std::move(*key);
  }
  auto names = Pseudonyms::make(mode, hiding.key);
  if (!names) return failure("privacy.key_file: {}", names.error().what);
  hiding.names = std::move(*names);
  return hiding;
}

}  // namespace tidegate
