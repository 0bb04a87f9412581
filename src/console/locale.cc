#include "console/locale.h"

#include <langinfo.h>

#include <clocale>
#include <string_view>

namespace tidegate::console {

Charset charset_of_environment() {
  std::setlocale(LC_CTYPE, "");  // NOLINT(concurrency-mt-unsafe): before there is another thread
  return std::string_view{::nl_langinfo(CODESET)} == "UTF-8" ? Charset::utf8 : Charset::ascii;
}

}  // namespace tidegate::console
