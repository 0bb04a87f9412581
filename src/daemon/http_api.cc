#include "daemon/http_api.h"

#include <algorithm>
#include <boost/asio.hpp>
#include <cstdlib>
#include <fstream>

#include "api/access.h"
#include "base/log.h"
#include "base/text.h"
#include "daemon/daemon.h"

namespace tidegate {

namespace asio = boost::asio;

Result<std::string> read_token(const ApiSettings& settings) {
  if (!settings.token.empty()) return settings.token;
  if (settings.token_file.empty()) {
    const char* const text = std::getenv("TIDEGATE_TOKEN");  // NOLINT(concurrency-mt-unsafe): nobody sets it
    return std::string{trim(text != nullptr ? text : "")};
  }
  constexpr std::streamsize kMost = 4096;
  errno = 0;
  std::ifstream file{settings.token_file};
  if (!file) return system_failure(fmt::format("api.token_file: read {}", settings.token_file));
  std::string line(static_cast<std::size_t>(kMost), '\0');
  file.read(line.data(), kMost);
  line.resize(static_cast<std::size_t>(file.gcount()));
  std::string token{trim(std::string_view{line}.substr(0, line.find('\n')))};
  if (token.empty()) return failure("api.token_file: the first line of {} is empty", settings.token_file);
  return token;
}

bool share_an_address(std::span<const ListenAddress> a, std::span<const ListenAddress> b) {
  return std::ranges::any_of(a, [&](const ListenAddress& x) {
    return std::ranges::any_of(b, [&](const ListenAddress& y) {
      if (x.is_unix() || y.is_unix()) return x.unix_path == y.unix_path;
      return x.first == y.first && x.first != 0;  // one without an address is in the way of all
    });
  });
}

Result<> HttpApi::apply(const ApiSettings& settings) {
  auto token = read_token(settings);
  if (!settings.enabled) token = std::string{};
  if (!token) return std::unexpected{std::move(token.error())};
  if (settings == settings_ && *token == token_) return {};
  const auto open = [this](const ApiSettings& with, const std::string& secret) {
    return HttpServer::open(daemon_.executor(),
                            {.listen = with.listen,
                             .token = secret,
                             .client_name = [this](const Endpoint& client) { return daemon_.names().of(client); }},
                            bind_routes(http_routes(), *this));
  };
  std::unique_ptr<HttpServer> fresh;
  if (settings.enabled) {
    for (const auto& listen : settings.listen) {
      if (auto allowed = check_exposure(listen, !token->empty(), settings.insecure); !allowed) return allowed;
    }
    const bool in_the_way = server_ && share_an_address(settings.listen, settings_.listen);
    if (in_the_way) server_.reset();
    auto opened = open(settings, *token);
    if (!opened) {
      if (in_the_way) {
        auto back = open(settings_, token_);
        if (back) {
          server_ = std::move(*back);
        } else {
          settings_ = {};
          log::error("api: {}; it is not served any more", back.error().what);
        }
      }
      return std::unexpected{std::move(opened.error())};
    }
    fresh = std::move(*opened);
  }
  server_ = std::move(fresh);
  settings_ = settings;
  token_ = std::move(*token);
  return {};
}

asio::awaitable<void> HttpApi::close() {
  if (server_) co_await server_->close();
  server_.reset();
}

}  // namespace tidegate
