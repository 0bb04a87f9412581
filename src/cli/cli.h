// The command line of tidegate.
#pragma once

namespace tidegate::cli {

// Parses the arguments, runs the command they name and returns the exit status.
int run(int argc, char** argv);

}  // namespace tidegate::cli
