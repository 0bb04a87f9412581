#include "api/openapi.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <functional>
#include <set>
#include <string>

namespace tidegate {
namespace {

namespace json = boost::json;

// Calls `each` with every object in the value.
void walk(const json::value& value, const std::function<void(const json::object&)>& each) {
  if (const auto* object = value.if_object()) {
    each(*object);
    for (const auto& field : *object) walk(field.value(), each);
  } else if (const auto* array = value.if_array()) {
    for (const auto& item : *array) walk(item, each);
  }
}

TEST(OpenApi, has_every_operation_once) {
  const auto document = openapi_document("1.2.3");
  EXPECT_EQ(document.at("info").at("version"), "1.2.3");
  std::set<std::string_view> ids;
  std::size_t described = 0;
  for (const auto& operation : api_operations()) {
    EXPECT_TRUE(ids.insert(operation.id).second) << operation.id;
    EXPECT_TRUE(document.at("paths").as_object().contains(operation.path)) << operation.path;
  }
  for (const auto& path : document.at("paths").as_object()) described += path.value().as_object().size();
  EXPECT_EQ(described, api_operations().size());
}

TEST(OpenApi, refers_only_to_schemas_that_are_there_and_to_each) {
  const json::value document = openapi_document("1");
  std::set<std::string> used;
  walk(document, [&](const json::object& object) {
    const auto* target = object.if_contains("$ref");
    if (target == nullptr) return;
    const std::string name{target->as_string().subview(std::string_view{"#/components/schemas/"}.size())};
    EXPECT_TRUE(openapi_schemas().contains(name)) << name;
    used.insert(name);
  });
  EXPECT_EQ(used.size(), openapi_schemas().size());
}

TEST(OpenApi, declares_every_parameter_of_a_path) {
  const auto document = openapi_document("1");
  for (const auto& operation : api_operations()) {
    std::string method{operation.method};
    for (char& c : method) c = static_cast<char>(c | 0x20);
    const auto& described = document.at("paths").at(operation.path).at(method);
    std::string path{operation.path};
    std::size_t in_path = 0;
    for (const auto& parameter : described.at("parameters").as_array()) {
      if (parameter.at("in") != "path") continue;
      ++in_path;
      const auto name = "{" + std::string{parameter.at("name").as_string()} + "}";
      EXPECT_NE(path.find(name), std::string::npos) << path << name;
    }
    EXPECT_EQ(in_path, static_cast<std::size_t>(std::ranges::count(path, '{'))) << path;
  }
}

TEST(OpenApi, requires_only_fields_that_it_describes) {
  walk(openapi_schemas(), [](const json::object& object) {
    const auto* required = object.if_contains("required");
    if (required == nullptr || !required->is_array()) return;
    for (const auto& name : required->as_array()) {
      EXPECT_TRUE(object.at("properties").as_object().contains(name.as_string())) << name;
    }
  });
}

TEST(OpenApi, asks_for_the_token_everywhere_but_for_health) {
  for (const auto& operation : api_operations()) {
    EXPECT_EQ(operation.needs_token, !operation.path.starts_with("/health")) << operation.path;
  }
}

}  // namespace
}  // namespace tidegate
