// The watches of `tidegate top`: HTTP as the daemon sees it pass by. Pure.
#pragma once

#include "cli/top_answers.h"
#include "console/view.h"

namespace tidegate::cli {

// A row for each watch, its sections, clients and alerts beneath it.
[[nodiscard]] console::Section watches_section(const TopAnswers& answers);

}  // namespace tidegate::cli
