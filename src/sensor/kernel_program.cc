// See kernel_program.h. libbpf(3): the skeleton is made from bpf/kernel.bpf.c when tidegate is built.
#include "sensor/kernel_program.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstdarg>
#include <cstdio>
#include <cstring>

#include "base/check.h"
#include "base/log.h"
#include "model/sample.h"

// After maps.h, whose types it takes for granted.
#include "sensor/bpf/kernel.skel.h"

namespace tidegate {
namespace {

constexpr std::uint32_t kClientsAtOnce = 1024;  // in one call; more than one bucket of the map can hold

int tell_libbpf(libbpf_print_level level, const char* format, va_list arguments) {
  if (level == LIBBPF_DEBUG || !log::enabled(log::Level::debug)) return 0;
  std::array<char, 512> text{};
  // NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): the caller's
  std::vsnprintf(text.data(), text.size(), format, arguments);
  log::debug("libbpf: {}", std::string_view{text.data()}.substr(0, std::strcspn(text.data(), "\n")));
  return 0;
}

std::uint64_t nanoseconds(Instant instant) {
  return static_cast<std::uint64_t>(std::chrono::nanoseconds{instant.time_since_epoch()}.count());
}

std::uint8_t kernel_protocol_of(Protocol protocol) {
  TIDEGATE_CHECK(has_ports(protocol));
  return protocol == Protocol::tcp ? KERNEL_TCP : KERNEL_UDP;
}

constexpr std::uint16_t in_network_order(std::uint16_t port) {
  return std::endian::native == std::endian::little ? std::byteswap(port) : port;
}

kernel_endpoint endpoint_key(Protocol protocol, const Endpoint& endpoint) {
  return {.address = to_kernel(endpoint.address),
          .port = in_network_order(endpoint.port),
          .protocol = kernel_protocol_of(protocol),
          .pad = 0};
}

// An IPv4 address as the program compares it; 0: one of another kind.
std::uint32_t v4_of(const IpAddress& address) {
  std::uint32_t v4 = 0;
  if (address.is_v4()) std::memcpy(&v4, address.bytes().data(), sizeof v4);
  return v4;
}

template <class Key, class Value>
Result<> put(const bpf_map* map, const Key& key, const Value& value) {
  if (::bpf_map__update_elem(map, &key, sizeof key, &value, sizeof value, BPF_ANY) != 0)
    return system_failure(fmt::format("write the sensor's map {}", ::bpf_map__name(map)));
  return {};
}

// What is not there need not be removed.
template <class Key>
void remove(const bpf_map* map, const Key& key) {
  ::bpf_map__delete_elem(map, &key, sizeof key, 0);
}

// The values of an array of values for each processor.
template <class Value>
std::vector<Value> each_processor(const bpf_map* map, std::uint32_t index) {
  std::vector<Value> values(static_cast<std::size_t>(std::max(::libbpf_num_possible_cpus(), 1)));
  if (::bpf_map__lookup_elem(map, &index, sizeof index, values.data(), values.size() * sizeof(Value), 0) != 0)
    return {};
  return values;
}

std::unexpected<Error> load_failure(int code) {
  if (code == EPERM || code == EACCES)
    return std::unexpected{
        Error{"the kernel lets us load no eBPF program (it wants CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN)", code}};
  return system_failure("load the eBPF program (it wants kernel 5.8 or newer)", code);
}

}  // namespace

kernel_address to_kernel(const IpAddress& address) {
  kernel_address key{};
  key.family = address.is_v4() ? 4 : address.is_v6() ? 6 : 0;
  std::ranges::copy(address.bytes(), key.bytes);
  return key;
}

IpAddress from_kernel(const kernel_address& address) {
  const std::span<const std::uint8_t, 16> bytes{address.bytes};
  if (address.family == 4) return IpAddress::v4(bytes.first<4>());
  return address.family == 6 ? IpAddress::v6(bytes) : IpAddress{};
}

struct KernelProgram::Impl {
  struct Close {
    void operator()(kernel_bpf* owned) const { kernel_bpf__destroy(owned); }
    void operator()(ring_buffer* owned) const { ::ring_buffer__free(owned); }
  };
  std::unique_ptr<kernel_bpf, Close> program;
  std::unique_ptr<ring_buffer, Close> ring;
  const std::function<void(const kernel_event&)>* take = nullptr;  // while it is read

