#include "forward/resolver.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>

#include "forward/socket.h"
#include "tests/support/temporary_directory.h"

namespace tidegate {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

struct Told {
  std::string target;
  bool up;
  std::string reason;
};

class TargetWatchTest : public testing::Test {
 protected:
  static std::shared_ptr<ForwardRuntime> forward_to(const std::vector<std::string>& targets,
                                                    std::optional<HealthCheck> check = {}, std::string service = {}) {
    ForwardSettings settings{.name = "web"};
    for (const auto& text : targets) settings.targets.push_back(*Target::parse(text));
    settings.check = check;
    settings.service = std::move(service);
    return std::make_shared<ForwardRuntime>(settings, std::make_shared<ForwardLife>(), std::vector<ForwardCounters*>{},
                                            std::vector<std::shared_ptr<QuotaShare>>{});
  }

  std::unique_ptr<TargetWatch> watch(const std::shared_ptr<ForwardRuntime>& forward, LookupTimes times = {}) {
    return std::make_unique<TargetWatch>(
        context_.get_executor(), forward,
        [this](const std::string& target, bool up, const std::string& reason) {
          told_.push_back({target, up, reason});
        },
        [this](const Endpoint& from) { spoke_.push_back(from); }, times);
  }

  template <class Condition>
  void until(Condition condition) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds{20};
    while (!condition()) {
      ASSERT_LT(std::chrono::steady_clock::now(), deadline) << "the deadline of the test has passed";
      context_.restart();
      context_.run_one_for(milliseconds{2});
    }
  }

  void close(TargetWatch& watch) {
    bool closed = false;
    boost::asio::co_spawn(context_, watch.close(), [&](const std::exception_ptr& thrown) {
      EXPECT_FALSE(thrown);
      closed = true;
    });
    until([&] { return closed; });
  }

  boost::asio::io_context context_{1};
  std::vector<Told> told_;
  std::vector<Endpoint> spoke_;
};

const auto kLoopback = *IpAddress::parse("127.0.0.1");
const auto kElsewhere = *IpAddress::parse("192.0.2.1");

constexpr HealthCheck kQuick{.every = milliseconds{2}, .timeout = std::chrono::seconds{5}, .fall = 3, .rise = 2};
constexpr LookupTimes kOnlyWhenAsked{.every = hours{1}, .look = milliseconds{1}, .apart = milliseconds{2}};

// A socket that is bound to a port of 127.0.0.1, and does not listen yet.
struct BoundPort {
  BoundPort() : fd{::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)} {
    const SocketAddress address{Endpoint{kLoopback, 0}};
    EXPECT_EQ(::bind(fd.get(), address.get(), address.size()), 0);
    local = local_endpoint(fd.get());
  }
  [[nodiscard]] bool accepts() const {
    return static_cast<bool>(Fd{::accept4(fd.get(), nullptr, nullptr, SOCK_CLOEXEC)});
  }
  Fd fd;
  Endpoint local;
};

TEST_F(TargetWatchTest, looks_names_up_at_once) {
  const auto forward = forward_to({"192.0.2.1:80", "localhost:80"});
  EXPECT_THAT(forward->targets.addresses(1), IsEmpty());
  const auto watching = watch(forward);
  until([&] { return !forward->targets.addresses(1).empty(); });
  EXPECT_THAT(forward->targets.addresses(1), Contains(kLoopback));
  EXPECT_THAT(forward->targets.addresses(0), ElementsAre(kElsewhere));
  EXPECT_TRUE(told_.empty());
  close(*watching);
}

TEST_F(TargetWatchTest, looks_names_up_again_from_time_to_time) {
  const auto forward = forward_to({"localhost:80"});
  const auto watching = watch(forward, {.every = milliseconds{4}, .look = milliseconds{1}, .apart = milliseconds{2}});
  for (int i = 0; i < 3; ++i) {
    forward->targets.set_addresses(0, {kElsewhere});
    until([&] { return forward->targets.addresses(0).front() != kElsewhere; });
  }
  close(*watching);
}

