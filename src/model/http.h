// One HTTP/1 message as seen on the wire, copied out of a stream of captured segments (RFC 9110, RFC 9112).
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/time.h"
#include "model/address.h"

namespace tidegate {

// A request whose head is complete. The views live only during the call that hands it over; they are bytes of the
// network, of any kind, and bounded.
struct HttpRequest {
  Now at;  // when the packet with its first byte passed
  Endpoint client;
  Endpoint server;
  std::string_view method;
  std::string_view target;
  std::string_view host;     // without its port; empty: none was given
  std::string_view section;  // of the target: http/target.h
};

// A response that is complete, or that ended early with its connection, with the request that it answers.
struct HttpExchange {
  Now at;  // when the packet with the response's last byte passed
  Endpoint client;
  Endpoint server;
  std::string_view method;  // these three are empty where the request was not seen
  std::string_view host;
  std::string_view section;
  std::uint16_t status = 0;          // of the final response; 1xx are counted, not shown
  std::uint64_t request_bytes = 0;   // head and body, as sent
  std::uint64_t response_bytes = 0;  // head and body, as sent
  std::optional<Duration>
      first_byte;        // from the request's last byte seen to the response's first; none: request unseen
  bool complete = true;  // false: the connection ended, or bytes were lost, inside it
};

// What of the traffic is not in the figures, beside every figure.
struct HttpLosses {
  std::uint64_t dropped_packets = 0;     // by the kernel or the interface, as the sensor says
  std::uint64_t undecoded_packets = 0;   // cut short, malformed or fragmented
  std::uint64_t gap_bytes = 0;           // of streams, never captured
  std::uint64_t resynchronisations = 0;  // times the next message was looked for
  std::uint64_t evicted_streams = 0;     // forgotten for want of memory
  std::uint64_t unanswered = 0;          // requests whose connection ended without a response
  std::uint64_t tls_connections = 0;     // recognised, not parsed
  std::uint64_t http2_connections = 0;
  std::uint64_t other_connections = 0;  // bytes that are no HTTP
  bool operator==(const HttpLosses&) const = default;
};

// Who takes messages as they are read off the wire.
class HttpSink {
 public:
  HttpSink() = default;
  HttpSink(const HttpSink&) = delete;
  HttpSink& operator=(const HttpSink&) = delete;
  virtual ~HttpSink() = default;

  virtual void on_request(const HttpRequest& request) = 0;
  virtual void on_exchange(const HttpExchange& exchange) = 0;
};

}  // namespace tidegate
