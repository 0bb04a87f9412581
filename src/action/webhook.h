// Webhooks: a POST of JSON to a URL, tried again while the target does not take it (RFC 9110; TLS by RFC 8446 with the
// target's certificate verified, RFC 9525). Redirections are not followed.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/error.h"
#include "base/time.h"
#include "model/http_url.h"

namespace tidegate {

struct WebhookSettings {
  HttpUrl url;
  std::string ca_file;  // PEM: who may have signed the target's certificate; empty: whom the system trusts
  Duration timeout = std::chrono::seconds{10};    // of one try, from the name's look-up to the answer
  Duration first_wait = std::chrono::seconds{1};  // before the second try; doubles with each further one
  Duration most = std::chrono::minutes{2};        // of all tries of one body
  unsigned tries = 5;                             // at the most
};

struct WebhookCounts {
  std::uint64_t delivered = 0;
  std::uint64_t failed = 0;    // after all its tries, or refused by the target
  std::uint64_t left_out = 0;  // never tried: it was the oldest of too many
  bool operator==(const WebhookCounts&) const = default;
};

// One target. What is posted is delivered in order, one after the other. For one thread: that of the executor.
class Webhook {
 public:
  static constexpr std::size_t kMostWaiting = 100;
  static constexpr std::size_t kMostBody = 65'536;  // bytes

  // Called for each body that was not delivered, with why: "post https://example.net: status 503, after 5 tries". The
  // URL's path is left out: it is a secret often.
  using Failed = std::function<void(const std::string& why)>;

  // The error: the CA file, or the system's, cannot be read.
  [[nodiscard]] static Result<std::unique_ptr<Webhook>> open(const boost::asio::any_io_executor& executor,
                                                             WebhookSettings settings, Failed failed);
  ~Webhook();
  Webhook(const Webhook&) = delete;
  Webhook& operator=(const Webhook&) = delete;

  // Queues the body, a JSON text of at most kMostBody bytes. Where kMostWaiting wait already, the oldest of them is
  // left out.
  void post(std::string body);

  // Delivers what is posted, until it is cancelled (terminal): a body under way is then given up, uncounted. Run by one
  // task at a time, which the Webhook outlives. A status of 2xx is an answer; 408, 429 and 5xx, and no answer in time,
  // are tried again; any other status is final.
  [[nodiscard]] boost::asio::awaitable<void> run();

  [[nodiscard]] const WebhookCounts& counts() const;
  [[nodiscard]] std::size_t waiting() const;

 private:
  struct Impl;
  explicit Webhook(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace tidegate
