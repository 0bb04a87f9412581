// The vectors are pulso's own, and of keys longer than a block.
#include "privacy/keyed_hash.h"

#include <gtest/gtest.h>

#include <string_view>

#include "model/address.h"

namespace tidegate {
namespace {

std::span<const std::uint8_t> bytes(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

struct Vector {
  std::string key;
  const char* address;
  const char* hash;
};

TEST(KeyedHash, gives_what_pulso_gives) {
  const Vector vectors[] = {
      {"foo", "127.0.0.1", "2da25a664b49c9b5"},    {"foo", "::1", "cdc9870dfbd82419"},
      {"secret", "127.0.0.1", "918b7fde0a4dfbeb"}, {"secret", "::1", "fa68c423fe1a3d33"},
      {"foo", "10.0.0.1", "e506c8d69687f534"},     {"foo", "2001:db8::1", "98f50e20c68ce0c7"},
      {"test", "127.0.0.1", "b0ac9a33614df75a"},   {"test", "::1", "e3b4bdc68b94c649"},
  };
  for (const auto& [key, address, hash] : vectors)
    EXPECT_EQ(KeyedHash{bytes(key)}.hex(IpAddress::parse(address).value().bytes()), hash) << key << " " << address;
}

TEST(KeyedHash, takes_a_key_of_a_whole_block_as_it_is_and_hashes_a_longer_one) {
  const Vector vectors[] = {
      {std::string(128, 'k'), "127.0.0.1", "3ad866de6a39f038"},
      {std::string(129, 'k'), "127.0.0.1", "4d00d67ceacc0ad2"},
      {std::string(200, 'k'), "127.0.0.1", "db5b04488fb154f1"},
  };
  for (const auto& [key, address, hash] : vectors)
    EXPECT_EQ(KeyedHash{bytes(key)}.hex(IpAddress::parse(address).value().bytes()), hash) << key.size();
}

TEST(KeyedHash, gives_the_same_again_from_a_copy) {
  const KeyedHash hash{bytes("foo")};
  const KeyedHash copy = hash;
  EXPECT_EQ(hash.hex(bytes("a message")), hash.hex(bytes("a message")));
  EXPECT_EQ(copy.hex(bytes("a message")), hash.hex(bytes("a message")));
  EXPECT_NE(hash.hex(bytes("another message")), hash.hex(bytes("a message")));
}

}  // namespace
}  // namespace tidegate
