#include "cli/privacy_flags.h"

#include <array>
#include <cstdlib>

#include "daemon/key_file.h"

namespace tidegate::cli {

namespace {

constexpr const char* kSecret = "PULSO_SECRET";

Result<Privacy> privacy_of(const std::string& text) {
  if (const auto privacy = parse_privacy(text)) return *privacy;
  return failure("\"{}\" is not known (allowed: hash, prefix or none)", printable(text));
}

constexpr std::array kPrivacyFlags = {
    Flag<PrivacyWish>{
        "--privacy", "WHAT",
        "addresses as a keyed hash, as pseudonyms with their prefixes preserved, or as they are: hash, prefix or none",
        [](PrivacyWish& w, const std::string& t) { return put(privacy_of(t), [&](Privacy p) { w.privacy = p; }); }},
    Flag<PrivacyWish>{
        "--key-file", "PATH",
        "the key of hash or prefix: 32 bytes or more, or their hexadecimal digits; not for others to read",
        [](PrivacyWish& w, const std::string& t) { return put_text(t, w.key_file); }},
};

}  // namespace

std::span<const Flag<PrivacyWish>> privacy_flags() { return kPrivacyFlags; }

Result<Pseudonyms> pseudonyms(const PrivacyWish& wish, Privacy otherwise) {
  const auto mode = wish.privacy.value_or(otherwise);
  if (mode == Privacy::none) return Pseudonyms{};
  if (!wish.key_file.empty()) {
    const auto key = read_key_file(wish.key_file);
    if (!key) return failure("--key-file: {}", key.error().what);
    return Pseudonyms::make(mode, *key);
  }
  if (mode == Privacy::prefix) return failure("--privacy prefix wants a --key-file");
  const char* const secret = std::getenv(kSecret);
  if (secret == nullptr || *secret == '\0')
    return failure("the addresses' hash wants a key: set {}, give --key-file, or switch it off by --privacy none",
                   kSecret);
  const std::string_view text{secret};
  return Pseudonyms::make(mode, {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
}

}  // namespace tidegate::cli
