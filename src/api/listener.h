// Opening the sockets that the API listens on: a TCP port, or a UNIX socket (unix(7)).
#pragma once

#include <sys/socket.h>

#include <cstddef>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/fd.h"
#include "model/forward.h"

namespace tidegate {

// A UNIX stream socket at `path`, mode 0600 from its first moment, its folder made (0755) where it is missing. One left
// behind by a dead tidegate is replaced; one on which somebody answers is an error, and so is a file that is no socket.
// Errors begin with `doing` ("control /run/x.sock").
[[nodiscard]] Result<Fd> open_unix_listener(const std::string& path, std::string_view doing);

// A TCP socket at the address's first port (0: any), or its UNIX socket. Without an address it takes IPv6 and IPv4, or
// IPv4 where the host has no IPv6. The error: "listen on 127.0.0.1:8080: Address already in use".
[[nodiscard]] Result<Fd> open_listener(const ListenAddress& listen);

// The IP address and port in a socket address, an IPv4-mapped IPv6 address as IPv4; for others an empty one.
[[nodiscard]] Endpoint endpoint_in(const sockaddr* address, std::size_t size);

}  // namespace tidegate
