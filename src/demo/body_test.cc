#include "demo/body.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>

namespace tidegate::demo {
namespace {

struct Taken {
  std::string payload;
  std::size_t bytes = 0;
};

// What is taken where `step` bytes come at a time; none: it is refused.
std::optional<Taken> take_all(Body& body, std::string_view bytes, std::size_t step) {
  Taken taken;
  while (!body.done() && taken.bytes < bytes.size()) {
    auto part = bytes.substr(taken.bytes, step);
    while (!part.empty() && !body.done()) {
      const auto piece = body.take(part);
      if (!piece) return std::nullopt;
      taken.payload += piece->payload;
      taken.bytes += piece->taken;
      part.remove_prefix(piece->taken);
    }
  }
  return taken;
}

bool is_refused(std::string_view chunks) {
  auto body = Body::chunked();
  return !take_all(body, chunks, chunks.size());
}

TEST(Body, of_a_length_ends_there) {
  for (std::size_t step = 1; step < 12; ++step) {
    auto body = Body::of_length(5);
    const auto taken = take_all(body, "helloGET /", step);
    ASSERT_TRUE(taken);
    EXPECT_EQ(taken->payload, "hello");
    EXPECT_EQ(taken->bytes, 5U);
    EXPECT_TRUE(body.done());
  }
}

TEST(Body, that_is_none_is_done_at_once) {
  EXPECT_TRUE(Body{}.done());
  EXPECT_TRUE(Body::of_length(0).done());
}

TEST(Body, in_chunks_is_the_same_however_it_is_cut) {
  constexpr std::string_view kChunks =
      "5\r\nhello\r\n00B;name=\"value\"\r\n, and bytes\r\n0\r\nTrailer: x\r\nAnother: y\r\n\r\n";
  for (std::size_t step = 1; step <= kChunks.size(); ++step) {
    auto body = Body::chunked();
    const auto taken = take_all(body, std::string{kChunks} + "GET /", step);
    ASSERT_TRUE(taken) << step;
    EXPECT_EQ(taken->payload, "hello, and bytes") << step;
    EXPECT_EQ(taken->bytes, kChunks.size()) << step;
    EXPECT_TRUE(body.done()) << step;
  }
}

TEST(Body, until_the_close_is_never_done) {
  auto body = Body::until_close();
  const auto taken = take_all(body, "all of it", 4);
  ASSERT_TRUE(taken);
  EXPECT_EQ(taken->payload, "all of it");
  EXPECT_FALSE(body.done());
  EXPECT_TRUE(body.ends_with_connection());
}

TEST(Body, in_chunks_is_refused_where_they_are_none) {
  for (const std::string_view chunks : {"x\r\n", "\r\n", ";\r\n", "-1\r\n", "5\r\nhelloX", "5\r5\n", "5\r\r\n",
                                        "1000000000000000\r\n", "5\r\nhello0\r\n"}) {
    EXPECT_TRUE(is_refused(chunks)) << chunks;
  }
  EXPECT_TRUE(is_refused("1;" + std::string(20'000, 'a') + "\r\n"));
  EXPECT_TRUE(is_refused("0\r\n" + std::string(20'000, 'a')));
}

}  // namespace
}  // namespace tidegate::demo
