// http_message_seeds DIRECTORY: writes conversations as inputs of http_message_fuzz.cc, which between them use every
// rule of the reader once.
#include <cstddef>
#include <string_view>

#include "tests/fuzz/seeds.h"

namespace {

constexpr std::string_view kSeeds[] = {
    "GET /a/b?c HTTP/1.1\r\nHost: example.com:80\r\n\r\n\xffHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
    "POST / HTTP/1.1\nTransfer-Encoding: gzip, chunked\n\n5;x=y\nhello\n0\nT: x\n\n\xffHTTP/1.0 500\n\nto the end",
    "HEAD /a HTTP/1.1\r\n\r\nGET http://h/x/y HTTP/1.1\r\n\r\n\xffHTTP/1.1 200 x\r\nContent-Length: 9\r\n\r\n"
    "HTTP/1.1 100 x\r\n\r\nHTTP/1.1 304 x\r\nTransfer-Encoding: chunked\r\n\r\n",
    "CONNECT h:443 HTTP/1.1\r\n\r\n\xffHTTP/1.1 200 x\r\n\r\n\xff\x16\x03\x01",
    "GET /ws/ HTTP/1.1\r\nUpgrade: h2c\r\n\r\n\xffHTTP/1.1 101 x\r\nUpgrade: h2c\r\n\r\n\xffPRI * HTTP/2.0\r\n\r\n",
    "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "\x16\x03\x01\x02\x00\x01",
    "SSH-2.0-x\r\n\xff"
    "220 mail\r\n",
    "PUT /a HTTP/1.1\r\nContent-Length: 20\r\n\r\nabc\xfe"
    "defg\xfehij\xff"
    "HTTP/1.1 204 x\r\n\r\n",
    "GET /a HTTP/1.1\r\nHo\xfe: x\r\n\r\nbody GET /\r\nGET /b HTTP/1.1\r\nHost: h\r\n\r\n\xffHTTP/1.1 200 x\r\n\xfe",
    "GET /a HTTP/1.1\r\nContent-Length: 1, 2\r\n\r\nx\r\nOPTIONS * HTTP/1.1\r\n\r\n\xffHTTP/1.1 200 "
    "x\r\nContent-Length: z\r\n\r\n",
    "\xffHTTP/1.1 200 x\r\nContent-Length: 9\r\n\r\nHTTP/1.1 404 x\r\n\r\nHTTP/1.",
};

}  // namespace

int main(int argc, char** argv) { return tidegate::test::write_seeds({argv, static_cast<std::size_t>(argc)}, kSeeds); }
