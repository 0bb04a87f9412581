// The older tools, under their own names: each front end only translates its arguments to a configuration and runs the
// same daemon.
#pragma once

#include <string_view>

namespace tidegate::compat {

using Main = int (*)(int argc, char** argv);

// The front end for a name ("tuninetd", with or without folders in front); none: not an older tool's.
[[nodiscard]] Main find(std::string_view name);

// `tidegate compat NAME ARGS…`: argv[0] is NAME. Prints what there is when NAME is none of them. The exit status.
int run(int argc, char** argv);

int pulso(int argc, char** argv);
int simple_webserver(int argc, char** argv);
int traffic_generator(int argc, char** argv);
int traffic_monitor(int argc, char** argv);
int traffic_spot(int argc, char** argv);
int traffic_watch(int argc, char** argv);
int tuninetd(int argc, char** argv);
int tuntapd(int argc, char** argv);

}  // namespace tidegate::compat
