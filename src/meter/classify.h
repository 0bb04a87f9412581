// The class of a sample for one service: by source, protocol, port, direction, TCP flags and payload length.
#pragma once

#include <optional>

#include "meter/handshakes.h"
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
  // (tuninetd's -a) holds for what would wake it as well: only acknowledgements renew. Where the wake rule waits for
  // handshakes, a SYN that it takes does not wake, but the acknowledgement that completes its connection does.
  [[nodiscard]] Class classify(const Sample& sample, bool awake = false);

  // The same of a client that a forward has accepted, and the kernel has completed its handshake.
  [[nodiscard]] Class classify_accepted(const Sample& sample, bool awake);

 private:
  [[nodiscard]] bool wakes(const Sample& sample);
  [[nodiscard]] bool taken_by_wake(const Sample& sample);
  [[nodiscard]] bool completes_handshake(const Sample& sample);
  [[nodiscard]] Class class_of(const Sample& sample, bool wakes, bool awake) const;

  SampleRule wake_;
  SampleRule keep_;
  std::optional<SourceRate> rate_;
  std::optional<Handshakes> handshakes_;  // that clients have begun, where the wake rule waits for them
};

// True when the rule takes the sample, leaving its packet rate aside.
[[nodiscard]] bool takes(const SampleRule& rule, const Sample& sample);

}  // namespace tidegate
