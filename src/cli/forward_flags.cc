#include "cli/forward_flags.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <map>

#include "base/text.h"

namespace tidegate::cli {

namespace {

constexpr const char* kServiceName = "service";
constexpr std::uint32_t kMostConnections = 10'000'000;
constexpr std::uint32_t kMostHeld = 100'000;

// Where the piece that begins at `begin` ends: at the next colon outside brackets, or at the end.
std::size_t piece_end(std::string_view text, std::size_t begin) {
  bool inside = false;
  for (std::size_t i = begin; i < text.size(); ++i) {
    if (text[i] == '[') inside = true;
    if (text[i] == ']') inside = false;
    if (text[i] == ':' && !inside) return i;
  }
  return text.size();
}

Result<Target> parse_target(std::string_view text) {
  return Target::parse(PortSpan::parse(text) ? fmt::format("127.0.0.1:{}", text) : std::string{text});
}

template <class T>
Result<> add(Result<T> parsed, std::vector<T>& to) {
  return put(std::move(parsed), [&](T value) { to.push_back(std::move(value)); });
}

Result<> put_count(const std::string& text, std::uint32_t& into, std::uint32_t most = kMostConnections) {
  std::uint32_t count = 0;
  const auto* const last = text.data() + text.size();
  const auto [end, error] = std::from_chars(text.data(), last, count);
  if (error != std::errc{} || end != last || count < 1 || count > most)
    return failure("\"{}\" is not a number from 1 to {}", printable(text), most);
  into = count;
  return {};
}

Result<> put_networks(const std::string& text, std::vector<Cidr>& to) {
  for (const std::string_view network :
       text == "any" ? std::vector<std::string_view>{"0.0.0.0/0", "::/0"} : std::vector<std::string_view>{text}) {
    if (auto added = add(Cidr::parse(network), to); !added) return added;
  }
  return {};
}

Result<> put_quota(const std::string& text, ForwardSettings& forward) {
  const auto slash = text.find('/');
  auto& quota = forward.quota.emplace();
  if (auto bytes = put_in(parse_bytes(text.substr(0, slash)), quota.bytes); !bytes) return bytes;
  if (slash == std::string::npos) return {};
  return put_in(parse_quota_period(text.substr(slash + 1)), quota.every);
}

Result<> put_check(const std::string& text, std::optional<HealthCheck>& check) {
  if (text != "tcp" && text != "none") return failure("\"{}\" is not known (allowed: tcp or none)", printable(text));
  if (text == "tcp") check.emplace();
  return {};
}

// As `api.port`, a port alone means this host only.
Result<> put_api(const std::string& text, ApiSettings& api) {
  api.enabled = true;
  return add(ListenAddress::parse(PortSpan::parse(text) ? "127.0.0.1:" + text : text), api.listen);
}

constexpr std::array kForwardFlags = {
    Flag<ForwardWish>{"--name", "NAME", "its name in counts and answers; default: the port it listens on",
                      [](ForwardWish& w, const std::string& t) { return put_text(t, w.each.name); }},
    Flag<ForwardWish>{"--listen", "ADDRESS",
                      "the long way: 10001, 192.0.2.10:10001, [::]:80, *:10000-10099 or unix:PATH; may be repeated",
                      [](ForwardWish& w, const std::string& t) { return add(ListenAddress::parse(t), w.listen); },
                      Occurs::repeatedly},
    Flag<ForwardWish>{
        "--target", "ADDRESS", "another one for each forward: 127.0.0.1:10000 or unix:PATH; may be repeated",
        [](ForwardWish& w, const std::string& t) { return add(parse_target(t), w.targets); }, Occurs::repeatedly},
    Flag<ForwardWish>{
        "--protocol", "PROTOCOL", "tcp, udp or both; default tcp",
        [](ForwardWish& w, const std::string& t) { return put_in(parse_forward_protocol(t), w.each.protocol); }},
    Flag<ForwardWish>{
        "--engine", "ENGINE", "who carries the bytes: user (tidegate) or kernel (rules of nf_tables); default user",
        [](ForwardWish& w, const std::string& t) { return put_in(parse_forward_engine(t), w.each.engine); }},
    Flag<ForwardWish>{
        "--masquerade", "WHEN", "of engine kernel: auto, always or never; default auto",
        [](ForwardWish& w, const std::string& t) { return put_in(parse_masquerade(t), w.each.masquerade); }},
    Flag<ForwardWish>{"--balance", "WAY", "over several targets: round_robin, least_connections or source",
                      [](ForwardWish& w, const std::string& t) { return put_in(parse_balance(t), w.each.balance); }},
    Flag<ForwardWish>{"--check", "CHECK", "of the targets' health: tcp or none; default none",
                      [](ForwardWish& w, const std::string& t) { return put_check(t, w.each.check); }},
    Flag<ForwardWish>{"--limit", "SIZE", "bytes for all time: 100GB; default none",
                      [](ForwardWish& w, const std::string& t) { return put_in(parse_limit(t), w.each.limit); }},
    Flag<ForwardWish>{
        "--limit-monthly", "SIZE", "bytes for a calendar month; default none",
        [](ForwardWish& w, const std::string& t) { return put_in(parse_limit(t), w.each.limit_monthly); }},
    Flag<ForwardWish>{"--quota", "SIZE/PERIOD", "bytes for an hour, day, week or month: 5GB/week; default none",
                      [](ForwardWish& w, const std::string& t) { return put_quota(t, w.each); }},
    Flag<ForwardWish>{
        "--limit-action", "ACTION",
        "at a limit or quota: cut ends connections, reject refuses new ones, throttle slows; default cut",
        [](ForwardWish& w, const std::string& t) { return put_in(parse_limit_action(t), w.each.limit_action); }},
    Flag<ForwardWish>{
        "--limit-throttle,--throttle", "RATE", "to which --limit-action throttle slows: 1Mbit/s",
        [](ForwardWish& w, const std::string& t) { return put_in(parse_rate_limit(t), w.each.limit_throttle); }},
    Flag<ForwardWish>{
        "--rate", "RATE", "of the forward as a whole: 200Mbit/s, 10MB/s; default none",
        [](ForwardWish& w, const std::string& t) { return put_in(parse_rate_limit(t), w.each.rate.all); }},
    Flag<ForwardWish>{
        "--rate-each-client", "RATE", "of one client over all its connections; default none",
        [](ForwardWish& w, const std::string& t) { return put_in(parse_rate_limit(t), w.each.rate.each_client); }},
    Flag<ForwardWish>{
        "--rate-each-connection", "RATE", "of one connection; default none",
        [](ForwardWish& w, const std::string& t) { return put_in(parse_rate_limit(t), w.each.rate.each_connection); }},
    Flag<ForwardWish>{"--connections", "N", "open at once; default: no limit",
                      [](ForwardWish& w, const std::string& t) { return put_count(t, w.each.connections.all); }},
    Flag<ForwardWish>{
        "--connections-each-client", "N", "open at once of one client; default: no limit",
        [](ForwardWish& w, const std::string& t) { return put_count(t, w.each.connections.each_client); }},
    Flag<ForwardWish>{
        "--new", "N/TIME", "new ones in a time: 100/s; default: no limit",
        [](ForwardWish& w, const std::string& t) { return put_in(parse_new_rate(t), w.each.connections.new_all); }},
    Flag<ForwardWish>{"--new-each-client", "N/TIME", "new ones of one client: 20/s, 300/m; default: no limit",
                      [](ForwardWish& w, const std::string& t) {
                        return put_in(parse_new_rate(t), w.each.connections.new_each_client);
                      }},
    Flag<ForwardWish>{"--allow", "NETWORK", "only clients of this network; may be repeated; default any",
                      [](ForwardWish& w, const std::string& t) -> Result<> {
                        return t == "any" ? Result<>{} : put_networks(t, w.each.allow);
                      },
                      Occurs::repeatedly},
    Flag<ForwardWish>{"--deny", "NETWORK", "no clients of this network, which wins over --allow; may be repeated",
                      [](ForwardWish& w, const std::string& t) { return put_networks(t, w.each.deny); },
                      Occurs::repeatedly},
    Flag<ForwardWish>{
        "--connect-timeout", "TIME", "for a target to accept; default 5s",
        [](ForwardWish& w, const std::string& t) { return put_in(parse_duration(t), w.each.timeouts.connect); }},
    Flag<ForwardWish>{
        "--idle-timeout", "TIME", "of a TCP connection without a byte either way; default none",
        [](ForwardWish& w, const std::string& t) { return put_in(parse_duration(t), w.each.timeouts.idle); }},
    Flag<ForwardWish>{
        "--udp-timeout", "TIME", "of a session without a datagram either way; default 60s",
        [](ForwardWish& w, const std::string& t) { return put_in(parse_duration(t), w.each.timeouts.udp); }},
    Flag<ForwardWish>{
        "--half-close-timeout", "TIME", "when one side has closed and the other is silent; default 1m",
        [](ForwardWish& w, const std::string& t) { return put_in(parse_duration(t), w.each.timeouts.half_close); }},
    Flag<ForwardWish>{"--proxy-protocol", "VERSION", "tell the target the client's address: v1 or v2; default none",
                      [](ForwardWish& w, const std::string& t) {
                        return put_in(parse_proxy_version(t), w.each.proxy_protocol.send);
                      }},
    Flag<ForwardWish>{
        "--accept-proxy-from", "NETWORK",
        "its clients must tell whom they stand for by the PROXY protocol; may be repeated",
        [](ForwardWish& w, const std::string& t) { return put_networks(t, w.each.proxy_protocol.accept_from); },
        Occurs::repeatedly},
    Flag<ForwardWish>{
        "--hold-clients", "N", "that wait at once while the service is not ready; default 1000",
        [](ForwardWish& w, const std::string& t) { return put_count(t, w.each.hold.clients, kMostHeld); }},
    Flag<ForwardWish>{"--hold-for", "TIME", "that one of them waits; default 1m",
                      [](ForwardWish& w, const std::string& t) {
                        return put_in(parse_duration(t), w.each.hold.duration);
                      }},
    Flag<ForwardWish>{
        "--hold-then", "ANSWER", "for those who cannot wait: close, reset, 503 or page; default close",
        [](ForwardWish& w, const std::string& t) { return put_in(parse_hold_answer(t), w.each.hold.then); }},
    Flag<ForwardWish>{
        "--data-threads", "N", "default: one a core",
        [](ForwardWish& w, const std::string& t) { return put_count(t, w.config.data_threads.emplace()); }},
    Flag<ForwardWish>{"--api", "ADDRESS", "serve the API there: 127.0.0.1:8080, or 8080 for the same; default none",
                      [](ForwardWish& w, const std::string& t) { return put_api(t, w.config.api); },
                      Occurs::repeatedly},
    Flag<ForwardWish>{"--token", "TOKEN", "of the API; TIDEGATE_TOKEN in the environment is not seen by other users",
                      [](ForwardWish& w, const std::string& t) { return put_text(t, w.config.api.token); }},
};

constexpr std::array kHoldFlags = {"--hold-clients", "--hold-for", "--hold-then"};

// A name for a forward that was given none: its port, or its socket's file.
std::string name_of(const ListenAddress& listen) {
  constexpr std::size_t kMost = 60;  // leaves room for a number behind it
  if (!listen.is_unix())
    return listen.first == listen.last ? fmt::format("{}", listen.first)
                                       : fmt::format("{}-{}", listen.first, listen.last);
  std::string name = listen.unix_path.substr(listen.unix_path.rfind('/') + 1);
  std::ranges::replace_if(name, [](unsigned char c) { return std::isalnum(c) == 0 && c != '.' && c != '_'; }, '-');
  name.resize(std::min(name.size(), kMost));
  return name.empty() ? "unix" : name;
}

void name_all(std::vector<ForwardSettings>& forwards) {
  std::map<std::string, unsigned> seen;
  for (auto& forward : forwards) {
    if (!forward.name.empty()) continue;
    forward.name = name_of(forward.listen);
    if (const auto number = ++seen[forward.name]; number > 1) forward.name += fmt::format("-{}", number);
  }
}

// In the words of the flags: which forward, and what of it.
std::string told(const ConfigError& error, const Config& config) {
  for (std::size_t i = 0; i < config.forwards.size(); ++i) {
    const auto path = fmt::format("forwards[{}]", i);
    if (!error.path.starts_with(path)) continue;
    auto key = error.path.substr(path.size());
    if (key.starts_with('.')) key.erase(0, 1);
    return fmt::format("{}: {}{}{}", printable(config.forwards[i].name), key, key.empty() ? "" : ": ", error.what);
  }
  return error.path.starts_with("services") ? error.what : error.to_string();
}

}  // namespace

Result<ForwardArgument> parse_forward_argument(std::string_view text) {
  auto end = piece_end(text, 0);
  const auto first = text.substr(0, end);
  if (end < text.size() && !PortSpan::parse(first)) end = piece_end(text, end + 1);  // an address or `unix`, and that
  if (end >= text.size()) {
    return failure(
        "\"{}\" is not LISTEN:TARGET (try 10001:127.0.0.1:10000, 192.0.2.10:80:db.example.net:5432, "
        "[::]:80:[::1]:8080 or unix:/run/x.sock:127.0.0.1:80)",
        printable(text));
  }
  auto listen = ListenAddress::parse(text.substr(0, end));
  if (!listen) return failure("\"{}\": {}", printable(text), listen.error().what);
  auto target = parse_target(text.substr(end + 1));
  if (!target) return failure("\"{}\": {}", printable(text), target.error().what);
  return ForwardArgument{.listen = std::move(*listen), .target = std::move(*target)};
}

std::span<const Flag<ForwardWish>> ForwardFlags::table() { return kForwardFlags; }

void ForwardFlags::add_to(CLI::App& command) {
  command.add_option("FORWARD", arguments_, "LISTEN:TARGET, as 10001:127.0.0.1:10000; several may be given");
  forward_.add_to(command);
  command.add_flag("--transparent", transparent_, "the target sees the client's own address (IP_TRANSPARENT)");
  command.add_option("--store", store_, "keep the counts in this database; default: only in memory")->type_name("PATH");
  service_.add_to(command);
}

Result<Config> ForwardFlags::read() const {
  ForwardWish wish;
  wish.each.transparent = transparent_;
  if (const auto read = forward_.read(wish); !read) return std::unexpected{read.error()};
  auto& [each, listen, targets, config] = wish;
  if (each.quota) {
    each.quota->action = each.limit_action;
    each.quota->throttle = each.limit_throttle;
  }
  const auto make = [&](ListenAddress at, std::vector<Target> to) {
    auto& forward = config.forwards.emplace_back(each);
    forward.listen = std::move(at);
    forward.targets = std::move(to);
    forward.targets.insert(forward.targets.end(), targets.begin(), targets.end());
  };
  for (const auto& text : arguments_) {
    auto argument = parse_forward_argument(text);
    if (!argument) return std::unexpected{std::move(argument.error())};
    make(std::move(argument->listen), {std::move(argument->target)});
  }
  if (!listen.empty() && targets.empty()) return failure("--listen goes only with --target");
  for (auto& at : listen) make(std::move(at), {});
  if (config.forwards.empty()) return failure("nothing to forward: give LISTEN:TARGET, as 10001:127.0.0.1:10000");
  if (!each.name.empty() && config.forwards.size() > 1) return failure("--name goes with one forward only");
  name_all(config.forwards);
  if (service_.gives_any()) {
    ServiceWish service;
    if (const auto read = service_.read(service); !read) return std::unexpected{read.error()};
    if (const auto assembled = assemble_service(service); !assembled) return std::unexpected{assembled.error()};
    service.service.name = kServiceName;
    for (auto& forward : config.forwards) forward.service = kServiceName;
    if (!service.ready) service.service.ready = default_ready(service.service, config.forwards);
    config.services.push_back(std::move(service.service));
  } else if (const auto* const held =
                 std::ranges::find_if(kHoldFlags, [&](const char* name) { return forward_.gives(name); });
             held != kHoldFlags.end()) {
    return failure("{} goes only with --start, --script or --process", *held);
  }
  if (!config.api.enabled && !config.api.token.empty()) return failure("--token goes only with --api");
  if (const auto faults = validate(config); !faults.empty()) return failure("{}", told(faults.front(), config));
  return std::move(config);
}

}  // namespace tidegate::cli
