// What /metrics answers: everything that is counted, in Prometheus' text and after its conventions (base units,
// counters end in _total).
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "api/metrics.h"
#include "base/time.h"
#include "daemon/accounting.h"
#include "daemon/http_report.h"
#include "daemon/observers.h"
#include "daemon/process_status.h"
#include "daemon/service.h"
#include "privacy/pseudonyms.h"
#include "sensor/sensor.h"

namespace tidegate::metrics {

void add_forwards(MetricsText& text, const std::vector<ForwardView>& forwards, Instant now);
void add_quotas(MetricsText& text, const Accounting::Quotas& quotas);
void add_services(MetricsText& text, const std::vector<std::unique_ptr<Service>>& services, Now now);
void add_sensors(MetricsText& text, const std::vector<SensorStatus>& sensors);
void add_watches(MetricsText& text, const Observers::Watches& watches, Now now);
void add_alert_actions(MetricsText& text, const Observers& observers);  // where there are watches
// `names`: of those that have none of their own.
void add_tallies(MetricsText& text, const Observers::Tallies& tallies, const Pseudonyms& names);
void add_process(MetricsText& text, const ProcessStatus& status, std::string_view version);

}  // namespace tidegate::metrics
