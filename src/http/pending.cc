#include "http/pending.h"

#include <algorithm>

#include "base/check.h"

namespace tidegate {

PendingRequests::Number PendingRequests::push(PendingRequest request, std::string_view method, std::string_view host,
                                              std::string_view section) {
  if (kept() == kMost) {
    if (unnamed_ > 0) forget_behind_unnamed();
    split_ = static_cast<std::uint32_t>(requests_.size());
    unnamed_acknowledged_ = request.begin.acknowledgement;
    ++unnamed_;
    return next_++;
  }
  if (front_ >= kMost) {  // where the queue never runs empty
    requests_.erase(requests_.begin(), requests_.begin() + front_);
    text_.erase(0, text_front_);
    split_ -= std::min(split_, front_);
    front_ = text_front_ = 0;
  }
  request.method_size = static_cast<std::uint16_t>(method.size());
  request.host_size = static_cast<std::uint16_t>(host.size());
  request.section_size = static_cast<std::uint16_t>(section.size());
  requests_.push_back(request);
  text_.append(method).append(host).append(section);
  return next_++;
}

// Those that came behind the ones that are not kept become some of them.
void PendingRequests::forget_behind_unnamed() {
  unnamed_ += requests_.size() - split_;
  for (; requests_.size() > split_; requests_.pop_back()) {
    const auto& last = requests_.back();
    text_.resize(text_.size() - last.method_size - last.host_size - last.section_size);
  }
}

void PendingRequests::pop() {
  if (before() == 0) {
    TIDEGATE_CHECK(unnamed_ > 0);
    --unnamed_;
    return;
  }
  const auto& first = requests_[front_++];
  text_front_ += first.method_size + first.host_size + first.section_size;
  if (kept() == 0) {
    requests_.clear();
    text_.clear();
    front_ = text_front_ = split_ = 0;
  }
}

std::optional<std::size_t> PendingRequests::place(std::size_t n) const {
  if (n >= before()) {
    if (n < before() + unnamed_) return std::nullopt;
    n -= unnamed_;
  }
  if (n >= kept()) return std::nullopt;
  return front_ + n;
}

const PendingRequest* PendingRequests::at(std::size_t n) const {
  const auto kept_at = place(n);
  return kept_at ? &requests_[*kept_at] : nullptr;
}

PendingRequests::Front PendingRequests::front() const {
  const auto acknowledged_by = [this](std::size_t n) {
    const auto* const request = at(n);
    return request != nullptr ? request->begin.acknowledgement : unnamed_acknowledged_;
  };
  const auto count = before() > 0 ? 1 : unnamed_;
  Front front{.count = count, .acknowledged = acknowledged_by(0), .next_acknowledged = {}};
  if (count < size()) front.next_acknowledged = acknowledged_by(count);
  return front;
}

std::string_view PendingRequests::method() const {
  return std::string_view{text_}.substr(text_front_, requests_[front_].method_size);
}

std::string_view PendingRequests::host() const {
  const auto& first = requests_[front_];
  return std::string_view{text_}.substr(text_front_ + first.method_size, first.host_size);
}

std::string_view PendingRequests::section() const {
  const auto& first = requests_[front_];
  return std::string_view{text_}.substr(text_front_ + first.method_size + first.host_size, first.section_size);
}

void PendingRequests::add_bytes(Number number, std::uint64_t bytes, Instant at) {
  const Number first = next_ - size();
  const auto kept_at = number < first ? std::nullopt : place(number - first);
  if (!kept_at) return;
  auto& request = requests_[*kept_at];
  request.bytes += bytes;
  request.last_byte = at;
}

std::size_t PendingRequests::clear() {
  const auto count = size();
  requests_.clear();
  text_.clear();
  front_ = text_front_ = split_ = 0;
  unnamed_ = 0;
  if (held() > 0) {
    requests_.shrink_to_fit();
    text_.shrink_to_fit();
  }
  return count;
}

std::size_t PendingRequests::held() const {
  std::size_t bytes = 0;
  if (requests_.capacity() > kFreeRequests) bytes += requests_.capacity() * sizeof(PendingRequest);
  if (text_.capacity() > kFreeText) bytes += text_.capacity();
  return bytes;
}

}  // namespace tidegate
