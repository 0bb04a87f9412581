// The API of the file; see api.h.
#include "config/api.h"

#include "base/text.h"

namespace tidegate {
namespace {

// A bare port would mean every address, which nobody should say by accident here.
Result<ListenAddress> parse_api_listen(std::string_view text) {
  auto listen = ListenAddress::parse(text);
  if (!listen)
    return failure("\"{}\" is not an address to listen on (try 127.0.0.1:8080 or unix:/run/x.sock)", printable(text));
  if (!text.contains(':')) return failure("\"{}\" names no address (try 127.0.0.1:{})", printable(text), text);
  return listen;
}

void read_listen(const Value& value, ApiSettings& api) {
  for (const Value& item : value.items(Value::Empty::refused)) {
    ListenAddress listen;
    if (!item.read(listen, parse_api_listen)) continue;
    item.findings().stands_for(fmt::format("api.listen[{}]", api.listen.size()), item.mark(), item.path());
    api.listen.push_back(std::move(listen));
  }
}

void read_port(const Value& value, ApiSettings& api) {
  std::uint32_t port = 0;
  read_number(value, 1, 65535, port);
  if (port == 0) return;
  constexpr std::array<std::uint8_t, 4> kLoopback{127, 0, 0, 1};
  value.findings().stands_for(fmt::format("api.listen[{}]", api.listen.size()), value.mark(), value.path());
  api.listen.push_back({.unix_path = {},
                        .address = IpAddress::v4(kLoopback),
                        .first = static_cast<std::uint16_t>(port),
                        .last = static_cast<std::uint16_t>(port)});
}

constexpr Key<ApiSettings> kApiKeys[] = {
    {"listen", read_listen},
    {"port", read_port},
    {"token",
     [](const Value& value, ApiSettings& api) {
       if (const auto token = value.text(Value::kMostLongText, Value::Empty::allowed)) api.token = *token;
     }},
    {"token_file", [](const Value& value, ApiSettings& api) { read_text(value, api.token_file); }},
    {"insecure", [](const Value& value, ApiSettings& api) { read_flag(value, api.insecure); }},
};

}  // namespace

void read_api(const Value& value, ApiSettings& into) {
  into.enabled = true;
  read_map(value, kApiKeys, into);
  if (value.gives("listen") && value.gives("port")) value.fail_at("port", "goes only without \"listen\"");
}

std::vector<std::string> api_keys() {
  std::vector<std::string> keys;
  append_keys(keys, "", names_of(kApiKeys));
  return keys;
}

}  // namespace tidegate
