// http_savefile FILE clean|rough REQUESTS CONNECTIONS: a savefile of HTTP/1.1 conversations (RFC 9112) on port 80, and
// as JSON on standard output the truth about it.
//
// So many connections are open at once, each for 100 requests, and take turns; one request in ten is followed by up to
// three more before the first answer. A request has about 500 bytes, an answer a head of about 200 and a short body.
//
// clean: a segment each, in order; the answer acknowledges the request, and an ACK of its own the answer.
// rough: messages are cut into segments anywhere, several may share one; segments change places, come twice, or are
// missing. A message counts in the truth if its head is there, every byte of it; all that were made count as `made`.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <map>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "savefile.h"

namespace {

using Counts = std::map<std::string, std::uint64_t>;

constexpr std::uint64_t kRequestsOfAConnection = 100;
constexpr std::int64_t kBegin = 1'800'000'000'000'000'000;
constexpr std::int64_t kBetweenPackets = 4'000;  // nanoseconds

struct Truth {
  std::uint64_t requests = 0;
  std::uint64_t responses = 0;
  std::uint64_t made = 0;  // requests, and as many responses
  std::uint64_t connections = 0;
  Counts sections;
  Counts methods;
  Counts statuses;
};

// A choice with weights; the last weight is what is left.
template <class Value>
struct Weighted {
  Value value;
  unsigned percent;
};
constexpr std::array<Weighted<std::string_view>, 5> kSections = {
    {{"foo", 40}, {"bar", 25}, {"baz", 15}, {"spiffy", 12}, {"zoom", 8}}};
constexpr std::array<Weighted<int>, 4> kStatuses = {{{200, 88}, {304, 5}, {404, 5}, {500, 2}}};
constexpr std::array<std::string_view, 3> kHosts = {"shop.example.net", "www.example.net", "api.example.org"};

class Random {
 public:
  [[nodiscard]] std::size_t below(std::size_t bound) { return engine_() % bound; }
  [[nodiscard]] bool percent(std::size_t share) { return below(100) < share; }
  template <class Table>
  [[nodiscard]] auto of(const Table& table) {
    auto left = below(100);
    for (const auto& [value, percent] : table) {
      if (left < percent) return value;
      left -= percent;
    }
    return table.back().value;
  }
  [[nodiscard]] std::string text(std::size_t length) {
    std::string text(length, ' ');
    for (char& c : text) c = static_cast<char>('a' + below(26));
    return text;
  }

 private:
  std::mt19937_64 engine_{1};
};

// A message of a flight, and what it counts as.
struct Message {
  std::string bytes;
  std::size_t head = 0;  // bytes
  std::string section;   // of a request, else empty
  std::string method;
  std::string status;  // of a response
};

Message make_request(Random& random) {
  Message request;
  const bool post = random.percent(3);
  const auto body = post ? random.text(20 + random.below(100)) : std::string{};
  const auto section = random.of(kSections);
  request.method = post ? "POST" : "GET";
  request.section = fmt::format("/{}", section);
  request.bytes = fmt::format(
      "{} /{}/index.html{}?item={} HTTP/1.1\r\nHost: {}\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) "
      "Gecko/20100101 Firefox/128.0\r\nAccept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n"
      "Accept-Language: en-GB,en;q=0.5\r\nAccept-Encoding: gzip, deflate\r\n{}Cookie: session={}\r\n\r\n",
      request.method, section, random.below(100), random.below(1'000'000), kHosts.at(random.below(kHosts.size())),
      post ? fmt::format("Content-Length: {}\r\n", body.size()) : "", random.text(100 + random.below(80)));
  request.head = request.bytes.size();
  request.bytes += body;
  return request;
}

Message make_response(Random& random) {
  Message response;
  const int status = random.of(kStatuses);
  const auto body = status == 304 ? std::string{} : random.text(random.below(300));
  response.status = fmt::format("{}", status);
  response.bytes = fmt::format(
      "HTTP/1.1 {} {}\r\nServer: nginx/1.22.1\r\nDate: Sat, 21 Nov 2026 18:02:11 GMT\r\nContent-Type: text/html\r\n{}"
      "Last-Modified: Fri, 20 Nov 2026 10:00:00 GMT\r\nETag: \"{}\"\r\n\r\n",
      status, status == 200 ? "OK" : "Otherwise",
      status == 304 ? "" : fmt::format("Content-Length: {}\r\n", body.size()), random.text(16));
  response.head = response.bytes.size();
  response.bytes += body;
  return response;
}

// What one side says before the other has its turn, cut into segments: where each begins in the bytes, and its length.
struct Piece {
  std::size_t at = 0;
  std::size_t size = 0;
};

class Maker {
 public:
  Maker(const char* path, bool rough) : file_{path}, rough_{rough} {}

