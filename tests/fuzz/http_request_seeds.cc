// http_request_seeds DIRECTORY: writes small requests as inputs of http_request_fuzz.cc, right and wrong ones.
#include <cstddef>
#include <string>
#include <string_view>

#include "tests/fuzz/seeds.h"

namespace {

constexpr std::string_view kSeeds[] = {
    "/api/v1/forwards/web/usage?by=hour&last=24\n/api/v1/forwards/{name}/usage\nlocalhost:8080\nhttp://localhost:8080\n"
    "Bearer token\n{\"a\":1}",
    "/a%2Fb%20c/?x=a+b&x=%26&&y\n/{a}/{b}\n[::1]:80\nnull\nbearer  token\nline\r\nline\rline\n\n",
    "http://127.0.0.1:1/%41\n/A\n127.0.0.1:1\nhttps://127.0.0.1:1\nBasic token\n",
    "/../%2e%2e/%00\n/\n127.0.0.1.evil.example\nhttp://evil.example\nBearer\n\r",
    "*\n//{}//\n[::ffff:127.0.0.1]\n://\n\n\n",
};

}  // namespace

int main(int argc, char** argv) { return tidegate::test::write_seeds({argv, static_cast<std::size_t>(argc)}, kSeeds); }
