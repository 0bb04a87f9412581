// `tidegate forward`: one or several forwards from arguments and flags. Pure, so that it can be tested as such.
//
// An argument is LISTEN:TARGET, read from the left:
//   LISTEN  a port or range (10001, 10000-10099), an address and that (192.0.2.10:10001, [::]:80, *:80), or unix:PATH
//   TARGET  a host and a port or range (127.0.0.1:10000, [::1]:80, db.example.net:5432), a port or range alone, which
//           means 127.0.0.1, or unix:PATH
// IPv6 addresses stand in brackets. The path of a UNIX socket that is listened on ends at the next colon; that of a
// target is all that is left. What cannot be said so goes by --listen and --target.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cli/flag_table.h"
#include "cli/service_flags.h"
#include "config/config.h"

namespace tidegate::cli {

struct ForwardArgument {
  ListenAddress listen;
  Target target;
  bool operator==(const ForwardArgument&) const = default;
};
[[nodiscard]] Result<ForwardArgument> parse_forward_argument(std::string_view text);

// What the flags say before they are put together.
struct ForwardWish {
  ForwardSettings each;  // what holds of each forward that is made
  std::vector<ListenAddress> listen;
  std::vector<Target> targets;
  Config config;  // the rest
};

class ForwardFlags {
 public:
  void add_to(CLI::App& command);
  [[nodiscard]] Result<Config> read() const;
  [[nodiscard]] const std::string& store() const { return store_; }

 private:
  std::vector<std::string> arguments_;
  FlagValues<ForwardWish> forward_{table()};
  FlagValues<ServiceWish> service_{service_flags()};
  bool transparent_ = false;
  std::string store_;

  static std::span<const Flag<ForwardWish>> table();
};

}  // namespace tidegate::cli
