// Sockets of the readiness probes. HTTP as in RFC 9112, of which the request and the status line are enough.
#include "action/probe_net.h"

#include <algorithm>
#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/udp.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/system/system_error.hpp>
#include <chrono>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "base/units.h"
#include "host/look_up.h"
#include "host/within.h"

namespace tidegate {

namespace asio = boost::asio;
using asio::ip::tcp;
using asio::ip::udp;

namespace {

constexpr std::size_t kMostStatusLine = 4096;  // bytes
constexpr std::string_view kStatusLineStart = "HTTP/1.";
constexpr std::size_t kShortestStatusLine = std::string_view{"HTTP/1.1 200"}.size();
constexpr std::uint16_t kDiscardPort = 9;  // RFC 863; nothing is sent there

std::string_view without_brackets(std::string_view host) {
  if (host.starts_with('[') && host.ends_with(']')) return host.substr(1, host.size() - 2);
  return host;
}

asio::awaitable<Result<std::vector<asio::ip::address>>> addresses_of(std::string host, Duration limit) {
  if (host.empty()) {
    co_return std::vector<asio::ip::address>{asio::ip::address_v4::loopback(), asio::ip::address_v6::loopback()};
  }
  co_return co_await look_up(std::string{without_brackets(host)}, limit);
}

// What the coroutine `ask_one` (an address in, an Answered out) gets from the first of the host's addresses that
// answers. The error is that of the first address. `what`: who is asked, for errors.
template <class AskOne>
asio::awaitable<Answered> ask_each(std::string what, std::string host, Duration timeout, AskOne ask_one) {
  const Instant deadline = std::chrono::steady_clock::now() + timeout;
  const bool named = !host.empty();  // any of the addresses may be the one
  const auto addresses = co_await addresses_of(std::move(host), timeout);
  if (!addresses) co_return failure("{}: {}", what, addresses.error().what);

  std::optional<Error> first;
  std::size_t left = addresses->size();
  for (const auto& address : *addresses) {
    const Duration time_left = deadline - std::chrono::steady_clock::now();
    const Duration share = named ? time_left / static_cast<Duration::rep>(left--) : time_left;
    if (share <= Duration::zero()) break;
    Answered answered = failure("{}: no answer within {}", what, format_duration(share));
    if (auto in_time = co_await within(share, ask_one(address))) answered = std::move(*in_time);
    if (answered) co_return answered;
    if (!first) first = answered.error();
    if (!named && answered.error().code != ECONNREFUSED) break;
  }
  if (!first) co_return failure("{}: no answer within {}", what, format_duration(timeout));
  co_return std::unexpected{std::move(*first)};
}

Endpoint to_endpoint(const asio::ip::address& address, std::uint16_t port) { return {ip_address_of(address), port}; }

// Connects `socket` to where it sends; nothing leaves yet. Then the kernel has chosen the address and port it speaks
// from.
boost::system::error_code aim(udp::socket& socket, const udp::endpoint& target) {
  boost::system::error_code error;
  socket.open(target.protocol(), error);
  if (!error) socket.connect(target, error);
  return error;
}

// Opens `socket` and binds it to the address from which packets to `target` leave, and to a free port, so that both are
// known before the first packet.
boost::system::error_code bind_towards(tcp::socket& socket, const tcp::endpoint& target) {
  udp::socket route{socket.get_executor()};
  boost::system::error_code error = aim(route, {target.address(), kDiscardPort});
  if (error) return error;
  const auto source = route.local_endpoint(error).address();
  if (!error) socket.open(target.protocol(), error);
  if (!error) socket.bind({source, 0}, error);
  return error;
}

// A socket that speaks from the very endpoint it speaks to would answer itself: on this host's own addresses a closed
// port of the ephemeral range can be hit so.
template <class Socket>
boost::system::error_code announce(const Socket& socket, const typename Socket::endpoint_type& target,
                                   Protocol protocol, const ProbeSpeaks& speaks) {
  boost::system::error_code error;
  const auto local = socket.local_endpoint(error);
  if (error) return error;
  if (local == target) return asio::error::connection_refused;
  if (speaks) speaks(protocol, to_endpoint(local.address(), local.port()));
  return {};
}

asio::awaitable<boost::system::error_code> connect(tcp::socket& socket, tcp::endpoint target,
                                                   const ProbeSpeaks& speaks) {
  if (auto error = bind_towards(socket, target)) co_return error;
  if (auto error = announce(socket, target, Protocol::tcp, speaks)) co_return error;
  const auto [error] = co_await socket.async_connect(target, kAsTuple);
  co_return error;
}

// The failure of an operation on a socket. One that was cancelled did not fail: it has nobody who waits, as for any
// coroutine here that is given up.
std::unexpected<Error> failed(const std::string& what, const boost::system::error_code& error) {
  if (error == asio::error::operation_aborted) throw boost::system::system_error{error};
  return system_failure(what, error.value());
}

// "tcp [::1]:80" for the address that was asked where no host is named, else as the configuration names it.
std::string name_of(std::string_view kind, const std::string& host, const asio::ip::address& address,
                    std::uint16_t port) {
  return fmt::format("{} {}", kind, host_and_port(host.empty() ? address.to_string() : host, port));
}

asio::awaitable<Answered> ask_tcp_at(const ReadyTcp& tcp, asio::ip::address address, const ProbeSpeaks& speaks) {
  const std::string what = name_of("tcp", tcp.host, address, tcp.port);
  tcp::socket socket{co_await asio::this_coro::executor};
  if (auto error = co_await connect(socket, {address, tcp.port}, speaks)) {
    co_return failed(what, error);
  }
  co_return what;
}

asio::awaitable<Answered> ask_udp_at(const ReadyUdp& udp, asio::ip::address address, const ProbeSpeaks& speaks) {
  const std::string what = name_of("udp", udp.host, address, udp.port);
  const udp::endpoint target{address, udp.port};
  udp::socket socket{co_await asio::this_coro::executor};
  if (auto error = aim(socket, target)) co_return failed(what, error);
  if (auto error = announce(socket, target, Protocol::udp, speaks)) co_return failed(what, error);
  const auto [not_sent, sent] = co_await socket.async_send(asio::buffer(udp.send), kAsTuple);
  if (not_sent) co_return failed(what, not_sent);
  std::array<char, 1> answer{};  // that there is one is enough
  const auto [not_received, received] = co_await socket.async_receive(asio::buffer(answer), kAsTuple);
  if (not_received) co_return failed(what, not_received);
  co_return what;
}

asio::awaitable<Answered> ask_http_at(const ReadyHttp& http, asio::ip::address address, const ProbeSpeaks& speaks) {
  const std::string what = "http " + http.url;
  tcp::socket socket{co_await asio::this_coro::executor};
  if (auto error = co_await connect(socket, {address, http.port}, speaks)) {
    co_return failed(what, error);
  }
  const std::string request =
      fmt::format("GET {} HTTP/1.1\r\nHost: {}\r\nUser-Agent: tidegate\r\nAccept: */*\r\nConnection: close\r\n\r\n",
                  http.target, host_and_port(http.host, http.port));
  const auto [not_sent, sent] = co_await asio::async_write(socket, asio::buffer(request), kAsTuple);
  if (not_sent) co_return failed(what, not_sent);

  std::string answer;
  const auto [not_read, size] =
      co_await asio::async_read_until(socket, asio::dynamic_buffer(answer, kMostStatusLine), '\n', kAsTuple);
  if (not_read == asio::error::eof) co_return failure("{}: closed without an answer", what);
  if (not_read == asio::error::not_found) co_return failure("{}: no HTTP/1 answer", what);
  if (not_read) co_return failed(what, not_read);
  std::string_view line{answer.data(), size - 1};
  if (line.ends_with('\r')) line.remove_suffix(1);
  const Result<int> status = parse_status_line(line);
  if (!status) co_return failure("{}: {}", what, status.error().what);
  const bool wanted = http.status ? *status == *http.status : *status < 500;
  if (!wanted) co_return failure("{}: status {}", what, *status);
  co_return what;
}

}  // namespace

asio::awaitable<Answered> ask_tcp(ReadyTcp tcp, Duration timeout, ProbeSpeaks speaks) {
  co_return co_await ask_each("tcp " + host_and_port(tcp.host, tcp.port), tcp.host, timeout,
                              [&](const asio::ip::address& address) { return ask_tcp_at(tcp, address, speaks); });
}

asio::awaitable<Answered> ask_udp(ReadyUdp udp, Duration timeout, ProbeSpeaks speaks) {
  co_return co_await ask_each("udp " + host_and_port(udp.host, udp.port), udp.host, timeout,
                              [&](const asio::ip::address& address) { return ask_udp_at(udp, address, speaks); });
}

asio::awaitable<Answered> ask_http(ReadyHttp http, Duration timeout, ProbeSpeaks speaks) {
  co_return co_await ask_each("http " + http.url, http.host, timeout,
                              [&](const asio::ip::address& address) { return ask_http_at(http, address, speaks); });
}

std::string host_and_port(std::string_view host, std::uint16_t port) {
  const std::string_view bare = without_brackets(host);
  if (bare.empty()) return fmt::format("127.0.0.1:{}", port);
  if (bare.contains(':')) return fmt::format("[{}]:{}", bare, port);
  return fmt::format("{}:{}", bare, port);
}

Result<int> parse_status_line(std::string_view line) {
  const auto digit = [](char c) { return c >= '0' && c <= '9'; };
  const bool valid = line.size() >= kShortestStatusLine && line.starts_with(kStatusLineStart) && digit(line[7]) &&
                     line[8] == ' ' && std::ranges::all_of(line.substr(9, 3), digit) &&
                     (line.size() == kShortestStatusLine || line[12] == ' ');
  if (!valid) return failure("no HTTP/1 answer");
  return (line[9] - '0') * 100 + (line[10] - '0') * 10 + (line[11] - '0');
}

}  // namespace tidegate
