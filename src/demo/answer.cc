#include "demo/answer.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <iterator>

#include "base/text.h"

namespace tidegate::demo {

namespace {

struct Status {
  int number;
  std::string_view reason;
};

constexpr std::array kStatuses = {
    Status{200, "OK"},
    Status{400, "Bad Request"},
    Status{408, "Request Timeout"},
    Status{413, "Content Too Large"},
    Status{414, "URI Too Long"},
    Status{417, "Expectation Failed"},
    Status{431, "Request Header Fields Too Large"},
    Status{501, "Not Implemented"},
    Status{505, "HTTP Version Not Supported"},
};

std::string_view reason_of(int status) {
  const auto* const found = std::ranges::find(kStatuses, status, &Status::number);
  return found == kStatuses.end() ? "" : found->reason;
}

// The path of a target in origin or absolute form (RFC 9112 section 3.2); "*" is one too.
std::string_view path_of(std::string_view target) {
  if (const auto scheme = target.find("://"); !target.starts_with('/') && scheme != std::string_view::npos) {
    target.remove_prefix(scheme + 3);
    target.remove_prefix(std::min(target.find_first_of("/?"), target.size()));
  }
  return target.substr(0, target.find_first_of("?#"));
}

// Escapes that are wrong stay as they are.
std::string decoded(std::string_view text) {
  std::string plain;
  plain.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    unsigned char byte = 0;
    const auto* const digits = text.data() + i + 1;
    if (text[i] == '%' && text.size() - i >= 3 && std::from_chars(digits, digits + 2, byte, 16).ptr == digits + 2) {
      plain += static_cast<char>(byte);
      i += 2;
    } else {
      plain += text[i];
    }
  }
  return plain;
}

std::string for_html(std::string_view text) {
  std::string safe;
  safe.reserve(text.size());
  for (const char c : text) {
    switch (c) {
      case '&':
        safe += "&amp;";
        break;
      case '<':
        safe += "&lt;";
        break;
      case '>':
        safe += "&gt;";
        break;
      case '"':
        safe += "&quot;";
        break;
      case '\'':
        safe += "&#39;";
        break;
      default:
        safe += c;
    }
  }
  return safe;
}

bool is_plain(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '/' || c == '.' ||
         c == '-' || c == '_';
}

std::string http_date(std::chrono::sys_seconds time) {
  constexpr std::array kDays = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  constexpr std::array kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date{day};
  const std::chrono::hh_mm_ss clock{time - day};
  return fmt::format("{}, {:02} {} {:04} {:02}:{:02}:{:02} GMT", kDays.at(std::chrono::weekday{day}.c_encoding()),
                     static_cast<unsigned>(date.day()), kMonths.at(static_cast<unsigned>(date.month()) - 1),
                     static_cast<int>(date.year()), clock.hours().count(), clock.minutes().count(),
                     clock.seconds().count());
}

}  // namespace

std::string greeting(std::string_view target) {
  auto path = path_of(target);
  if (path.starts_with('/')) path.remove_prefix(1);
  const bool plain = std::ranges::all_of(path, is_plain);
  return "Hello, your path is: " + (plain ? std::string{path} : for_html(printable(decoded(path))));
}

void Answers::put_head(std::string& out, int status, std::size_t length, std::string_view connection, WallTime now) {
  const auto second = std::chrono::floor<std::chrono::seconds>(now);
  if (second_ != second.time_since_epoch().count()) {
    second_ = second.time_since_epoch().count();
    date_ = http_date(second);
  }
  fmt::format_to(std::back_inserter(out),
                 "HTTP/1.1 {} {}\r\nServer: tidegate\r\nDate: {}\r\nContent-Type: text/html; charset=utf-8\r\n"
                 "Content-Length: {}\r\n{}\r\n",
                 status, reason_of(status), date_, length, connection);
}

void Answers::greet(std::string& out, const RequestHead& request, bool keep_alive, WallTime now) {
  const auto body = greeting(request.target);
  const auto* const connection = !keep_alive           ? "Connection: close\r\n"
                                 : request.version_1_0 ? "Connection: keep-alive\r\n"
                                                       : "";
  put_head(out, 200, body.size(), connection, now);
  if (request.method != "HEAD") out += body;
}

void Answers::refuse(std::string& out, const BadHead& why, WallTime now) {
  const auto body = fmt::format("{} {}: {}\n", why.status, reason_of(why.status), why.why);
  put_head(out, why.status, body.size(), "Connection: close\r\n", now);
  out += body;
}

}  // namespace tidegate::demo