TEST_F(TargetWatchTest, looks_names_up_again_when_one_of_them_failed) {
  const auto forward = forward_to({"localhost:80"});
  const auto watching = watch(forward, kOnlyWhenAsked);
  until([&] { return !forward->targets.addresses(0).empty(); });
  for (int i = 0; i < 3; ++i) {
    forward->targets.set_addresses(0, {kElsewhere});
    forward->targets.failed(0, std::chrono::steady_clock::now());
    until([&] { return forward->targets.addresses(0).front() != kElsewhere; });
  }
  EXPECT_THAT(forward->targets.addresses(0), Contains(kLoopback));
  close(*watching);
}

TEST_F(TargetWatchTest, reports_a_name_without_an_address_once_and_goes_on_asking) {
  const std::string impossible = std::string(64, 'x');  // a label has at most 63
  const auto forward = forward_to({impossible + ":80"});
  const auto watching = watch(forward, kOnlyWhenAsked);
  until([&] { return !told_.empty(); });
  ASSERT_EQ(told_.size(), 1U);
  EXPECT_EQ(told_[0].target, impossible + ":80");
  EXPECT_FALSE(told_[0].up);
  EXPECT_THAT(told_[0].reason, HasSubstr("look up " + impossible));
  close(*watching);
}

TEST_F(TargetWatchTest, finds_a_target_down_and_up_again_by_its_checks) {
  const BoundPort port;
  const auto text = port.local.to_string();
  const auto forward = forward_to({text}, kQuick);
  const auto watching = watch(forward);
  until([&] { return !told_.empty(); });
  EXPECT_EQ(told_[0].target, text);
  EXPECT_FALSE(told_[0].up);
  EXPECT_EQ(told_[0].reason, "connect " + text + ": Connection refused");
  EXPECT_TRUE(forward->targets.all()[0]->checked_down);

  forward->targets.failed(0, std::chrono::steady_clock::now() + hours{1});
  ASSERT_EQ(::listen(port.fd.get(), 64), 0);
  until([&] { return told_.size() > 1; });
  EXPECT_TRUE(told_[1].up);
  EXPECT_TRUE(forward->targets.is_up(0, std::chrono::steady_clock::now()));  // the clients' mark is gone as well
  close(*watching);
}

TEST_F(TargetWatchTest, checks_unix_sockets_and_names_too) {
  const test::TemporaryDirectory directory;
  const auto path = directory.file("x.sock");
  const BoundPort port;
  const auto forward = forward_to({"unix:" + path, fmt::format("localhost:{}", port.local.port)}, kQuick);
  const auto watching = watch(forward);
  until([&] { return told_.size() == 2; });
  EXPECT_TRUE(forward->targets.all()[0]->checked_down);
  EXPECT_TRUE(forward->targets.all()[1]->checked_down);
  const auto listener = listen_unix(path);
  ASSERT_TRUE(listener);
  ASSERT_EQ(::listen(port.fd.get(), 64), 0);
  until([&] { return told_.size() == 4; });
  EXPECT_FALSE(forward->targets.all()[0]->checked_down);
  EXPECT_FALSE(forward->targets.all()[1]->checked_down);
  close(*watching);
}

TEST_F(TargetWatchTest, says_where_a_check_speaks_from_before_it_connects) {
  using boost::asio::ip::tcp;
  tcp::acceptor server{context_, {boost::asio::ip::address_v4::loopback(), 0}};
  const auto forward = forward_to({fmt::format("127.0.0.1:{}", server.local_endpoint().port())}, kQuick);
  const auto watching = watch(forward);
  std::optional<std::uint16_t> port;
  tcp::socket client{context_};
  server.async_accept(client, [&](const boost::system::error_code& error) {
    ASSERT_FALSE(error) << error.message();
    port = client.remote_endpoint().port();
    EXPECT_THAT(spoke_, testing::Contains(Endpoint{kLoopback, *port}));
  });
  until([&] { return port.has_value(); });
  close(*watching);
}

