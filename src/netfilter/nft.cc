#include "netfilter/nft.h"

#include <nftables/libnftables.h>

#include <cerrno>
#include <memory>
#include <string_view>

#include "base/text.h"

namespace tidegate::nft {

namespace {

using Context = std::unique_ptr<nft_ctx, decltype([](nft_ctx* context) { nft_ctx_free(context); })>;

// "/dev/stdin:3:9-14: Error: Could not process rule: No such file or directory", the text and a line of ^^^: of the
// first error what it says, and the text.
std::string first_error(std::string_view said) {
  constexpr std::string_view kError = "Error: ";
  if (const auto at = said.find(kError); at != std::string_view::npos) said.remove_prefix(at + kError.size());
  const auto end = said.find('\n');
  std::string_view text = end == std::string_view::npos ? std::string_view{} : said.substr(end + 1);
  text = text.substr(0, text.find('\n'));
  constexpr std::size_t kMost = 200;  // of a text that may be a map of thousands
  const auto what = printable(said.substr(0, end));
  return text.empty() ? what : what + ": " + printable(text.substr(0, kMost));
}

Result<std::string> carry_out(const std::string& text, bool dry, bool json) {
  const Context context{nft_ctx_new(NFT_CTX_DEFAULT)};
  if (!context || nft_ctx_buffer_output(context.get()) != 0 || nft_ctx_buffer_error(context.get()) != 0) {
    return system_failure("nft", ENOMEM);
  }
  nft_ctx_set_dry_run(context.get(), dry);
  nft_ctx_output_set_flags(context.get(), json ? NFT_CTX_OUTPUT_JSON : 0U);
  if (nft_run_cmd_from_buffer(context.get(), text.c_str()) != 0) {
    const char* const said = nft_ctx_get_error_buffer(context.get());
    return failure("nft: {}", first_error(said == nullptr ? "it does not say why" : said));
  }
  const char* const answer = nft_ctx_get_output_buffer(context.get());
  return std::string{answer == nullptr ? "" : answer};
}

Result<> without_answer(const Result<std::string>& answer) {
  if (!answer) return std::unexpected{answer.error()};
  return {};
}

}  // namespace

Result<> run(const std::string& text) { return without_answer(carry_out(text, false, false)); }

Result<> check(const std::string& text) { return without_answer(carry_out(text, true, false)); }

Result<std::string> read(const std::string& text) { return carry_out(text, false, true); }

bool is_missing(const Error& error) { return error.what.find("No such file or directory") != std::string::npos; }

}  // namespace tidegate::nft
