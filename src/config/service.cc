// One service of the file; see service.h.
#include "config/service.h"

#include <algorithm>
#include <optional>

#include "base/text.h"
#include "config/ready.h"
#include "config/rule.h"

namespace tidegate {
namespace {

// What the keys say, before it is known how they go together.
struct ServiceDraft {
  ServiceSettings settings;
  RuleDraft wake;
  RuleDraft keep;
  std::optional<Command> start;
  std::optional<Command> stop;
  std::string script;
  std::optional<Command> process;
  Duration grace = ProcessAction{}.grace;
};

void read_address(const Value& value, ServiceDraft& draft) {
  for (const Value& item : value.items(Value::Empty::refused)) {
    IpAddress address;
    if (item.read(address, IpAddress::parse)) draft.settings.addresses.push_back(address);
  }
}

constexpr Word<ServiceSettings::Hold> kHoldWords[] = {{"none", ServiceSettings::Hold::none},
                                                      {"queue", ServiceSettings::Hold::queue},
                                                      {"forward", ServiceSettings::Hold::forward}};

void read_min_up(const Value& value, ServiceDraft& draft) {
  std::optional<Duration> least;
  read_duration_or_none(value, least);
  draft.settings.gate.min_up = least.value_or(Duration::zero());
}

constexpr Key<std::vector<ScheduleWindow>> kScheduleKeys[] = {
    {"awake",
     [](const Value& value, std::vector<ScheduleWindow>& windows) {
       for (const Value& item : value.items(Value::Empty::allowed)) {
         ScheduleWindow window;
         if (item.read(window, parse_schedule_window)) windows.push_back(window);
       }
     }},
};

constexpr Key<GateSettings> kRetryKeys[] = {
    {"first", [](const Value& value, GateSettings& gate) { read_duration(value, gate.retry_first); }},
    {"most", [](const Value& value, GateSettings& gate) { read_duration(value, gate.retry_most); }},
};

constexpr Word<GateSettings::Found> kFoundWords[] = {{"adopt", GateSettings::Found::adopt},
                                                     {"stop", GateSettings::Found::stop},
                                                     {"ignore", GateSettings::Found::ignore}};

constexpr Word<ServiceSettings::OnExit> kOnExitWords[] = {{"leave", ServiceSettings::OnExit::leave},
                                                          {"stop", ServiceSettings::OnExit::stop}};

constexpr Key<PcapSource> kPcapKeys[] = {
    {"interface", [](const Value& value, PcapSource& pcap) { read_text(value, pcap.interface); }},
    {"filter",
     [](const Value& value, PcapSource& pcap) {
       if (const auto text = value.text(Value::kMostLongText)) pcap.filter = *text;
     }},
};

constexpr Key<NflogSource> kNflogKeys[] = {
    {"group", [](const Value& value, NflogSource& nflog) { value.read(nflog, parse_nflog_group); }},
};

constexpr Key<std::vector<SensorSource>> kSensorKeys[] = {
    {"pcap",
     [](const Value& value, std::vector<SensorSource>& given) {
       read_map(value, kPcapKeys, std::get<PcapSource>(given.emplace_back(PcapSource{})));
     }},
    {"nflog",
     [](const Value& value, std::vector<SensorSource>& given) {
       read_map(value, kNflogKeys, std::get<NflogSource>(given.emplace_back(NflogSource{})));
       if (value.is_map() && !value.gives("group")) value.fail("has no group");
     }},
};

void read_sensors(const Value& value, ServiceDraft& draft) {
  if (!value.is_list()) return value.fail("a list belongs here (try [{pcap: {interface: eth0, filter: \"icmp\"}}])");
  for (const Value& item : value.items(Value::Empty::allowed)) {
    std::vector<SensorSource> given;
    read_map(item, kSensorKeys, given);
    if (item.is_empty_map()) {
      item.fail(fmt::format("names no sensor (allowed: {})", join_words(names_of(kSensorKeys), "or")));
    }
    if (given.size() > 1) item.fail("names more than one sensor (each is an item of its own)");
    // One for each item, whatever is wrong with it: by their place errors find their line.
    draft.settings.sensors.push_back(given.empty() ? SensorSource{} : std::move(given.front()));
  }
}

constexpr Word<DeviceMode> kDeviceModeWords[] = {{"tun", DeviceMode::tun}, {"tap", DeviceMode::tap}};

constexpr Key<DeviceSettings> kDeviceKeys[] = {
    {"name", [](const Value& value, DeviceSettings& device) { read_text(value, device.name); }},
    {"mode", [](const Value& value, DeviceSettings& device) { read_word(value, kDeviceModeWords, device.mode); }},
};

constexpr Key<ServiceDraft> kServiceKeys[] = {
    {"name",
     [](const Value& value, ServiceDraft& draft) {
       if (const auto name = value.text()) draft.settings.name = *name;
     }},
    {"ports", [](const Value& value, ServiceDraft& draft) { read_ports(value, draft.settings.ports); }},
    {"address", read_address},
    {"interface", [](const Value& value, ServiceDraft& draft) { read_text(value, draft.settings.interface); }},
    {"sensor", [](const Value& value, ServiceDraft& draft) { value.read(draft.settings.sensor, parse_port_sensor); }},
    {"hold", [](const Value& value, ServiceDraft& draft) { read_word(value, kHoldWords, draft.settings.hold); }},
    {"start", [](const Value& value, ServiceDraft& draft) { draft.start = read_command(value); }},
    {"stop", [](const Value& value, ServiceDraft& draft) { draft.stop = read_command(value); }},
    {"script", [](const Value& value, ServiceDraft& draft) { read_text(value, draft.script); }},
    // The shell gives way to the program, so that signals reach the program.
    {"process", [](const Value& value, ServiceDraft& draft) { draft.process = read_command(value, "exec "); }},
    {"grace", [](const Value& value, ServiceDraft& draft) { read_duration(value, draft.grace); }},
    {"start_timeout",
     [](const Value& value, ServiceDraft& draft) { read_duration(value, draft.settings.gate.start_timeout); }},
    {"ready", [](const Value& value, ServiceDraft& draft) { read_ready(value, draft.settings.ready); }},
    {"idle", [](const Value& value, ServiceDraft& draft) { read_duration(value, draft.settings.gate.idle); }},
    {"min_up", read_min_up},
    {"max_up",
     [](const Value& value, ServiceDraft& draft) { read_duration_or_none(value, draft.settings.gate.max_up); }},
    {"veto", [](const Value& value, ServiceDraft& draft) { draft.settings.veto = read_command(value); }},
    {"schedule",
     [](const Value& value, ServiceDraft& draft) { read_map(value, kScheduleKeys, draft.settings.gate.awake); }},
    {"wake", [](const Value& value, ServiceDraft& draft) { read_wake(value, draft.wake); }},
    {"keep", [](const Value& value, ServiceDraft& draft) { read_keep(value, draft.keep); }},
    {"retry", [](const Value& value, ServiceDraft& draft) { read_map(value, kRetryKeys, draft.settings.gate); }},
    {"found",
     [](const Value& value, ServiceDraft& draft) { read_word(value, kFoundWords, draft.settings.gate.found); }},
    {"on_exit",
     [](const Value& value, ServiceDraft& draft) { read_word(value, kOnExitWords, draft.settings.on_exit); }},
    {"sensors", read_sensors},
    {"device",
     [](const Value& value, ServiceDraft& draft) { read_map(value, kDeviceKeys, draft.settings.device.emplace()); }},
    {"capture_wakes", [](const Value& value, ServiceDraft& draft) { read_text(value, draft.settings.capture_wakes); }},
};

// Exactly one of start, script and process, and beside it only the keys that go with it.
void finish_action(const Value& value, const ServiceDraft& draft, ActionSettings& action) {
  constexpr std::string_view kWays[] = {"start", "script", "process"};
  std::vector<std::string_view> given;
  std::ranges::copy_if(kWays, std::back_inserter(given), [&](std::string_view way) { return value.gives(way); });
  std::ranges::sort(given, {}, [&](std::string_view way) { return value.findings().find(value.child(way)); });
  for (std::size_t i = 1; i < given.size(); ++i) {
    value.fail_at(given[i],
                  fmt::format("it starts by \"{}\" already (allowed: one of {})", given[0], join_words(kWays, "or")));
  }
  if (value.gives("stop") && !value.gives("start")) value.fail_at("stop", "goes only with \"start\"");
  if (value.gives("grace") && !value.gives("process")) value.fail_at("grace", "goes only with \"process\"");
  if (given.empty()) return value.fail(fmt::format("does not say how it starts (one of {})", join_words(kWays, "or")));
  if (given[0] == "process") {
    if (draft.process) action = ProcessAction{.run = *draft.process, .grace = draft.grace};
  } else if (given[0] == "script") {
    action = CommandAction{.start = {{draft.script, "start"}}, .stop = Command{{draft.script, "stop"}}};
  } else if (draft.start) {
    action = CommandAction{.start = *draft.start, .stop = draft.stop};
  }
}

}  // namespace

ServiceSettings read_service(const Value& value) {
  ServiceDraft draft;
  read_map(value, kServiceKeys, draft);
  ServiceSettings& settings = draft.settings;
  if (!value.is_map()) return std::move(settings);
  finish_action(value, draft, settings.action);
  // Without either it is a forward that names it; the listening ports of a kernel forward become its own.
  const bool has_ports = !settings.ports.empty() || settings.sensors.empty();
  settings.wake = draft.wake.over(default_wake(has_ports));
  settings.keep = draft.keep.over(default_keep(has_ports));
  return std::move(settings);
}

std::vector<std::string> service_keys() {
  std::vector<std::string> keys;
  append_keys(keys, "", names_of(kServiceKeys));
  append_keys(keys, "ready", ready_keys());
  append_keys(keys, "schedule", names_of(kScheduleKeys));
  append_keys(keys, "wake", wake_keys());
  append_keys(keys, "keep", keep_keys());
  append_keys(keys, "retry", names_of(kRetryKeys));
  append_keys(keys, "sensors", names_of(kSensorKeys));
  append_keys(keys, "sensors.pcap", names_of(kPcapKeys));
  append_keys(keys, "sensors.nflog", names_of(kNflogKeys));
  append_keys(keys, "device", names_of(kDeviceKeys));
  return keys;
}

}  // namespace tidegate
