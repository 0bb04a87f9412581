// Savefiles that are read one after the other, as one capture.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "observe/interrupt.h"
#include "sensor/replay.h"

namespace tidegate {

// What has been read so far: filled while the sink is called, and there if that throws.
struct SavefilesRead {
  ReplayCount counted;              // of all
  std::optional<Error> unreadable;  // the first of which nothing could be read

  [[nodiscard]] bool nothing() const { return unreadable && counted.packets == 0; }
  [[nodiscard]] Result<> outcome() const {
    if (unreadable) return std::unexpected{*unreadable};
    return {};
  }
};

// Reads them as replay() does, until a signal came; those behind one that cannot be read as well. `remark` gets what is
// wrong with one of which something was read, and with all that cannot be read but the first.
void read_savefiles(const std::vector<std::string>& savefiles, const std::string& filter, const Interrupt& interrupt,
                    SavefilesRead& read, const SampleSink& sink,
                    const std::function<void(std::string_view line)>& remark);

}  // namespace tidegate
