// What the demo server answers (RFC 9110, RFC 9112), as bytes. Pure.
#pragma once

#include <string>
#include <string_view>

#include "base/time.h"
#include "demo/head.h"

namespace tidegate::demo {

// "Hello, your path is: PATH". The path as flask's server says it: without its first slash and the query, its escapes
// decoded; fit for HTML, and for a terminal.
[[nodiscard]] std::string greeting(std::string_view target);

// Writes answers behind one another. The date is made once a second.
class Answers {
 public:
  // The greeting; without it for HEAD. `keep_alive`: what becomes of the connection behind it.
  void greet(std::string& out, const RequestHead& request, bool keep_alive, WallTime now);

  // An error, behind which the connection ends.
  void refuse(std::string& out, const BadHead& why, WallTime now);

 private:
  void put_head(std::string& out, int status, std::size_t length, std::string_view connection, WallTime now);

  std::int64_t second_ = -1;
  std::string date_;  // of that second (RFC 9110 section 5.6.7)
};

}  // namespace tidegate::demo