  Truth make(std::uint64_t requests, std::size_t connections) {
    std::vector<Connection> open(connections);
    for (std::size_t turn = 0; truth_.made < requests || busy_ > 0; ++turn) {
      auto& connection = open[turn % connections];
      if (connection.waiting > 0) {
        respond(connection);
      } else if (truth_.made < requests) {
        ask(connection, requests - truth_.made);
      }
    }
    file_.close();
    return truth_;
  }

  [[nodiscard]] std::uint64_t packets() const { return file_.packets(); }
  [[nodiscard]] std::uint64_t bytes() const { return file_.bytes(); }

 private:
  struct Connection {
    bench::Flow flow;
    std::uint32_t client_next = 0;  // sequence numbers
    std::uint32_t server_next = 0;
    std::uint64_t left = 0;     // requests until it ends
    std::uint64_t waiting = 0;  // requests without their answer
  };

  void ask(Connection& connection, std::uint64_t most) {
    if (connection.left == 0) begin(connection);
    const auto wanted = random_.percent(10) ? 2 + random_.below(3) : 1;
    const auto count = std::min({static_cast<std::uint64_t>(wanted), connection.left, most});
    std::vector<Message> flight;
    for (std::uint64_t i = 0; i < count; ++i) flight.push_back(make_request(random_));
    truth_.made += count;
    connection.left -= count;
    connection.waiting = count;
    ++busy_;
    say(connection, true, flight);
  }

  void respond(Connection& connection) {
    std::vector<Message> flight;
    for (std::uint64_t i = 0; i < connection.waiting; ++i) flight.push_back(make_response(random_));
    connection.waiting = 0;
    --busy_;
    say(connection, false, flight);
    if (connection.left == 0) end(connection);
  }

  void begin(Connection& connection) {
    const auto number = static_cast<std::uint32_t>(truth_.connections++);
    connection.flow = {.client = 0x0a4e0000 + number % 5000,  // 10.78.0.0 and on
                       .server = 0x0a4d0101,
                       .client_port = static_cast<std::uint16_t>(20'000 + number / 5000 % 40'000)};
    connection.client_next = static_cast<std::uint32_t>(random_.below(1ULL << 32));
    connection.server_next = static_cast<std::uint32_t>(random_.below(1ULL << 32));
    connection.left = kRequestsOfAConnection;
    send(connection, true, bench::kSyn);
    ++connection.client_next;
    send(connection, false, bench::kSyn | bench::kAck);
    ++connection.server_next;
    send(connection, true, bench::kAck);
  }

  void end(Connection& connection) {
    send(connection, true, bench::kFin | bench::kAck);
    ++connection.client_next;
    send(connection, false, bench::kFin | bench::kAck);
    ++connection.server_next;
    send(connection, true, bench::kAck);
  }

  // A flight; answers are acknowledged.
  void say(Connection& connection, bool from_client, const std::vector<Message>& flight) {
    std::string bytes;
    for (const auto& message : flight) bytes += message.bytes;
    auto pieces = rough_ ? cut_anywhere(bytes.size()) : one_each(flight);
    if (rough_) lose_one(pieces);
    count(flight, pieces, bytes.size());
    if (rough_) disturb(pieces);
    for (const auto& [at, size] : pieces) {
      send(connection, from_client, bench::kPush | bench::kAck, std::string_view{bytes}.substr(at, size),
           static_cast<std::uint32_t>(at));
      if (!from_client && !rough_) acknowledge(connection, at + size);
    }
    (from_client ? connection.client_next : connection.server_next) += static_cast<std::uint32_t>(bytes.size());
    if (!from_client && rough_) acknowledge(connection, 0);
  }

  [[nodiscard]] static std::vector<Piece> one_each(const std::vector<Message>& flight) {
    std::vector<Piece> pieces;
    std::size_t at = 0;
    for (const auto& message : flight) {
      pieces.push_back({at, message.bytes.size()});
      at += message.bytes.size();
    }
    return pieces;
  }

