// The sessions of one forward on one data thread: found by client and address, bounded in number, ended after silence.
// Who leaves when there is no room is who has shown least (see UdpStanding), and among those the one idle for longest;
// so a flood from made-up addresses pushes out its own.
#pragma once

#include <cstdint>
#include <memory>
#include <unordered_map>
#include <vector>

#include "forward/udp_session.h"

namespace tidegate {

class UdpSessions {
 public:
  UdpSessions(WorkerContext& context, std::shared_ptr<ForwardRuntime> forward);
  UdpSessions(const UdpSessions&) = delete;
  UdpSessions& operator=(const UdpSessions&) = delete;
  ~UdpSessions();  // ends all

  // The settings of new sessions; those there are keep theirs.
  void replace(std::shared_ptr<ForwardRuntime> forward);
  [[nodiscard]] UdpPlan& plan() { return *plans_.back(); }

  // Null: there is none.
  [[nodiscard]] UdpSession* find(const UdpKey& key);

  // A new one, not connected yet, if the client may have it: others may leave for it. Null: it was turned away, which
  // has been counted.
  [[nodiscard]] UdpSession* open(const UdpKey& key, std::uint32_t interface);

  // Connects it to a target; another one leaves where a socket is short. Not reached: that has been told, and counted
  // unless the session waits and can be connected later.
  [[nodiscard]] bool connect(UdpSession& session);

  void end(UdpSession& session);

  // Ends those that have been silent for too long, and tells when to come again; none: there are no sessions.
  [[nodiscard]] std::optional<Instant> expire();

  // Every session; `visit` may end the one it is given.
  template <class Visit>
  void for_each(Visit visit) {
    for (const auto& plan : plans_) {
      for (auto& list : plan->sessions) {
        for (auto next = list.begin(); next != list.end();) visit(*next++);
      }
    }
  }
  // Those that wait for the service; `visit` may end any session.
  template <class Visit>
  void for_each_waiting(Visit visit) {
    std::vector<UdpSession*> waiting;  // good until the end of this turn, ended or not
    for (const auto& plan : plans_) {
      for (auto& session : plan->sessions[static_cast<std::size_t>(UdpStanding::waiting)]) waiting.push_back(&session);
    }
    for (auto* const session : waiting) {
      if (!session->closed() && session->waits()) visit(*session);
    }
  }
  [[nodiscard]] UdpSession* any_waiting();

 private:
  struct KeyHash {
    std::size_t operator()(const UdpKey& key) const noexcept;
  };

  [[nodiscard]] ForwardClient* acquire(const IpAddress& address);
  [[nodiscard]] bool make_room(const ForwardClient& client);
  [[nodiscard]] bool evict(UdpStanding most, const UdpSession* but = nullptr);

  WorkerContext& context_;
  std::vector<std::unique_ptr<UdpPlan>> plans_;  // the present one last
  std::unordered_map<const ForwardClient*, UdpClient> clients_;
  std::unordered_map<UdpKey, std::unique_ptr<UdpSession>, KeyHash> sessions_;
};

}  // namespace tidegate
