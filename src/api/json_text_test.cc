#include "api/json_text.h"

#include <gtest/gtest.h>

#include <boost/json.hpp>

namespace tidegate {
namespace {

TEST(JsonText, writes_numbers_as_people_do_and_everything_else_as_json) {
  const boost::json::value value{{"a", 2.897},
                                 {"b", {1, -5, true, nullptr}},
                                 {"c \"q\"\x1b", "x\ny"},
                                 {"d", boost::json::object{}},
                                 {"e", 1e300},
                                 {"f", 0.1},
                                 {"g", 3.0}};
  EXPECT_EQ(json_text(value),
            R"({"a":2.897,"b":[1,-5,true,null],"c \"q\"\u001b":"x\ny","d":{},"e":1E300,"f":0.1,"g":3})");
  EXPECT_EQ(boost::json::parse(json_text(value)).at("a"), value.at("a"));
}

}  // namespace
}  // namespace tidegate