  [[nodiscard]] std::vector<Piece> cut_anywhere(std::size_t size) {
    std::vector<Piece> pieces;
    for (std::size_t at = 0; at < size;) {
      const auto length = std::min(size - at, 1 + random_.below(random_.percent(10) ? 8 : 900));
      pieces.push_back({at, length});
      at += length;
    }
    return pieces;
  }

  // One flight in 200 loses a segment for good.
  void lose_one(std::vector<Piece>& pieces) {
    if (random_.below(200) == 0)
      pieces.erase(pieces.begin() + static_cast<std::ptrdiff_t>(random_.below(pieces.size())));
  }

  // Of what is not lost: neighbours change places, some come twice.
  void disturb(std::vector<Piece>& pieces) {
    for (std::size_t i = 1; i < pieces.size(); ++i) {
      if (random_.percent(10)) std::swap(pieces[i - 1], pieces[i]);
    }
    if (!pieces.empty() && random_.percent(5)) pieces.push_back(pieces[random_.below(pieces.size())]);
  }

  // `pieces` are those of `size` bytes that are there, in order.
  void count(const std::vector<Message>& flight, const std::vector<Piece>& pieces, std::size_t size) {
    std::vector<Piece> lost;
    std::size_t expected = 0;
    for (const auto& [at, length] : pieces) {
      if (at > expected) lost.push_back({expected, at - expected});
      expected = at + length;
    }
    if (expected < size) lost.push_back({expected, size - expected});
    std::size_t at = 0;
    for (const auto& message : flight) {
      const bool whole = std::ranges::none_of(
          lost, [&](const Piece& gap) { return gap.at < at + message.head && at < gap.at + gap.size; });
      at += message.bytes.size();
      if (!whole) continue;
      if (message.status.empty()) {
        ++truth_.requests;
        ++truth_.sections[message.section];
        ++truth_.methods[message.method];
      } else {
        ++truth_.responses;
        ++truth_.statuses[message.status];
      }
    }
  }

  void send(const Connection& connection, bool from_client, int flags, std::string_view payload = {},
            std::uint32_t offset = 0) {
    file_.add(now_, connection.flow,
              {.from_client = from_client,
               .sequence = (from_client ? connection.client_next : connection.server_next) + offset,
               .acknowledged = from_client ? connection.server_next : connection.client_next,
               .flags = static_cast<std::uint8_t>(flags),
               .payload = payload});
    now_ += kBetweenPackets;
  }

  // By the client, up to so many bytes past what the server had sent before.
  void acknowledge(const Connection& connection, std::size_t bytes) {
    Connection then = connection;
    then.server_next += static_cast<std::uint32_t>(bytes);
    send(then, true, bench::kAck);
  }

  bench::Savefile file_;
  bool rough_;
  Random random_;
  Truth truth_;
  std::uint64_t busy_ = 0;  // connections with unanswered requests
  std::int64_t now_ = kBegin;
};

std::string json(const Counts& counts) {
  std::string text;
  for (const auto& [name, count] : counts) text += fmt::format("{}\"{}\": {}", text.empty() ? "" : ", ", name, count);
  return "{" + text + "}";
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view kind = argc == 5 ? argv[2] : "";
  const auto requests = argc == 5 ? std::strtoull(argv[3], nullptr, 10) : 0;
  const auto connections = argc == 5 ? std::strtoull(argv[4], nullptr, 10) : 0;
  if ((kind != "clean" && kind != "rough") || requests < 1 || requests > 100'000'000 || connections < 1 ||
      connections > 10'000) {
    std::fputs("usage: http_savefile FILE clean|rough REQUESTS CONNECTIONS\n", stderr);
    return 2;
  }
  try {
    Maker maker{argv[1], kind == "rough"};
    const auto truth = maker.make(requests, connections);
    fmt::print(
        "{{\"requests\": {}, \"responses\": {}, \"made\": {}, \"connections\": {}, \"packets\": {}, \"bytes\": {}, "
        "\"sections\": {}, \"methods\": {}, \"statuses\": {}}}\n",
        truth.requests, truth.responses, truth.made, truth.connections, maker.packets(), maker.bytes(),
        json(truth.sections), json(truth.methods), json(truth.statuses));
  } catch (const std::exception& error) {
    std::fprintf(stderr, "http_savefile: %s\n", error.what());
    return 1;
  }
  return 0;
}
