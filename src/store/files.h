// What the store's files have in common: their folder, the lock, and how a damaged one is kept.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/fd.h"

namespace tidegate {

// Makes the folder that `path` lies in, and those above it, for the owner alone (0700), where they are missing.
[[nodiscard]] Result<> make_folder_of(const std::string& path);

// Takes PATH.lock for as long as the descriptor lives and writes this process's id into it. The file stays. The error
// names the process that has it.
[[nodiscard]] Result<Fd> lock_beside(const std::string& path);

// Renames PATH to PATH.damaged-N, with the first N that is free, and likewise what lies beside it under PATH with one
// of `endings` behind it. Gives the new path.
[[nodiscard]] Result<std::string> set_aside(const std::string& path,
                                            std::initializer_list<std::string_view> endings = {});

// Puts the names in the folder of `path` on disk (fsync(2): a rename needs it to survive a power loss).
[[nodiscard]] Result<> sync_folder_of(const std::string& path);

}  // namespace tidegate
