// tidegate hold-device: a tun or tap device held open, so that a capture on it works while nothing else has it.
#include "daemon/hold_device.h"

#include "cli/command.h"
#include "daemon/background.h"

namespace tidegate::cli {

namespace {

struct HoldDeviceFlags {
  std::string name;
  std::string interface;
  std::string mode = "tun";
  bool background = false;
  bool quiet = false;
};

Result<DeviceSettings> read_flags(const HoldDeviceFlags& flags) {
  if (flags.name.empty() == flags.interface.empty()) return failure("give the device once: NAME, or -i NAME");
  const auto& name = flags.name.empty() ? flags.interface : flags.name;
  if (auto good = check_device_name(name); !good) return std::unexpected{std::move(good.error())};
  const auto mode = parse_device_mode(flags.mode);
  if (!mode) return failure("-m,--mode: {}", mode.error().what);
  return DeviceSettings{.name = name, .mode = *mode};
}

int hold(const HoldDeviceFlags& flags) {
  auto device = read_flags(flags);
  if (!device) return complain("hold-device: " + device.error().what, kUsage);
  std::optional<Background> background;
  if (flags.background) {
    auto begun = Background::begin();
    if (!begun) return complain("hold-device: " + begun.error().what, kFailed);
    background = std::move(*begun);
    log::configure({.target = log::Target::syslog});
  }
  const auto done = hold_device({.device = *device, .print = !flags.background && !flags.quiet, .ready = [&] {
                                   if (background) background->ready();
                                   log::info("holding {}, mode {}", device->name, to_string(device->mode));
                                 }});
  return done ? kDone : complain("hold-device: " + done.error().what, kFailed);
}

}  // namespace

void add_hold_device(CLI::App& app, int& status) {
  auto flags = std::make_shared<HoldDeviceFlags>();  // shared with the callback, which outlives this function
  auto* command = app.add_subcommand(
      "hold-device", "A tun or tap device held open, what comes read and discarded: a capture on it sees traffic");
  command->add_option("NAME", flags->name, "the device; made if there is none, and gone again at the end");
  command->add_option("-i,--interface", flags->interface, "the same")->type_name("NAME");
  command->add_option("-m,--mode", flags->mode, "tun (IP packets) or tap (Ethernet frames)")->type_name("MODE");
  command->add_flag("-d,--background", flags->background, "goes to the background, its log to syslog");
  command->add_flag("-q,--quiet", flags->quiet, "does not print the packets");
  command->footer("Examples:\n  tidegate hold-device tun0\n  tidegate hold-device -i tap0 -m tap -d");
  command->callback([flags, &status] { status = hold(*flags); });
}

}  // namespace tidegate::cli
