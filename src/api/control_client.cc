#include <unistd.h>

#include <boost/asio.hpp>
#include <boost/json.hpp>

#include "api/control.h"

namespace tidegate {

namespace asio = boost::asio;
namespace json = boost::json;

Result<> ask_control(const std::string& path, const json::object& request,
                     const std::function<bool(const json::value&)>& each) {
  asio::io_context io;
  asio::local::stream_protocol::socket socket{io};
  boost::system::error_code error;
  socket.connect(asio::local::stream_protocol::endpoint{path}, error);
  if (error == asio::error::connection_refused || error == boost::system::errc::no_such_file_or_directory) {
    return failure("no tidegate listens at {} (start one with `tidegate run`, or name its socket with --control)",
                   path);
  }
  if (error) return failure("connect {}: {}", path, error.message());
  asio::write(socket, asio::buffer(json::serialize(request) + "\n"), error);
  if (error) return failure("write {}: {}", path, error.message());
  std::string text;
  while (true) {
    const auto length = asio::read_until(socket, asio::dynamic_buffer(text), '\n', error);
    if (error == asio::error::eof) return {};
    if (error) return failure("read {}: {}", path, error.message());
    const auto answer = json::parse(std::string_view{text}.substr(0, length), error);
    if (error || !answer.is_object()) return failure("read {}: the answer is not JSON", path);
    text.erase(0, length);
    const auto& fields = answer.get_object();
    if (const auto* ok = fields.if_contains("ok"); ok == nullptr || !ok->is_bool() || !ok->get_bool()) {
      const auto* words = fields.if_contains("error");
      return failure("{}", words != nullptr && words->is_string() ? std::string_view{words->get_string()}
                                                                  : "refused without a reason");
    }
    const auto* result = fields.if_contains("result");
    if (!each(result != nullptr ? *result : json::value{})) return {};
  }
}

std::string default_control_path() {
  if (::geteuid() == 0) return "/run/tidegate/control.sock";
  if (const char* folder = ::getenv("XDG_RUNTIME_DIR"); folder != nullptr && *folder != '\0') {
    return fmt::format("{}/tidegate/control.sock", folder);
  }
  return fmt::format("/tmp/tidegate-{}/control.sock", ::geteuid());
}

}  // namespace tidegate
