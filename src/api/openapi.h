// The description of the HTTP API for programs: an OpenAPI 3.0.3 document, built from a table of operations and one of
// schemas. The tests hold the real answers against it.
#pragma once

#include <boost/json/object.hpp>
#include <span>
#include <string_view>

namespace tidegate {

struct ApiOperation {
  std::string_view method;   // "GET", …
  std::string_view path;     // "/api/v1/forwards/{name}"
  std::string_view id;       // unique
  std::string_view summary;  // one sentence
  // NOLINTBEGIN(readability-redundant-string-init): without it a row of the table would have to name every field
  std::string_view answer = "";  // schema of the answer; empty: none (204)
  std::string_view list = "";    // the answer is {list: [answer]}; empty: it is the answer itself
  std::string_view body = "";    // schema of the request's body; empty: none
  std::string_view query = "";   // names of query parameters, separated by spaces
  // NOLINTEND(readability-redundant-string-init)
  int status = 200;                            // of success
  bool needs_token = true;                     // where one is set
  std::string_view type = "application/json";  // of the answer
};

// Every operation, in the order of the document; routes are held against it by the daemon's tests.
[[nodiscard]] std::span<const ApiOperation> api_operations();

[[nodiscard]] boost::json::object openapi_document(std::string_view version);

// The document's components/schemas.
[[nodiscard]] boost::json::object openapi_schemas();

}  // namespace tidegate
