// The class of a sample for one service: by source, protocol, port, direction, TCP flags and payload length.
#pragma once

#include <optional>

#include "meter/source_rate.h"
#include "model/sample.h"
#include "model/service.h"

namespace tidegate {

class Classifier {
 public:
  // Borrows nothing: copies the rules.
  Classifier(SampleRule wake, SampleRule keep);

  // wake where the wake rule takes it (its packet rate reached, too), else keep where the keep rule does, else ignore.
  // "From" and "not from" speak of the client, whichever way the packet goes. While the service is `awake`, ack_only
  // (tuninetd's -a) holds for what would wake it as well: only acknowledgements renew.
  [[nodiscard]] Class classify(const Sample& sample, bool awake = false);

 private:
  SampleRule wake_;
  SampleRule keep_;
  std::optional<SourceRate> rate_;
};

// True when the rule takes the sample, leaving its packet rate aside.
[[nodiscard]] bool takes(const SampleRule& rule, const Sample& sample);

}  // namespace tidegate