TEST_F(TargetWatchTest, finds_a_target_down_that_does_not_answer_in_time) {
  const BoundPort port;
  ASSERT_EQ(::listen(port.fd.get(), 0), 0);
  std::vector<Fd> full;  // of the queue, so that what comes now is not answered
  for (int i = 0; i < 4; ++i) {
    full.emplace_back(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    const SocketAddress address{port.local};
    EXPECT_EQ(::connect(full.back().get(), address.get(), address.size()), -1);
  }
  const auto forward = forward_to({port.local.to_string()},
                                  HealthCheck{.every = milliseconds{2}, .timeout = milliseconds{20}, .fall = 1});
  const auto watching = watch(forward);
  until([&] { return !told_.empty(); });
  EXPECT_FALSE(told_[0].up);
  EXPECT_THAT(told_[0].reason, HasSubstr("no answer within"));
  close(*watching);
}

TEST_F(TargetWatchTest, leaves_targets_alone_while_the_service_is_not_ready) {
  const BoundPort asleep;
  ASSERT_EQ(::listen(asleep.fd.get(), 64), 0);
  const BoundPort other;
  const auto sleeping = forward_to({asleep.local.to_string()}, kQuick, "game");
  ASSERT_TRUE(sleeping->holds());
  const auto one = watch(sleeping);
  const auto two = watch(forward_to({other.local.to_string()}, kQuick));
  until([&] { return !told_.empty(); });  // of the other one, after three checks
  EXPECT_FALSE(asleep.accepts());

  sleeping->phase = ServicePhase::ready;
  until([&] { return asleep.accepts(); });
  close(*one);
  close(*two);
}

TEST_F(TargetWatchTest, forgets_what_it_found_when_the_service_goes_to_sleep) {
  const BoundPort port;
  const auto forward = forward_to({port.local.to_string()}, kQuick, "game");
  forward->phase = ServicePhase::ready;
  const auto watching = watch(forward);
  until([&] { return forward->targets.all()[0]->checked_down.load(); });
  forward->phase = ServicePhase::coming;
  until([&] { return !forward->targets.all()[0]->checked_down.load(); });
  EXPECT_EQ(told_.size(), 1U);
  close(*watching);
}

TEST_F(TargetWatchTest, ends_all_that_is_under_way_when_it_is_closed) {
  const BoundPort port;
  const auto forward = forward_to({port.local.to_string(), "localhost:80", "127.0.0.1:9"}, kQuick);
  const auto watching = watch(forward);
  EXPECT_GT(forward.use_count(), 1);
  until([&] { return !told_.empty(); });
  close(*watching);
  const auto told = told_.size();
  context_.restart();
  context_.poll();
  EXPECT_EQ(told_.size(), told);
}

TEST_F(TargetWatchTest, can_be_closed_before_it_has_begun) {
  const auto forward = forward_to({"localhost:80", "127.0.0.1:9"}, kQuick);
  const auto watching = watch(forward);
  close(*watching);
  EXPECT_THAT(forward->targets.addresses(0), IsEmpty());
}

TEST_F(TargetWatchTest, says_and_changes_nothing_any_more_once_it_is_gone) {
  const BoundPort port;
  const auto forward = forward_to({port.local.to_string(), "localhost:80"}, kQuick);
  auto watching = watch(forward, kOnlyWhenAsked);
  until([&] { return !told_.empty(); });
  watching.reset();
  forward->targets.set_addresses(1, {kElsewhere});
  forward->targets.failed(1, std::chrono::steady_clock::now());
  const auto told = told_.size();
  until([&] { return forward.use_count() == 1; });
  EXPECT_EQ(told_.size(), told);
  EXPECT_THAT(forward->targets.addresses(1), ElementsAre(kElsewhere));
}

TEST(CheckRecord, changes_after_so_many_in_a_row) {
  const HealthCheck check{.fall = 3, .rise = 2};
  CheckRecord record;
  std::string changes;
  for (const char outcome : std::string_view{"++--+---+-++--"}) {
    const auto changed = record.take(outcome == '+', check);
    changes += !changed ? '.' : *changed ? 'U' : 'D';
  }
  EXPECT_EQ(changes, ".......D...U..");
}

}  // namespace
}  // namespace tidegate
