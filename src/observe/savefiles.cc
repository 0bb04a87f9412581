#include "observe/savefiles.h"

namespace tidegate {

void read_savefiles(const std::vector<std::string>& savefiles, const std::string& filter, const Interrupt& interrupt,
                    SavefilesRead& read, const SampleSink& sink,
                    const std::function<void(std::string_view line)>& remark) {
  for (const auto& savefile : savefiles) {
    const auto before = read.counted.packets;
    const auto done = replay(savefile, filter, read.counted, sink, [&interrupt] { return interrupt.came(); });
    if (interrupt.came()) return;
    if (done) continue;
    if (read.counted.packets > before || read.unreadable) {
      remark(done.error().what);
    } else {
      read.unreadable = done.error();
    }
  }
}

}  // namespace tidegate
