// Rule sets of nf_tables by libnftables, in the language of nft(8): a text is one transaction, of which the kernel
// takes all or nothing. Blocks for as long as the kernel needs, which is milliseconds.
#pragma once

#include <string>

#include "base/error.h"

namespace tidegate::nft {

// Carries out the text. The error is nft's own, about its first fault, with the line it is in.
[[nodiscard]] Result<> run(const std::string& text);

// The same up to the moment where the kernel would begin to use it: whether it would.
[[nodiscard]] Result<> check(const std::string& text);

// What a text that lists something prints, as JSON (libnftables-json(5)).
[[nodiscard]] Result<std::string> read(const std::string& text);

// Whether the error says that what a text names (a table, a chain, an element) is not there.
[[nodiscard]] bool is_missing(const Error& error);

}  // namespace tidegate::nft
