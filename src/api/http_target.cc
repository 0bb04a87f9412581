#include "api/http_target.h"

#include <charconv>

#include "base/text.h"

namespace tidegate {
namespace {

bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }

// Nothing where an escape is wrong, or hides a control character.
std::optional<std::string> decode(std::string_view text, bool plus_is_space) {
  std::string plain;
  plain.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c == '%') {
      unsigned char byte = 0;
      const auto* const digits = text.data() + i + 1;
      if (text.size() - i < 3 || std::from_chars(digits, digits + 2, byte, 16).ptr != digits + 2) return std::nullopt;
      c = static_cast<char>(byte);
      i += 2;
    } else if (c == '+' && plus_is_space) {
      c = ' ';
    }
    if (is_control(c)) return std::nullopt;
    plain += c;
  }
  return plain;
}

// Calls `each` with every piece between separators, empty ones too; false as soon as it is.
template <class Each>
bool all_pieces(std::string_view text, char separator, Each each) {
  while (true) {
    const auto end = text.find(separator);
    if (!each(text.substr(0, end))) return false;
    if (end == std::string_view::npos) return true;
    text.remove_prefix(end + 1);
  }
}

bool is_parameter(std::string_view segment) { return segment.starts_with('{') && segment.ends_with('}'); }

}  // namespace

Result<HttpTarget> parse_target(std::string_view target) {
  const auto wrong = [whole = target] { return failure("\"{}\" is not a path and query", printable(whole)); };
  HttpTarget parsed;
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (!target.starts_with(scheme)) continue;
    target.remove_prefix(scheme.size());
    const auto end = std::min(target.find_first_of("/?"), target.size());
    parsed.authority = target.substr(0, end);
    target.remove_prefix(end);
    if (parsed.authority.empty()) return wrong();
    if (target.empty()) target = "/";
    break;
  }
  if (!target.starts_with('/')) return wrong();
  const auto question = target.find('?');
  const auto path = target.substr(1, question == std::string_view::npos ? question : question - 1);
  const auto add_segment = [&](std::string_view text) {
    auto segment = decode(text, false);
    if (!segment || *segment == "." || *segment == "..") return false;
    parsed.path.push_back(std::move(*segment));
    return true;
  };
  if (!path.empty() && !all_pieces(path, '/', add_segment)) return wrong();
  if (question == std::string_view::npos) return parsed;
  const auto add_field = [&](std::string_view text) {
    const auto equals = text.find('=');
    auto name = decode(text.substr(0, equals), true);
    auto value = decode(equals == std::string_view::npos ? std::string_view{} : text.substr(equals + 1), true);
    if (!name || !value) return false;
    if (!name->empty()) parsed.query.insert_or_assign(std::move(*name), std::move(*value));
    return true;
  };
  if (!all_pieces(target.substr(question + 1), '&', add_field)) return wrong();
  return parsed;
}

std::optional<std::map<std::string, std::string, std::less<>>> match_path(std::string_view pattern,
                                                                          std::span<const std::string> path) {
  std::map<std::string, std::string, std::less<>> parameters;
  pattern.remove_prefix(1);
  std::size_t at = 0;
  const auto fits = [&](std::string_view piece) {
    if (at == path.size()) return false;
    const auto& segment = path[at++];
    if (!is_parameter(piece)) return segment == piece;
    parameters.emplace(piece.substr(1, piece.size() - 2), segment);
    return !segment.empty();
  };
  if (!pattern.empty() && !all_pieces(pattern, '/', fits)) return std::nullopt;
  if (at != path.size()) return std::nullopt;
  return parameters;
}

}  // namespace tidegate
