// tuntapd, which comes with tuninetd: holds a tun or tap device open, so that a capture on it works.
#include <unistd.h>

#include "base/log.h"
#include "compat/compat.h"
#include "compat/front_end.h"
#include "daemon/background.h"
#include "daemon/hold_device.h"

namespace tidegate::compat {

namespace {

constexpr const char* kTuntapd = "tuntapd";

}  // namespace

int tuntapd(int argc, char** argv) {
  DeviceSettings device;
  std::string mode = "tun";
  bool in_background = false;
  CLI::App app{"Holds a tun or tap device open, so that packets on it can be captured.", kTuntapd};
  app.set_help_flag("-h", "print this help");
  app.set_version_flag("-v", "tuntapd (tidegate " TIDEGATE_VERSION ")", "print version");
  app.add_option("-i", device.name, "interface to use with")->required()->type_name("<ifname>");
  app.add_option("-m", mode, "'tun' or 'tap'. Default is 'tun'")->type_name("<iftype>");
  app.add_flag("-d", in_background, "daemonize process");
  if (const auto status = parse(app, argc, argv)) return *status;
  if (const auto good = check_device_name(device.name); !good)
    return complain(kTuntapd, "-i: " + good.error().what, kUsage);
  const auto parsed = parse_device_mode(mode);
  if (!parsed) return complain(kTuntapd, "-m: " + parsed.error().what, kUsage);
  device.mode = *parsed;

  std::optional<Background> background;
  if (in_background) {
    auto begun = Background::begin();
    if (!begun) return complain(kTuntapd, begun.error().what, kFailed);
    background = std::move(*begun);
  }
  log::configure({.format = log::Format::syslog,
                  .target = in_background ? log::Target::syslog : log::Target::standard_error,
                  .ident = kTuntapd});
  const auto done = hold_device({.device = device, .print = !in_background, .ready = [&] {
                                   if (background) background->ready();
                                   log::info("Success! Tuntapd has been started with PID: {}", ::getpid());
                                 }});
  return done ? kDone : complain(kTuntapd, done.error().what, kFailed);
}

}  // namespace tidegate::compat
