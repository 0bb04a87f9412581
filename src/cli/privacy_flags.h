// The flags about how addresses are shown, which `count` and `http` share.
#pragma once

#include <optional>
#include <span>
#include <string>

#include "cli/flag_table.h"
#include "privacy/pseudonyms.h"

namespace tidegate::cli {

struct PrivacyWish {
  std::optional<Privacy> privacy;  // none: the command's default
  std::string key_file;
};

// --privacy and --key-file.
[[nodiscard]] std::span<const Flag<PrivacyWish>> privacy_flags();

// How addresses are shown. The key is in the file, or, of a hash, in the environment (PULSO_SECRET). The error: there
// is none, or what is wrong with it.
[[nodiscard]] Result<Pseudonyms> pseudonyms(const PrivacyWish& wish, Privacy otherwise);

}  // namespace tidegate::cli
