// Server and client of the control socket, on a real UNIX socket.
#include "api/control.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <boost/asio.hpp>
#include <boost/json.hpp>
#include <fstream>
#include <thread>

#include "tests/support/temporary_directory.h"

namespace tidegate {
namespace {

namespace asio = boost::asio;
namespace json = boost::json;

// A server on a thread of its own, for as long as the object lives.
class Running {
 public:
  explicit Running(const std::string& path, ControlServer::Handler handler) {
    server_ = ControlServer::open(io_.get_executor(), path, std::move(handler)).value();
    thread_ = std::thread{[this] { io_.run_for(std::chrono::seconds{30}); }};
  }
  ~Running() {
    asio::co_spawn(io_, server_->close(), asio::detached);
    thread_.join();
  }
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;

 private:
  asio::io_context io_;
  std::unique_ptr<ControlServer> server_;
  std::thread thread_;
};

asio::awaitable<void> echo(json::object request, ControlReply& reply) {
  if (request.contains("throw")) throw std::runtime_error{"there is no service \"x\""};
  for (std::int64_t i = 0; i < request.at("times").as_int64(); ++i) co_await reply.send({{"ok", true}, {"result", i}});
}

TEST(Control, gives_each_answer_until_the_server_is_done) {
  const test::TemporaryDirectory folder;
  const auto path = folder.file("deeper/control.sock");
  const Running server{path, echo};
  std::vector<std::int64_t> answers;
  const auto asked = ask_control(path, {{"times", 3}}, [&](const json::value& answer) {
    answers.push_back(answer.as_int64());
    return true;
  });
  EXPECT_TRUE(asked) << asked.error().what;
  EXPECT_EQ(answers, (std::vector<std::int64_t>{0, 1, 2}));
}

TEST(Control, gives_the_server_s_own_words_when_it_refuses) {
  const test::TemporaryDirectory folder;
  const auto path = folder.file("control.sock");
  const Running server{path, echo};
  const auto asked = ask_control(path, {{"throw", true}}, [](const json::value&) { return true; });
  ASSERT_FALSE(asked);
  EXPECT_EQ(asked.error().what, "there is no service \"x\"");
}

TEST(Control, answers_nonsense_with_an_error_and_goes_on) {
  const test::TemporaryDirectory folder;
  const auto path = folder.file("control.sock");
  const Running server{path, echo};
  for (const std::string nonsense : {"\n", "[]\n", "{\"times\":\n", "\xff\xfe\n"}) {
    asio::io_context io;
    asio::local::stream_protocol::socket socket{io};
    socket.connect(asio::local::stream_protocol::endpoint{path});
    asio::write(socket, asio::buffer(nonsense));
    std::string answer;
    boost::system::error_code end;
    asio::read(socket, asio::dynamic_buffer(answer), end);
    EXPECT_EQ(answer.substr(0, 11), "{\"ok\":false") << nonsense;
  }
  EXPECT_TRUE(ask_control(path, {{"times", 1}}, [](const json::value&) { return true; }));
}

TEST(Control, is_for_its_owner_alone) {
  const test::TemporaryDirectory folder;
  const auto path = folder.file("control.sock");
  const Running server{path, echo};
  struct stat status{};
  ASSERT_EQ(::stat(path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0600U);
}

TEST(Control, is_not_taken_from_another_that_lives_but_from_a_dead_one) {
  const test::TemporaryDirectory folder;
  const auto path = folder.file("control.sock");
  asio::io_context io;
  {
    const Running server{path, echo};
    const auto second = ControlServer::open(io.get_executor(), path, echo);
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().what, "control " + path + ": another tidegate listens there");
  }
  {
    asio::local::stream_protocol::acceptor dead{io, path};
  }  // leaves its file behind
  EXPECT_TRUE(ControlServer::open(io.get_executor(), path, echo));
}

TEST(Control, leaves_a_file_that_is_no_socket_alone) {
  const test::TemporaryDirectory folder;
  const auto path = folder.file("precious");
  std::ofstream{path} << "data";
  asio::io_context io;
  EXPECT_FALSE(ControlServer::open(io.get_executor(), path, echo));
  EXPECT_EQ(test::file_bytes(path).size(), 4U);
}

TEST(Control, says_what_to_do_when_nobody_listens) {
  const auto asked = ask_control("/nowhere/control.sock", {}, [](const json::value&) { return true; });
  ASSERT_FALSE(asked);
  EXPECT_NE(asked.error().what.find("no tidegate listens at /nowhere/control.sock"), std::string::npos);
}

}  // namespace
}  // namespace tidegate
