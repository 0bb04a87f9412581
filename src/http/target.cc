#include "http/target.h"

#include <cstddef>

namespace tidegate {
namespace {

constexpr std::string_view kRoot = "/";

// A scheme is short; what is longer before "://" is part of something else.
constexpr std::size_t kMostScheme = 32;

// Where the path, the query or the fragment begins, from `from` on; the size where nothing of them follows.
std::size_t delimiter(std::string_view target, std::size_t from) {
  while (from < target.size() && target[from] != '/' && target[from] != '?' && target[from] != '#') ++from;
  return from;
}

// Where the authority of the absolute form begins; npos: it is another form.
std::size_t authority_at(std::string_view target) {
  const auto colon = target.substr(0, kMostScheme).find_first_of(":/?#");
  if (colon == 0 || colon == std::string_view::npos || target.substr(colon, 3) != "://") return std::string_view::npos;
  return colon + 3;
}

}  // namespace

std::string_view section_of(std::string_view target) {
  if (!target.starts_with('/')) {
    const auto authority = authority_at(target);
    if (authority == std::string_view::npos) return kRoot;
    target.remove_prefix(delimiter(target, authority));
    if (!target.starts_with('/')) return kRoot;
  }
  const auto end = delimiter(target, 1);
  return end == target.size() || target[end] != '/' ? kRoot : target.substr(0, end);
}

std::string_view authority_of(std::string_view target, bool connect) {
  if (connect) return target;
  if (target.starts_with('/')) return {};
  const auto at = authority_at(target);
  if (at == std::string_view::npos) return {};
  return target.substr(at, delimiter(target, at) - at);
}

std::string_view host_of(std::string_view authority) {
  authority.remove_prefix(authority.rfind('@') + 1);  // npos + 1 is 0
  if (authority.starts_with('[')) {
    const auto bracket = authority.find(']');
    if (bracket != std::string_view::npos) return authority.substr(0, bracket + 1);
  }
  return authority.substr(0, authority.find(':'));
}

}  // namespace tidegate
