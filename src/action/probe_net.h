// The tries of a readiness probe that speak over the network: a TCP connection, a UDP answer, an HTTP status.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <string>
#include <string_view>

#include "action/probe.h"
#include "base/error.h"
#include "model/service.h"

namespace tidegate {

// Who answered: "tcp [::1]:8212". The error says who was asked and what happened.
using Answered = Result<std::string>;

// One try each. Without a host 127.0.0.1 is asked, and ::1 where that refuses; of a name, each of its addresses in
// turn.
[[nodiscard]] boost::asio::awaitable<Answered> ask_tcp(ReadyTcp tcp, Duration timeout, ProbeSpeaks speaks);
[[nodiscard]] boost::asio::awaitable<Answered> ask_udp(ReadyUdp udp, Duration timeout, ProbeSpeaks speaks);
[[nodiscard]] boost::asio::awaitable<Answered> ask_http(ReadyHttp http, Duration timeout, ProbeSpeaks speaks);

// "192.0.2.1:80", "[2001:db8::1]:80", "name:80"; no host is 127.0.0.1.
[[nodiscard]] std::string host_and_port(std::string_view host, std::uint16_t port);

// The status of an HTTP/1 status line (RFC 9112, section 4), its line end left out: 200 of "HTTP/1.1 200 OK".
[[nodiscard]] Result<int> parse_status_line(std::string_view line);

}  // namespace tidegate
