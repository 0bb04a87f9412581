// tidegate doctor: what this host can and cannot do, and what to do about it.
#include <array>
#include <boost/json.hpp>

#include "api/json_text.h"
#include "cli/command.h"
#include "cli/host_findings.h"
#include "cli/print.h"
#include "forward/kernel_host.h"
#include "hold/findings.h"
#include "hold/queue.h"
#include "model/finding.h"
#include "sensor/findings.h"

namespace tidegate::cli {

namespace json = boost::json;

namespace {

// One line each, in the order of the answer.
constexpr std::array kExaminations = {
    kernel_sensor_finding, pcap_finding,         nflog_finding,     queue_finding,     engine_kernel_finding,
    device_finding,        capabilities_finding, low_ports_finding, conntrack_finding, receive_buffer_finding,
    pipe_finding,          descriptor_finding,   store_finding,
};

std::string_view to_string(Finding::Verdict verdict) {
  return verdict == Finding::Verdict::yes ? "yes" : verdict == Finding::Verdict::partly ? "partly" : "no";
}

json::object to_json(const Finding& finding) {
  return {{"what", finding.what},
          {"verdict", to_string(finding.verdict)},
          {"detail", finding.detail},
          {"remedy", finding.remedy}};
}

int examine(bool as_json) {
  json::array all;
  std::vector<std::vector<std::string>> rows;
  std::vector<std::string> remedies;
  for (const auto& examination : kExaminations) {
    const auto finding = examination();
    all.push_back(to_json(finding));
    rows.push_back({finding.what, std::string{to_string(finding.verdict)}, finding.detail});
    if (!finding.remedy.empty()) remedies.push_back(fmt::format("  {}: {}", finding.what, finding.remedy));
  }
  if (as_json) {
    print_line(json_text(json::object{{"findings", std::move(all)}}));
    return kDone;
  }
  for (const auto& line : table({{"WHAT"}, {"WORKS"}, {"HOW, OR WHY NOT"}}, rows)) print_line(line);
  if (remedies.empty()) return kDone;
  print_line("");
  print_line("what to do about it");
  for (const auto& line : remedies) print_line(line);
  return kDone;
}

}  // namespace

void add_doctor(CLI::App& app, int& status) {
  auto as_json = std::make_shared<bool>(false);  // shared with the callback, which outlives this function
  auto* command =
      app.add_subcommand("doctor", "What this host can and cannot do for tidegate, and what to do about it");
  command->add_flag("--json", *as_json, "print the answer as JSON");
  command->footer(
      "It tries what it tells of, as the user who calls it, and leaves no trace.\n"
      "Exit status: 0, whatever it finds.\n\nExamples:\n  tidegate doctor\n  sudo -u tidegate tidegate doctor --json");
  command->callback([as_json, &status] { status = examine(*as_json); });
}

}  // namespace tidegate::cli
