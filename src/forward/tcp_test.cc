#include <sys/resource.h>

#include <array>

#include "forward/engine_for_tests.h"
#include "forward/proxy_protocol.h"
#include "tests/support/temporary_directory.h"

namespace tidegate {
namespace {

using namespace for_tests;

class Tcp : public EngineTest {};

TEST_F(Tcp, carries_bytes_both_ways_and_counts_each_that_was_delivered) {
  const Server server{echo};
  const auto settings = forward_to(server.port());
  ASSERT_TRUE(serve({settings}));
  const Fd client = connect_to(settings.listen.first);
  ASSERT_TRUE(client);
  const auto bytes = pattern(8 << 20);
  std::thread sender{[&] { EXPECT_TRUE(send_all(client.get(), bytes)); }};
  const auto back = receive(client.get(), bytes.size());
  sender.join();
  EXPECT_TRUE(back == bytes);
  EXPECT_EQ(counted().upload, bytes.size());
  EXPECT_TRUE(eventually([&] { return counted().download == bytes.size(); })) << "as soon as the call has returned";
  EXPECT_EQ(counted().connections, 1U);
  EXPECT_EQ(open(), 1);
}

TEST_F(Tcp, counts_a_download_while_it_runs) {
  const auto bytes = pattern(1 << 20);
  std::promise<void> go_on;
  const Server server{[&](const Fd& fd) {
    send_all(fd.get(), bytes);
    go_on.get_future().wait();
  }};
  const auto settings = forward_to(server.port());
  ASSERT_TRUE(serve({settings}));
  const Fd client = connect_to(settings.listen.first);
  EXPECT_TRUE(receive(client.get(), bytes.size()) == bytes);
  EXPECT_TRUE(eventually([&] { return counted().download == bytes.size(); }));
  go_on.set_value();
}

TEST_F(Tcp, passes_half_close_each_way_on_its_own) {
  const auto answer = pattern(3 << 20);
  const Server server{[&](const Fd& fd) {
    EXPECT_EQ(receive(fd.get()), "a question");  // until its end
    EXPECT_TRUE(send_all(fd.get(), answer));
  }};
  const auto settings = forward_to(server.port());
  ASSERT_TRUE(serve({settings}));
  const Fd client = connect_to(settings.listen.first);
  ASSERT_TRUE(send_all(client.get(), "a question"));
  ::shutdown(client.get(), SHUT_WR);
  EXPECT_TRUE(receive(client.get()) == answer);
  EXPECT_TRUE(eventually([&] { return open() == 0; }));
}

TEST_F(Tcp, delivers_what_came_before_the_end_to_a_peer_that_reads_late) {
  const auto bytes = pattern(16 << 20);
  std::atomic<bool> sent = false;
  const Server server{[&](const Fd& fd) {
    EXPECT_TRUE(send_all(fd.get(), bytes));
    sent = true;
  }};
  auto settings = forward_to(server.port());
  ASSERT_TRUE(serve({settings}));
  const Fd client = connect_to(settings.listen.first);
  ASSERT_TRUE(eventually([&] { return counted().download > 0; }));
  EXPECT_TRUE(receive(client.get()) == bytes);
  EXPECT_TRUE(sent);
  EXPECT_EQ(counted().download, bytes.size());
}

class TcpOnOneThread : public EngineTest {
 protected:
  TcpOnOneThread() : EngineTest{1} {}
};

// So many that they are spliced; each ends while a pipe may still hold its last bytes.
TEST_F(TcpOnOneThread, carries_many_bulk_streams_whole_to_their_ends) {
  const auto bytes = pattern(24 << 20);
  const Server server{[&](const Fd& fd) { EXPECT_TRUE(send_all(fd.get(), bytes)); }};
  const auto settings = forward_to(server.port());
  ASSERT_TRUE(serve({settings}));
  constexpr std::size_t kStreams = 6;
  std::vector<std::thread> clients;
  std::atomic<std::size_t> whole = 0;
  clients.reserve(kStreams);
  for (std::size_t i = 0; i < kStreams; ++i) {
    clients.emplace_back([&] {
      const Fd client = connect_to(settings.listen.first);
      if (receive(client.get()) == bytes) ++whole;
    });
  }
  for (auto& client : clients) client.join();
  EXPECT_EQ(whole, kStreams);
  EXPECT_EQ(counted().download, kStreams * bytes.size());
  EXPECT_TRUE(eventually([&] { return open() == 0; }));
}

TEST_F(Tcp, passes_a_reset_of_the_target_on_to_the_client) {
  const Server server{[&](Fd fd) {
    EXPECT_EQ(receive(fd.get(), 4), "ping");
    abort_socket(std::move(fd));
  }};
  const auto settings = forward_to(server.port());
  ASSERT_TRUE(serve({settings}));
  const Fd client = connect_to(settings.listen.first);
  ASSERT_TRUE(send_all(client.get(), "ping"));
  int error = 0;
  EXPECT_EQ(receive(client.get(), std::string::npos, &error), "");
  EXPECT_EQ(error, ECONNRESET);
  EXPECT_TRUE(eventually([&] { return open() == 0; }));
  EXPECT_EQ(counted().errors, 1U);
}

TEST_F(Tcp, passes_a_reset_of_the_client_on_to_the_target_behind_its_bytes) {
  std::promise<std::pair<std::string, int>> got;
  const Server server{[&](const Fd& fd) {
    int error = 0;
    auto bytes = receive(fd.get(), std::string::npos, &error);
    got.set_value({std::move(bytes), error});
  }};
  const auto settings = forward_to(server.port());
  ASSERT_TRUE(serve({settings}));
  Fd client = connect_to(settings.listen.first);
  const auto bytes = pattern(100'000);
  ASSERT_TRUE(send_all(client.get(), bytes));
  ASSERT_TRUE(eventually([&] { return counted().upload == bytes.size(); }));
  abort_socket(std::move(client));
  const auto [received, error] = got.get_future().get();
  EXPECT_TRUE(received == bytes);
  EXPECT_EQ(error, ECONNRESET);
}

TEST_F(Tcp, resets_a_client_whose_target_is_not_there_and_tries_the_next_one_first) {
  const Server server{echo};
  auto settings = forward_to(free_port());
  ASSERT_TRUE(serve({settings}));
  const Fd refused = connect_to(settings.listen.first);
  int error = 0;
  EXPECT_EQ(receive(refused.get(), 1, &error), "");
  EXPECT_EQ(error, ECONNRESET);
  EXPECT_EQ(counted().errors, 1U);

  settings.targets.push_back({.unix_path = {}, .host = "127.0.0.1", .port = server.port()});
  ASSERT_TRUE(serve({settings}));
  for (int i = 0; i < 4; ++i) {
    const Fd client = connect_to(settings.listen.first);
    ASSERT_TRUE(send_all(client.get(), "x"));
    EXPECT_EQ(receive(client.get(), 1), "x");
  }
  EXPECT_EQ(counted().errors, 1U);
}

TEST_F(Tcp, ends_64_connections_at_the_very_byte_of_a_quota) {
  const std::string chunk(1 << 20, 'x');
  const Server server{[&](const Fd& fd) {
    while (send_all(fd.get(), chunk)) {
    }
  }};
  constexpr std::uint64_t kLimit = 50'000'017;
  const auto settings = forward_to(server.port());
  ASSERT_TRUE(serve({settings}, {quota_of(kLimit)}));
  std::atomic<std::uint64_t> received = 0;
  constexpr std::size_t kClients = 64;
  std::vector<std::thread> clients;
  clients.reserve(kClients);
  for (std::size_t i = 0; i < kClients; ++i) {
    clients.emplace_back([&] {
      const Fd client = connect_to(settings.listen.first);
      received += receive(client.get()).size();
    });
  }
  for (auto& client : clients) client.join();
  EXPECT_EQ(received, kLimit);
  EXPECT_EQ(counted().download + counted().upload, kLimit);
  EXPECT_TRUE(eventually([&] { return open() == 0; }));

  const Fd late = connect_to(settings.listen.first);
  EXPECT_EQ(receive(late.get()), "");
  EXPECT_GE(counted().refused, 1U);
}

TEST_F(Tcp, says_what_a_lease_held_when_it_is_called_in) {
  const Server server{echo};
  const auto settings = forward_to(server.port());
  constexpr std::uint64_t kLimit = 10'000'000;
  const auto quota = quota_of(kLimit);
  ASSERT_TRUE(serve({settings}, {quota}));
  const Fd client = connect_to(settings.listen.first);
  ASSERT_TRUE(send_all(client.get(), pattern(100)));
  ASSERT_EQ(receive(client.get(), 100).size(), 100U);
  ASSERT_TRUE(eventually([&] { return counted().upload + counted().download == 200; }));
  EXPECT_LT(quota->left(), kLimit - 200);
  EXPECT_EQ(recall(quota).free, kLimit - 200);
  EXPECT_EQ(quota->left(), kLimit - 200);
}

TEST_F(Tcp, goes_on_after_a_quota_was_raised) {
  const Server server{echo};
  const auto settings = forward_to(server.port());
  const auto quota = quota_of(1000);
  ASSERT_TRUE(serve({settings}, {quota}));
  const Fd cut = connect_to(settings.listen.first);
  ASSERT_TRUE(send_all(cut.get(), pattern(2000)));
  const auto got = receive(cut.get());
  EXPECT_EQ(counted().upload + counted().download, 1000U);
  EXPECT_EQ(counted().download, got.size());

  on_control([&] {
    quota->up->give_back(1'000'000, quota->up->generation());
    quota->reached = false;
    engine_->quota_changed(quota);
  });
  const Fd client = connect_to(settings.listen.first);
  ASSERT_TRUE(send_all(client.get(), "again"));
  EXPECT_EQ(receive(client.get(), 5), "again");
}

TEST_F(Tcp, a_quota_that_rejects_lets_open_connections_go_on) {
  const Server server{echo};
  const auto settings = forward_to(server.port());
  ASSERT_TRUE(serve({settings}, {quota_of(1000, LimitAction::reject)}));
  const Fd client = connect_to(settings.listen.first);
  const auto bytes = pattern(5000);
  ASSERT_TRUE(send_all(client.get(), bytes));
  EXPECT_TRUE(receive(client.get(), bytes.size()) == bytes);
  const Fd late = connect_to(settings.listen.first);
  int error = 0;
  EXPECT_EQ(receive(late.get(), 1, &error), "");
  EXPECT_EQ(error, 0);  // accepted and closed
  EXPECT_EQ(counted().refused, 1U);
}

TEST_F(Tcp, holds_a_client_until_its_service_is_ready) {
  auto settings = forward_to(free_port());
  settings.service = "s";
  ASSERT_TRUE(serve({settings}));
  Fd client = connect_to(settings.listen.first);
  ASSERT_TRUE(send_all(client.get(), "early"));
  ASSERT_TRUE(eventually([&] { return waiting() == 1 && times_wanted() >= 1; }));
  // The service counts as ready a little before it listens.
  on_control([&] { engine_->set_phase("f", ServicePhase::ready); });
  ASSERT_TRUE(eventually([&] { return waiting() == 0; }));
  const Server server{echo, settings.targets[0].port};
  EXPECT_EQ(receive(client.get(), 5), "early");
  EXPECT_EQ(counted().refused, 0U);
  client.reset();  // or the server waits for more
}

TEST_F(Tcp, answers_a_client_that_cannot_be_held_as_configured) {
  auto settings = forward_to(free_port());
  settings.service = "s";
  settings.hold.duration = std::chrono::milliseconds{50};
  settings.hold.then = HoldAnswer::http_503;
  ASSERT_TRUE(serve({settings}));
  const Fd web = connect_to(settings.listen.first);
  ASSERT_TRUE(send_all(web.get(), "GET / HTTP/1.1\r\nHost: x\r\n\r\n"));
  const auto answer = receive(web.get());
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 503 ")) << answer;
  EXPECT_NE(answer.find("Retry-After: "), std::string::npos);

  settings.hold.then = HoldAnswer::reset;
  ASSERT_TRUE(serve({settings}));
  const Fd other = connect_to(settings.listen.first);
  int error = 0;
  EXPECT_EQ(receive(other.get(), 1, &error), "");
  EXPECT_EQ(error, ECONNRESET);
}

TEST_F(Tcp, holds_no_more_clients_than_it_may) {
  auto settings = forward_to(free_port());
  settings.service = "s";
  settings.hold.clients = 3;
  ASSERT_TRUE(serve({settings}));
  const std::array held{connect_to(settings.listen.first), connect_to(settings.listen.first),
                        connect_to(settings.listen.first)};
  ASSERT_TRUE(eventually([&] { return waiting() == 3; }));
  const Fd fourth = connect_to(settings.listen.first);
  EXPECT_EQ(receive(fourth.get()), "");
  EXPECT_EQ(counted().refused, 1U);
  EXPECT_EQ(waiting(), 3);
}

TEST_F(Tcp, sends_and_takes_the_proxy_header) {
  std::promise<std::string> got;
  const Server server{[&](const Fd& fd) { got.set_value(receive(fd.get())); }};
  auto settings = forward_to(server.port());
  settings.proxy_protocol.send = ProxyHeader::v2;
  settings.proxy_protocol.accept_from = {*Cidr::parse("127.0.0.0/8")};
  ASSERT_TRUE(serve({settings}));
  const Endpoint source{*IpAddress::parse("192.0.2.7"), 4000};
  const Endpoint destination{*IpAddress::parse("192.0.2.1"), 80};
  {
    const Fd client = connect_to(settings.listen.first);
    ASSERT_TRUE(send_all(client.get(), format_proxy_header(ProxyHeader::v1, source, destination) + "hello"));
  }
  EXPECT_EQ(got.get_future().get(), format_proxy_header(ProxyHeader::v2, source, destination) + "hello");
  EXPECT_EQ(counted().upload, 5U);

  const Fd liar = connect_to(settings.listen.first);
  ASSERT_TRUE(send_all(liar.get(), "GET / HTTP/1.1\r\n\r\n"));
  EXPECT_EQ(receive(liar.get()), "");
  EXPECT_EQ(counted().refused, 1U);
}

TEST_F(Tcp, leads_from_and_to_unix_sockets) {
  const test::TemporaryDirectory directory;
  const auto target = directory.file("target");
  const auto listen = directory.file("listen");
  const Server server{echo, 0, target};
  ForwardSettings settings;
  settings.name = "f";
  settings.listen.unix_path = listen;
  settings.targets = {Target{.unix_path = target, .host = {}}};
  ASSERT_TRUE(serve({settings}));
  const Fd client = connect_to(SocketAddress::unix_path(listen));
  ASSERT_TRUE(client);
  const auto bytes = pattern(2 << 20);
  std::thread sender{[&] { EXPECT_TRUE(send_all(client.get(), bytes)); }};
  EXPECT_TRUE(receive(client.get(), bytes.size()) == bytes);
  sender.join();
  EXPECT_TRUE(eventually([&] { return counted().download == bytes.size(); }));
}

TEST_F(Tcp, keeps_parallel_connections_of_a_client_within_its_rate) {
  const std::string chunk(65'536, 'x');
  const Server server{[&](const Fd& fd) {
    while (send_all(fd.get(), chunk)) {
    }
  }};
  auto settings = forward_to(server.port());
  settings.rate.each_client = 2'000'000;
  ASSERT_TRUE(serve({settings}));
  const auto begin = std::chrono::steady_clock::now();
  const std::array clients{connect_to(settings.listen.first), connect_to(settings.listen.first),
                           connect_to(settings.listen.first), connect_to(settings.listen.first)};
  std::vector<std::thread> readers;
  readers.reserve(clients.size());
  std::atomic<std::uint64_t> received = 0;
  for (const auto& client : clients) {
    readers.emplace_back([&] { received += receive(client.get(), 400'000).size(); });
  }
  for (auto& reader : readers) reader.join();
  const auto seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  EXPECT_EQ(received, 1'600'000U);
  EXPECT_GE(seconds, (1'600'000.0 - 200'000.0) / 2'000'000.0 - 0.01);  // less the first burst
}

TEST_F(Tcp, turns_away_who_is_denied_or_has_too_many_open) {
  const Server server{echo};
  auto settings = forward_to(server.port());
  settings.connections.each_client = 2;
  ASSERT_TRUE(serve({settings}));
  std::vector<Fd> clients;
  for (int i = 0; i < 2; ++i) {
    clients.push_back(connect_to(settings.listen.first));
    ASSERT_TRUE(send_all(clients.back().get(), "x"));
    ASSERT_EQ(receive(clients.back().get(), 1), "x");
  }
  const Fd third = connect_to(settings.listen.first);
  EXPECT_EQ(receive(third.get(), 1), "");
  clients.pop_back();
  ASSERT_TRUE(eventually([&] { return open() == 1; }));
  const Fd again = connect_to(settings.listen.first);
  ASSERT_TRUE(send_all(again.get(), "y"));
  EXPECT_EQ(receive(again.get(), 1), "y");

  settings.deny = {*Cidr::parse("127.0.0.1")};
  ASSERT_TRUE(serve({settings}));
  const Fd denied = connect_to(settings.listen.first);
  EXPECT_EQ(receive(denied.get(), 1), "");
  ASSERT_TRUE(send_all(again.get(), "z"));
  EXPECT_EQ(receive(again.get(), 1), "z") << "an open connection goes on under the old settings";
}

TEST_F(Tcp, serves_a_range_of_ports_each_leading_to_its_own) {
  const Server server{echo};
  auto settings = forward_to(server.port());
  settings.targets[0].port = server.port();
  bool served = false;
  for (int attempt = 0; attempt < 50 && !served; ++attempt) {  // somebody may have one of 200 ports in a row
    settings.listen.first = static_cast<std::uint16_t>(std::min<unsigned>(free_port(), 65'000U));
    settings.listen.last = static_cast<std::uint16_t>(settings.listen.first + 199);
    served = serve({settings}).has_value();
  }
  if (!served) GTEST_SKIP() << "no 200 ports in a row are free";
  for (const int nth : {0, 77, 199}) {
    const Fd client = connect_to(static_cast<std::uint16_t>(settings.listen.first + nth));
    ASSERT_TRUE(send_all(client.get(), "x"));
    EXPECT_EQ(receive(client.get(), 1), "x");
  }
}

TEST_F(Tcp, a_listener_that_cannot_be_opened_leaves_everything_as_it_was) {
  const Server server{echo};
  const auto settings = forward_to(server.port());
  ASSERT_TRUE(serve({settings}));
  const Fd client = connect_to(settings.listen.first);
  auto taken = forward_to(server.port(), "taken");
  taken.listen.first = taken.listen.last = server.port();
  auto moved = settings;
  moved.listen.first = moved.listen.last = free_port();
  const auto served = serve({moved, taken});
  ASSERT_FALSE(served);
  EXPECT_NE(served.error().what.find("Address already in use"), std::string::npos) << served.error().what;
  ASSERT_TRUE(send_all(client.get(), "x"));
  EXPECT_EQ(receive(client.get(), 1), "x");
  EXPECT_TRUE(connect_to(settings.listen.first));
  EXPECT_FALSE(connect_to(moved.listen.first));
}

TEST_F(Tcp, a_forward_that_is_left_out_ends_with_its_connections) {
  const Server server{echo};
  const auto settings = forward_to(server.port());
  ASSERT_TRUE(serve({settings}));
  const Fd client = connect_to(settings.listen.first);
  ASSERT_TRUE(send_all(client.get(), "x"));
  ASSERT_EQ(receive(client.get(), 1), "x");
  ASSERT_TRUE(serve({}));
  EXPECT_EQ(receive(client.get(), 1), "");
  EXPECT_TRUE(eventually([&] { return !connect_to(settings.listen.first); }));
}

TEST_F(Tcp, pauses_accepting_without_descriptors_and_goes_on_when_there_are_some) {
  const Server server{echo};
  const auto settings = forward_to(server.port());
  ASSERT_TRUE(serve({settings}));
  const Fd client{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  set_deadline(client.get());
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  const rlimit none{.rlim_cur = 0, .rlim_max = before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  const SocketAddress address{loopback(settings.listen.first)};
  ASSERT_EQ(::connect(client.get(), address.get(), address.size()), 0);
  EXPECT_TRUE(eventually([&] { return !troubles().empty(); }));
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  ASSERT_TRUE(send_all(client.get(), "x"));
  EXPECT_EQ(receive(client.get(), 1), "x");
  ASSERT_FALSE(troubles().empty());
  EXPECT_NE(troubles()[0].find("Too many open files"), std::string::npos) << troubles()[0];
}

TEST_F(Tcp, ends_a_connection_that_is_silent_for_too_long) {
  const Server server{echo};
  auto settings = forward_to(server.port());
  settings.timeouts.idle = std::chrono::milliseconds{100};
  ASSERT_TRUE(serve({settings}));
  const Fd client = connect_to(settings.listen.first);
  ASSERT_TRUE(send_all(client.get(), "x"));
  EXPECT_EQ(receive(client.get()), "x");
}

TEST_F(Tcp, does_not_wait_for_ever_for_the_other_half) {
  std::promise<void> end;
  const Server server{[&](const Fd& fd) {
    EXPECT_EQ(receive(fd.get()), "");  // the client's half has ended, and this one stays silent
    end.get_future().wait();
  }};
  auto settings = forward_to(server.port());
  settings.timeouts.half_close = std::chrono::milliseconds{100};
  ASSERT_TRUE(serve({settings}));
  const Fd client = connect_to(settings.listen.first);
  ::shutdown(client.get(), SHUT_WR);
  EXPECT_EQ(receive(client.get()), "");
  EXPECT_TRUE(eventually([&] { return open() == 0; }));
  end.set_value();
}

}  // namespace
}  // namespace tidegate
