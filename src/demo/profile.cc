#include "demo/profile.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <numeric>

#include "base/text.h"
#include "base/units.h"

namespace tidegate::demo {

namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::uint64_t kFastest = 1'000'000;  // a second
constexpr std::size_t kMostStages = 1000;
constexpr Duration kLongest = std::chrono::hours{24};

Result<LoadStage> parse_stage(std::string_view text) {
  const auto wrong = [&] {
    return failure("\"{}\" is not a rate for a time (try 20/s:60s or max:10s)", printable(text));
  };
  const auto colon = text.find(':');
  if (colon == std::string_view::npos) return wrong();
  auto rate = trim(text.substr(0, colon));
  LoadStage stage;
  if (rate != "max") {
    const auto [end, error] = std::from_chars(rate.data(), rate.data() + rate.size(), stage.per_second);
    rate.remove_prefix(static_cast<std::size_t>(end - rate.data()));
    if (error != std::errc{} || rate != "/s") return wrong();
    if (stage.per_second == 0 || stage.per_second > kFastest)
      return failure("\"{}\": between 1/s and {}/s", printable(text), kFastest);
  }
  const auto length = parse_duration(text.substr(colon + 1));
  if (!length) return failure("\"{}\": {}", printable(text), length.error().what);
  if (*length == Duration::zero()) return failure("\"{}\" takes no time", printable(text));
  if (*length > kLongest) return failure("\"{}\" takes more than a day", printable(text));
  stage.length = *length;
  return stage;
}

}  // namespace

std::optional<std::uint64_t> LoadStage::requests() const {
  if (per_second == 0) return std::nullopt;
  const auto whole = std::chrono::duration_cast<seconds>(length);
  const auto rest = static_cast<std::uint64_t>((length - whole).count());
  return static_cast<std::uint64_t>(whole.count()) * per_second + rest * per_second / 1'000'000'000;
}

Result<LoadProfile> LoadProfile::parse(std::string_view text) {
  LoadProfile profile;
  const auto parts = split(text, ',');
  if (parts.empty()) return failure("a profile has one stage at least (try 20/s:60s)");
  if (parts.size() > kMostStages) return failure("a profile has at most {} stages", kMostStages);
  profile.stages.reserve(parts.size());
  for (const auto part : parts) {
    auto stage = parse_stage(part);
    if (!stage) return std::unexpected{std::move(stage.error())};
    profile.stages.push_back(*stage);
  }
  if (profile.length() > kLongest) return failure("the profile takes more than a day");
  return profile;
}

LoadProfile LoadProfile::standard() { return {{{20, seconds{60}}, {100, seconds{20}}, {20, seconds{60}}}}; }

std::string LoadProfile::to_string() const {
  std::string text;
  for (const auto& stage : stages) {
    if (!text.empty()) text += ',';
    text += stage.per_second == 0 ? "max" : fmt::format("{}/s", stage.per_second);
    text += ':' + config_duration(stage.length);
  }
  return text;
}

Duration LoadProfile::length() const {
  return std::accumulate(stages.begin(), stages.end(), Duration{},
                         [](Duration sum, const LoadStage& stage) { return sum + stage.length; });
}

std::optional<Schedule::Next> Schedule::next(Instant now) {
  while (!ended() && stage().per_second == 0 && now >= stage_begin_ + stage().length) leave_stage();
  if (ended()) return std::nullopt;
  if (stage().per_second == 0) return Next{std::max(now, stage_begin_), false};
  const auto whole = seconds{nth_ / stage().per_second};
  const auto step = milliseconds{nth_ % stage().per_second * 1000 / stage().per_second};
  return Next{stage_begin_ + whole + step, true};
}

void Schedule::advance() {
  if (ended() || stage().per_second == 0) return;
  if (++nth_ == stage().requests()) leave_stage();
}

std::uint64_t Schedule::left() const {
  std::uint64_t left = 0;
  for (auto i = stage_; i < profile_.stages.size(); ++i) left += profile_.stages[i].requests().value_or(0);
  return left - nth_;
}

void Schedule::leave_stage() {
  stage_begin_ += stage().length;
  ++stage_;
  nth_ = 0;
  skip_empty();
}

// A stage that is too short for its rate has no request.
void Schedule::skip_empty() {
  while (!ended() && stage().requests() == 0) {
    stage_begin_ += stage().length;
    ++stage_;
  }
}

}  // namespace tidegate::demo
