#include "compat/front_end.h"

#include <cstdio>

namespace tidegate::compat {

std::optional<int> parse(CLI::App& app, int argc, char** argv) {
  try {
    app.parse(argc, argv);
    return std::nullopt;
  } catch (const CLI::Success& help) {
    return app.exit(help);
  } catch (const CLI::ParseError& error) {
    app.exit(error);
    return kUsage;
  }
}

int complain(const std::string& tool, const std::string& text, int status) {
  std::fprintf(stderr, "%s: %s\n", tool.c_str(), text.c_str());
  return status;
}

ServiceSettings every_packet_service(const std::string& name) {
  ServiceSettings service;
  service.name = name;
  service.wake.direction = service.keep.direction = std::nullopt;
  service.wake.also = service.keep.also = 0xff;
  service.gate.found = GateSettings::Found::ignore;
  service.ready = ReadyNow{};
  return service;
}

}  // namespace tidegate::compat