  static int on_event(void* self, void* data, std::size_t size) noexcept {
    if (size >= sizeof(kernel_event)) (*static_cast<Impl*>(self)->take)(*static_cast<const kernel_event*>(data));
    return 0;
  }
};

KernelProgram::KernelProgram(std::unique_ptr<Impl> impl) : impl_{std::move(impl)} {}
KernelProgram::~KernelProgram() = default;

Result<std::unique_ptr<KernelProgram>> KernelProgram::load() {
  ::libbpf_set_print(tell_libbpf);
  auto impl = std::make_unique<Impl>();
  impl->program.reset(kernel_bpf__open());
  if (!impl->program) return load_failure(errno);
  impl->program->rodata->has_coarse_clock =
      ::libbpf_probe_bpf_helper(BPF_PROG_TYPE_SCHED_CLS, BPF_FUNC_ktime_get_coarse_ns, nullptr) == 1 ? 1 : 0;
  if (const int status = kernel_bpf__load(impl->program.get()); status != 0) return load_failure(-status);
  impl->ring.reset(::ring_buffer__new(::bpf_map__fd(impl->program->maps.events), &Impl::on_event, impl.get(), nullptr));
  if (!impl->ring) return system_failure("open the ring of the eBPF program");
  return std::unique_ptr<KernelProgram>{new KernelProgram{std::move(impl)}};
}

KernelPrograms KernelProgram::programs() const {
  return {.frames = ::bpf_program__fd(impl_->program->progs.tidegate_frames),
          .ip = ::bpf_program__fd(impl_->program->progs.tidegate_ip)};
}

kernel_gate& KernelProgram::gate(std::uint32_t number) {
  TIDEGATE_CHECK(number < KERNEL_GATES);
  return impl_->program->bss->gates[number];
}

kernel_port& KernelProgram::port(Protocol protocol, std::uint16_t port) {
  return impl_->program->bss->ports[kernel_protocol_of(protocol)][port];
}

void KernelProgram::set_own_until(Instant until) { impl_->program->bss->own_until = nanoseconds(until); }

Result<> KernelProgram::put_addressed(Protocol protocol, const Endpoint& endpoint, const kernel_port& port) {
  return put(impl_->program->maps.addressed, endpoint_key(protocol, endpoint), port);
}

void KernelProgram::remove_addressed(Protocol protocol, const Endpoint& endpoint) {
  remove(impl_->program->maps.addressed, endpoint_key(protocol, endpoint));
}

Result<> KernelProgram::put_network(const kernel_network& network, std::uint8_t of) {
  return put(impl_->program->maps.networks, network, of);
}

void KernelProgram::remove_network(const kernel_network& network) { remove(impl_->program->maps.networks, network); }

Result<> KernelProgram::put_local(const IpAddress& address) {
  auto& at_hand = impl_->program->bss->local_at_hand;
  const auto v4 = v4_of(address);
  if (v4 != 0 && std::ranges::find(at_hand, v4) == std::end(at_hand)) {
    if (auto* const place = std::ranges::find(at_hand, 0U); place != std::end(at_hand)) *place = v4;
  }
  return put(impl_->program->maps.local, to_kernel(address), std::uint8_t{1});
}

void KernelProgram::remove_local(const IpAddress& address) {
  if (const auto v4 = v4_of(address); v4 != 0) std::ranges::replace(impl_->program->bss->local_at_hand, v4, 0U);
  remove(impl_->program->maps.local, to_kernel(address));
}

Result<> KernelProgram::put_own(Protocol protocol, const Endpoint& endpoint, Instant until) {
  return put(impl_->program->maps.own, endpoint_key(protocol, endpoint), nanoseconds(until));
}

void KernelProgram::read_clients(const std::function<void(const ClientCount&)>& each) const {
  const int map = ::bpf_map__fd(impl_->program->maps.clients);
  std::vector<kernel_client> keys(kClientsAtOnce);
  std::vector<kernel_traffic> values(kClientsAtOnce);
  std::uint32_t place = 0;
  bool first = true;
  while (true) {
    std::uint32_t count = kClientsAtOnce;
    std::uint32_t next = 0;
    const int status =
        ::bpf_map_lookup_batch(map, first ? nullptr : &place, &next, keys.data(), values.data(), &count, nullptr);
    if (status != 0 && status != -ENOENT) return log::debug("read the sensor's clients: {}", std::strerror(-status));
    for (std::uint32_t i = 0; i < count; ++i) each({.client = keys[i], .traffic = values[i]});
    if (status != 0) return;  // that was the end
    place = next;
    first = false;
  }
}

void KernelProgram::remove_client(const kernel_client& client) { remove(impl_->program->maps.clients, client); }

kernel_counters KernelProgram::counters(std::uint32_t gate) const {
  kernel_counters sum{};
  for (const auto& part : each_processor<kernel_counters>(impl_->program->maps.counters, gate)) {
    for (const auto way : {KERNEL_IN, KERNEL_OUT}) {
      sum.packets[way] += part.packets[way];
      sum.bytes[way] += part.bytes[way];
    }
    sum.renewed = std::max(sum.renewed, part.renewed);
  }
  return sum;
}

void KernelProgram::clear_counters(std::uint32_t gate) {
  const std::vector<kernel_counters> none(static_cast<std::size_t>(std::max(::libbpf_num_possible_cpus(), 1)));
  ::bpf_map__update_elem(impl_->program->maps.counters, &gate, sizeof gate, none.data(),
                         none.size() * sizeof(kernel_counters), BPF_ANY);
}

kernel_losses KernelProgram::losses() const {
  kernel_losses sum{};
  for (const auto& part : each_processor<kernel_losses>(impl_->program->maps.losses, 0)) {
    sum.rejected += part.rejected;
    sum.dropped += part.dropped;
  }
  return sum;
}

int KernelProgram::descriptor() const { return ::ring_buffer__epoll_fd(impl_->ring.get()); }

Result<> KernelProgram::read_events(const std::function<void(const kernel_event&)>& take) {
  impl_->take = &take;
  const int status = ::ring_buffer__consume(impl_->ring.get());
  impl_->take = nullptr;
  if (status < 0) return system_failure("read the ring of the eBPF program", -status);
  return {};
}

}  // namespace tidegate
