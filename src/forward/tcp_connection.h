// One TCP connection through tidegate: a client's socket, a target's, and a stream of bytes each way.
//
//   heading ─▶ waiting ─▶ connecting ─▶ open ─▶ (each way on its own: FIN passed on) ─▶ gone
//
//   heading     a PROXY header is awaited, where the client's address must send one
//   waiting     the forward's service is not ready: nothing is read
//   connecting  towards one target after the other, with pauses where a service may still be opening its port
//   open        bytes move
#pragma once

#include <boost/intrusive/list.hpp>
#include <cstdint>
#include <memory>
#include <vector>

#include "forward/farewell.h"
#include "forward/worker.h"

namespace tidegate {

class TcpConnection;

// What a connection needs of the forward it belongs to.
class TcpOwner {
 public:
  virtual void wants_service(TcpConnection& connection) = 0;  // it begins to wait
  virtual void stops_waiting(TcpConnection& connection) = 0;
  virtual void parked(TcpConnection& connection) = 0;  // it waits for a quota
  virtual void gone(TcpConnection& connection) = 0;    // it is to be disposed of

 protected:
  ~TcpOwner() = default;
};

struct AllTag;
struct WaitingTag;
struct ParkedTag;
template <class Tag>
using TcpHook = boost::intrusive::list_base_hook<boost::intrusive::tag<Tag>,
                                                 boost::intrusive::link_mode<boost::intrusive::auto_unlink>>;

class TcpConnection final : public Disposable,
                            public TcpHook<AllTag>,
                            public TcpHook<WaitingTag>,
                            public TcpHook<ParkedTag>,
                            private Timer {
 public:
  // `plan` is owned by the connections made under it and by their TcpForward. A client that was accepted at `local`
  // (its nth port) and let in. `client` is released when the connection goes.
  TcpConnection(WorkerContext& context, TcpOwner& owner, std::shared_ptr<DataPlan> plan, Fd socket,
                const Endpoint& peer, const Endpoint& local, std::uint16_t nth, ForwardClient& client);
  ~TcpConnection() override;

  void begin();

  [[nodiscard]] const DataPlan& plan() const { return *plan_; }
  [[nodiscard]] const Endpoint& peer() const { return peer_; }
  [[nodiscard]] const Endpoint& local() const { return local_; }

  void service_ready();  // while it waits
  void turn_away();      // while it waits: the configured answer
  void go_on();          // a quota has room again
  void cut();            // a quota is reached: what was read is delivered, and then it ends
  void end() { go(); }   // at once

 private:
  enum class State : std::uint8_t { heading, waiting, connecting, open, gone };

  // One socket and what the kernel last said of it.
  class Side final : public Watched {
   public:
    explicit Side(TcpConnection& connection) : connection_{connection} {}
    void on_events(std::uint32_t events) override { connection_.on_events(*this, events); }

    Fd fd;
    bool readable = false;
    bool writable = false;
    bool hung_up = false;  // the peer has ended its side: a short read is not the last

   private:
    TcpConnection& connection_;
  };

  struct Splice {
    Pipe pipe;
    std::size_t bytes = 0;  // in it
  };

  // Bytes one way.
  struct Stream {
    std::unique_ptr<std::vector<std::byte>> backlog;  // read, and not yet taken by the peer
    std::unique_ptr<Splice> splice;
    Instant again;  // parked by a rate until then
    std::uint32_t sent_of_backlog = 0;
    std::uint8_t size = 0;  // of a read: kLeastRead << 2 * size
    std::uint8_t full = 0;  // full reads of the largest size in a row
    bool bulk = false;      // there were enough of these
    bool parked = false;    // by a rate or a quota
    bool ended = false;     // FIN was read
    bool shut = false;      // and passed on
  };

  void on_time() override;
  void on_events(Side& side, std::uint32_t events);
  [[nodiscard]] Result<> watch(Side& side);

  void read_header();
  void enter();
  void wait_for_service();
  void connect();
  void connect_later();
  void try_target();
  void connected();
  void no_target();
  [[nodiscard]] bool send_header();

  void pump_both();
  void pump(Flow flow);
  [[nodiscard]] bool flush(Flow flow);
  [[nodiscard]] bool move(Flow flow, std::size_t& moved);
  [[nodiscard]] bool read_nothing(Flow flow, ssize_t got, std::uint64_t reserved);
  [[nodiscard]] bool copy(Flow flow, std::uint64_t bytes, std::size_t& moved);
  [[nodiscard]] bool splice(Flow flow, std::uint64_t bytes, std::size_t& moved);
  void adapt(Stream& stream, std::size_t got, std::size_t want);
  void set_bulk(Stream& stream, bool bulk);
  void end_splice(Stream& stream);
  void park(Flow flow, const Grant& grant);
  void pass_end(Flow flow);
  void broken(const Side& side);
  [[nodiscard]] bool busy(const Stream& stream) const;

  void rearm();
  void set_keepalive();
  void leave(Farewells::Ending client, Farewells::Ending target);
  void go();

  Stream& stream(Flow flow) { return flow == Flow::up ? up_ : down_; }
  Side& from(Flow flow) { return flow == Flow::up ? client_side_ : target_side_; }
  Side& to(Flow flow) { return flow == Flow::up ? target_side_ : client_side_; }
  [[nodiscard]] const ForwardSettings& settings() const { return plan_->forward->settings; }

  WorkerContext& context_;
  TcpOwner& owner_;
  std::shared_ptr<DataPlan> plan_;
  ForwardClient* client_;
  std::unique_ptr<RateLimit> rate_;  // of each_connection, where there is one
  Side client_side_{*this};
  Side target_side_{*this};
  Stream up_;
  Stream down_;
  Instant last_;             // of a byte either way
  Instant deadline_;         // for reaching a target; when open: keepalive is set then
  std::uint64_t tried_ = 0;  // targets, a bit each
  Endpoint peer_;
  Endpoint local_;
  std::uint32_t target_ = 0;
  std::uint16_t nth_;
  std::uint16_t rounds_ = 0;  // of trying every target
  State state_ = State::heading;
  bool has_target_ = false;
  bool cut_ = false;
  bool breaking_ = false;
  bool keepalive_ = false;
};

}  // namespace tidegate
