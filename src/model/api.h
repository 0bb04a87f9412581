// Where the API is served, and who may ask it. Plain, validated values.
#pragma once

#include <string>
#include <vector>

#include "model/forward.h"

namespace tidegate {

struct ApiSettings {
  bool enabled = false;               // the key `api` is present
  std::vector<ListenAddress> listen;  // one port each, or a UNIX socket; validate() makes none 127.0.0.1:8080
  std::string token;                  // as in `Authorization: Bearer …`; empty: of token_file, or the environment's
  std::string token_file;             // its first line is the token; empty: none
  bool insecure = false;              // may be served without a token on an address that is not loopback
  bool operator==(const ApiSettings&) const = default;
};

}  // namespace tidegate
