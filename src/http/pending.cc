#include "http/pending.h"

#include "base/check.h"

namespace tidegate {

PendingRequests::Number PendingRequests::push(PendingRequest request, std::string_view method, std::string_view host,
                                              std::string_view section) {
  if (unnamed_ > 0 || requests_.size() - front_ == kMost) {
    ++unnamed_;
    return next_++;
  }
  if (front_ >= kMost) {  // where the queue never runs empty
    requests_.erase(requests_.begin(), requests_.begin() + front_);
    text_.erase(0, text_front_);
    front_ = text_front_ = 0;
  }
  request.method_size = static_cast<std::uint16_t>(method.size());
  request.host_size = static_cast<std::uint16_t>(host.size());
  request.section_size = static_cast<std::uint16_t>(section.size());
  requests_.push_back(request);
  text_.append(method).append(host).append(section);
  return next_++;
}

void PendingRequests::pop() {
  if (front_ == requests_.size()) {
    TIDEGATE_CHECK(unnamed_ > 0);
    --unnamed_;
    return;
  }
  const auto& first = requests_[front_++];
  text_front_ += first.method_size + first.host_size + first.section_size;
  if (front_ == requests_.size()) {
    requests_.clear();
    text_.clear();
    front_ = text_front_ = 0;
  }
}

const PendingRequest* PendingRequests::at(std::size_t n) const {
  return front_ + n < requests_.size() ? &requests_[front_ + n] : nullptr;
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
  if (number < first || number - first >= requests_.size() - front_) return;
  auto& request = requests_[front_ + (number - first)];
  request.bytes += bytes;
  request.last_byte = at;
}

std::size_t PendingRequests::clear() {
  const auto count = size();
  requests_.clear();
  text_.clear();
  front_ = text_front_ = 0;
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
