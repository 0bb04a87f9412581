// Metrics as text for Prometheus: the exposition format, version 0.0.4.
#pragma once

#include <concepts>
#include <cstdint>
#include <deque>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

namespace tidegate {

class MetricsText {
 public:
  static constexpr std::string_view kContentType = "text/plain; version=0.0.4; charset=utf-8";
  using Labels = std::initializer_list<std::pair<std::string_view, std::string_view>>;

  // All samples of one name, which stand together in the text.
  class Family {
   public:
    // One sample; no two of a family may have the same labels. Values of labels may be any text: what cannot be printed
    // is shown as printable() does.
    template <std::integral Number>
    Family& add(Labels labels, Number value) {
      return add_text(labels, std::to_string(value));
    }
    Family& add(Labels labels, double value);

   private:
    friend class MetricsText;
    Family(std::string name, std::string_view type, std::string_view help);
    Family& add_text(Labels labels, std::string_view value);

    std::string name_;
    std::string text_;
  };

  // The family of that name, made where it is new (`help` is one sentence). The name of a counter ends in "_total",
  // that of a gauge does not.
  Family& counter(std::string_view name, std::string_view help) { return family(name, "counter", help); }
  Family& gauge(std::string_view name, std::string_view help) { return family(name, "gauge", help); }

  // Everything so far, families in the order of their making.
  [[nodiscard]] std::string text() const;

 private:
  Family& family(std::string_view name, std::string_view type, std::string_view help);

  std::deque<Family> families_;  // a deque: references to families stay good
};

}  // namespace tidegate
