#include "cli/ask.h"

#include <sys/un.h>

#include <boost/asio.hpp>
#include <boost/json.hpp>

#include "base/units.h"
#include "host/within.h"

namespace tidegate::cli {

namespace asio = boost::asio;
namespace json = boost::json;

namespace {

using Answers = Result<std::vector<json::value>>;
using Socket = asio::local::stream_protocol::socket;

Result<json::value> result_in(const std::string& path, std::string_view line) {
  boost::system::error_code error;
  auto answer = json::parse(line, error);
  if (error || !answer.is_object()) return failure("read {}: the answer is not JSON", path);
  auto& fields = answer.get_object();
  if (const auto* const ok = fields.if_contains("ok"); ok == nullptr || *ok != json::value(true)) {
    const auto* const words = fields.if_contains("error");
    return failure("{}", words != nullptr && words->is_string() ? std::string_view{words->get_string()}
                                                                : "refused without a reason");
  }
  auto* const result = fields.if_contains("result");
  return result != nullptr ? std::move(*result) : json::value{};
}

// What was done to the socket, and failed. Throws where it was cancelled.
std::unexpected<Error> socket_failure(std::string_view done, const std::string& path,
                                      const boost::system::error_code& error) {
  if (error == asio::error::operation_aborted) throw boost::system::system_error{error};
  if (error == asio::error::connection_refused || error == boost::system::errc::no_such_file_or_directory)
    return failure("no tidegate listens at {}", path);
  return failure("{} {}: {}", done, path, error.message());
}

asio::awaitable<Answers> converse(std::string path, std::string request) {
  Socket socket{co_await asio::this_coro::executor};
  boost::system::error_code error;
  auto token = asio::redirect_error(asio::use_awaitable, error);
  co_await socket.async_connect(asio::local::stream_protocol::endpoint{path}, token);
  if (error) co_return socket_failure("connect", path, error);
  co_await asio::async_write(socket, asio::buffer(request), token);
  if (error) co_return socket_failure("write", path, error);
  std::string text;
  std::vector<json::value> answers;
  while (true) {
    const auto length =
        co_await asio::async_read_until(socket, asio::dynamic_buffer(text, kLongestAnswer), '\n', token);
    if (error == asio::error::eof) co_return answers;
    if (error) co_return socket_failure("read", path, error);
    auto result = result_in(path, std::string_view{text}.substr(0, length));
    if (!result) co_return std::unexpected{std::move(result.error())};
    answers.push_back(std::move(*result));
    text.erase(0, length);
  }
}

}  // namespace

asio::awaitable<Answers> ask_daemon(std::string path, json::object request, Duration most) {
  if (path.size() >= sizeof(sockaddr_un::sun_path)) co_return failure("connect {}: the path is too long", path);
  auto answers = co_await within(most, converse(path, json::serialize(request) + "\n"));
  if (answers) co_return std::move(*answers);
  co_return failure("the tidegate at {} has not answered for {}", path, format_duration(most));
}

}  // namespace tidegate::cli
