"""Forwards of engine kernel: rules carry them, tidegate counts, limits and ends. Real clients, in namespaces."""

import contextlib
import json
import signal
import socket
import time

import pytest

from support.api import Api
from support.crowd import Crowd, ask_tcp_once, ask_udp_once, crowd_of
from support.flows import LISTEN, TARGET, TcpServer, UdpEcho, answer_of, connect, drain, echo, exchange, forward, forwarding
from support.flows import pour, udp_client
from support.netns import client_address, server_address
from support.packets import endpoint
from support.service import answering
from support.waiting import DEADLINE, again_until, wait_until

V4, V6 = socket.AF_INET, socket.AF_INET6
TABLE = ("inet", "tidegate_forward")
KB, MB = 1 << 10, 1 << 20


@pytest.fixture(autouse=True)
def capable(tool, lab):
    tool("nft")
    done = lab.server.run("nft", "-c", "add table inet probe; add chain inet probe nat { type nat hook prerouting priority dstnat; }")
    if done.returncode != 0:
        pytest.skip(f"no nf_tables with NAT here: {done.stderr.strip()}")


def kernel(name="web", listen=LISTEN, target=TARGET, **keys):
    return forward(name, listen, target, engine="kernel", **keys)


def kernels(folder, *forwards, **keys):
    return forwarding(folder, *forwards, **{"manage_sysctl": True} | keys)


def rules(lab):
    return lab.server.run("nft", "list", "table", *TABLE)


def reload(tidegate, config):
    tidegate.configure(config)
    done = tidegate.ctl("reload")
    assert done.returncode == 0, done.stderr


def ends(connection):
    """Whether the peer of an idle connection has been told of its end, at the latest when it speaks."""
    connection.settimeout(1)
    with contextlib.suppress(TimeoutError):
        try:
            connection.sendall(b"still there?")
            return connection.recv(100) == b""
        except ConnectionError:
            return True
    return False


def refused(host, address=server_address(), port=LISTEN):
    try:
        connect(host, address, port, timeout=5).close()
    except ConnectionRefusedError:
        return True
    return False


@pytest.mark.parametrize("family", [V4, V6])
@pytest.mark.parametrize("place", ["remote", "own", "loopback"])
@pytest.mark.parametrize("who", ["remote", "local"])
def test_bytes_and_datagrams_get_there_and_back(lab, tidegate, tmp_path, family, place, who):
    if (family, place, who) == (V6, "loopback", "remote"):
        pytest.skip("Linux leads nothing from outside to ::1")
    lab.route_clients()
    host, address = {
        "remote": (lab.client2, client_address(2, family)),
        "own": (lab.server, server_address(2, family)),
        "loopback": (lab.server, "127.0.0.1" if family == V4 else "::1"),
    }[place]
    client = lab.client1 if who == "remote" else lab.server
    with contextlib.closing(TcpServer(host, echo, address=address)) as target, contextlib.closing(UdpEcho(host, address=address)) as udp_target:
        daemon = tidegate.run(kernels(tmp_path, kernel(target_host=address, protocol="both")))
        with connect(client, server_address(1, family)) as tcp, udp_client(client, server_address(1, family)) as udp:
            assert exchange(tcp, b"x" * 100_000) == b"x" * 100_000
            udp.send(b"ping")
            assert udp.recv(100) == b"ping"
            daemon.wait_for_forward(connections=1, sessions=1, open_connections=1, open_sessions=1)
        said = daemon.forward()
        assert (said["engine"], said["counts"]) == ("kernel", "ip packets")
        assert said["upload"] > 100_000 and said["download"] > 100_000
        if who == "remote":
            expected = client_address(1, family)
            assert target.peers[0][0] == expected and udp_target.peers[0][0] == expected, "the client's own address"
    assert daemon.end()[0] == 0
    assert rules(lab).returncode != 0, "nothing is left"


@pytest.mark.parametrize("allowed", [True, False], ids=["it listens there", "route_localnet is not set"])
def test_a_local_client_comes_by_the_loopback_address(lab, tidegate, tmp_path, allowed):
    with contextlib.closing(TcpServer(lab.client2, echo, address=client_address(2))) as target:
        forwards = [{"name": "inside", "engine": "kernel", "listen": "127.0.0.1:7010", "targets": [f"{client_address(2)}:{TARGET}"]}]
        if not allowed:
            forwards = [kernel(target_host=client_address(2))]
        tidegate.run(kernels(tmp_path, *forwards))
        if allowed:
            with connect(lab.server, "127.0.0.1", 7010) as connection:
                assert exchange(connection) == b"ping"
        else:
            assert refused(lab.server, "127.0.0.1"), "not led into nowhere"
            with connect(lab.server, server_address()) as connection:
                assert exchange(connection) == b"ping"
        assert target.peers[0][0] == server_address(2), "masqueraded: nobody can answer 127.0.0.1"


def test_what_linux_leads_nowhere_is_refused(lab, tidegate, tmp_path):
    with contextlib.closing(TcpServer(lab.server, echo, address="::1")):
        tidegate.run(kernels(tmp_path, kernel(target_host="::1")))
        assert refused(lab.client1, server_address(1, V6))
        with connect(lab.server, "::1") as connection:
            assert exchange(connection) == b"ping"


@pytest.mark.parametrize("family", [V4, V6])
def test_a_target_on_the_clients_own_link_is_masqueraded(lab, tidegate, tmp_path, family):
    with contextlib.closing(TcpServer(lab.client1, echo, address=client_address(1, family))) as target:
        tidegate.run(kernels(tmp_path, kernel(target_host=client_address(1, family))))
        with connect(lab.client1, server_address(1, family)) as connection:
            assert exchange(connection) == b"ping"
        assert target.peers[0][0] == server_address(1, family)


def test_masquerade_is_for_targets_that_do_not_answer_through_here(lab, tidegate, tmp_path):
    with contextlib.closing(TcpServer(lab.client2, echo, address=client_address(2))) as target:
        tidegate.run(kernels(tmp_path, kernel(target_host=client_address(2), masquerade="always")))
        with connect(lab.client1, server_address()) as connection:  # the target has no route to it
            assert exchange(connection) == b"ping"
        assert target.peers[0][0] == server_address(2)


def test_a_container_on_a_bridge(lab, tidegate, tmp_path):
    boxes = [lab.add_host(f"box{number}") for number in (2, 3)]
    lab.server.ip("link add br0 type bridge", "addr add 10.88.0.1/24 dev br0", "link set br0 up")
    for number, box in enumerate(boxes, 2):
        lab.server.ip(f"link add box{number} type veth peer name eth0 netns {box.name}", f"link set box{number} master br0 up")
        box.ip(f"addr add 10.88.0.{number}/24 dev eth0", "link set eth0 up", "route add default via 10.88.0.1")
    with contextlib.closing(TcpServer(boxes[0], echo, address="10.88.0.2")) as target:
        tidegate.run(kernels(tmp_path, kernel(target_host="10.88.0.2")))
        for host, address, seen in ((lab.client1, server_address(), {client_address()}), (lab.server, "10.88.0.1", {"10.88.0.1"}),
                                    (boxes[1], "10.88.0.1", {"10.88.0.1", "10.88.0.3"})):  # the latter by br_netfilter
            with connect(host, address) as connection:
                assert exchange(connection) == b"ping"
            assert target.peers[-1][0] in seen


def test_a_range_of_ports_keeps_its_order(lab, tidegate, tmp_path):
    with contextlib.ExitStack() as stack:
        targets = [stack.enter_context(contextlib.closing(TcpServer(lab.server, echo, port=port))) for port in (7101, 7102, 7103)]
        same = stack.enter_context(contextlib.closing(TcpServer(lab.server, echo, port=7210)))
        tidegate.run(kernels(tmp_path, {"name": "shifted", "engine": "kernel", "listen_port": "7001-7003", "target_port": "7101-7103"},
                             {"name": "same", "engine": "kernel", "listen": f"{server_address()}:7200-7299", "targets": ["127.0.0.1:7200-7299"]}))
        for number in (2, 0, 1):
            with connect(lab.client1, server_address(), 7001 + number) as connection:
                assert exchange(connection) == b"ping"
            wait_until(lambda number=number: len(targets[number].peers) == 1, "the connection at its own port")
        with connect(lab.client1, server_address(), 7210) as connection:
            assert exchange(connection) == b"ping"
        assert len(same.peers) == 1
        assert refused(lab.client2, server_address(2), 7210), "it listens at another address"


@pytest.mark.parametrize("balance", ["round_robin", "source"])
def test_targets_take_turns_by_weight(lab, tidegate, tmp_path, balance):
    with contextlib.closing(TcpServer(lab.server, echo, port=7101)) as a, contextlib.closing(TcpServer(lab.server, echo, port=7102)) as b:
        targets = [{"port": 7101, "weight": 4}, {"port": 7102, "weight": 2}]
        tidegate.run(kernels(tmp_path, {"name": "web", "engine": "kernel", "listen_port": LISTEN, "targets": targets, "balance": balance}))
        for _ in range(12):
            with connect(lab.client1, server_address()) as connection:
                assert exchange(connection) == b"ping"
        counts = (len(a.peers), len(b.peers))
        assert counts == (8, 4) if balance == "round_robin" else sorted(counts) == [0, 12]


def test_a_target_that_fails_its_check_is_left_out(lab, tidegate, tmp_path):
    with contextlib.closing(TcpServer(lab.server, echo, port=7101)) as a:
        daemon = tidegate.run(kernels(tmp_path, {"name": "web", "engine": "kernel", "listen_port": LISTEN, "targets": ["127.0.0.1:7101", "127.0.0.1:7102"],
                                                 "check": {"tcp": {"every": "100ms", "fall": 1, "rise": 1}}}))
        daemon.wait_for_event("target down")
        wait_until(lambda: "vmap" not in lab.server.run("nft", "list", "chain", *TABLE, leg(lab)).stdout, "one target in the rules")
        for _ in range(4):
            with connect(lab.client1, server_address()) as connection:
                assert exchange(connection) == b"ping"
        with contextlib.closing(TcpServer(lab.server, echo, port=7102)) as b:
            daemon.wait_for_event("target up")
            again_until(lambda: connect(lab.client1, server_address()).close(), lambda: len(b.peers) > 20, "clients at the one that is back")
    assert a.peers


def leg(lab):
    names = [item["chain"]["name"] for item in json.loads(lab.server.run("nft", "-j", "list", "chains").stdout)["nftables"] if "chain" in item]
    return next(name for name in names if name.startswith("leg."))


def test_who_is_turned_away_learns_it_and_is_counted(lab, tidegate, tmp_path):
    with contextlib.closing(TcpServer(lab.server, echo)) as target:
        daemon = tidegate.run(kernels(tmp_path, kernel(deny=[client_address(2)]), kernel("few", 7010, connections={"all": 2}),
                                      kernel("fewer", 7020, connections={"each_client": 1}), kernel("slow", 7030, connections={"new_all": "3/m"}),
                                      kernel("slower", 7040, connections={"new_each_client": "2/m"}), kernel("inside", 7050, allow=["10.77.1.0/24"])))
        assert refused(lab.client2, server_address(2)) and not refused(lab.client1)
        assert refused(lab.client1, server_address(1, V6)), "no target of that family"
        assert refused(lab.client2, server_address(2), 7050) and not refused(lab.client1, port=7050)
        with connect(lab.client1, server_address(), 7010) as a, connect(lab.client2, server_address(2), 7010) as b:
            assert exchange(a) == exchange(b) == b"ping"
            assert refused(lab.client1, port=7010)
        with connect(lab.client1, server_address(), 7020) as a:
            assert exchange(a) == b"ping"
            assert refused(lab.client1, port=7020) and not refused(lab.client2, server_address(2), 7020)
        assert [refused(lab.client1, port=7030) for _ in range(5)] == [False, False, False, True, True]
        assert [refused(lab.client1, port=7040) for _ in range(4)] == [False, False, True, True]
        assert not refused(lab.client2, server_address(2), 7040)
        daemon.wait_for_forward("few", refused=1, connections=2)
        daemon.wait_for_forward("slow", refused=2, connections=3)
        assert daemon.forward()["refused"] == 2
    assert target.peers


def test_counts_are_exact_and_told_everywhere(lab, tidegate, tmp_path):
    """UDP, where every packet is known: 28 bytes of headers each."""
    with contextlib.closing(UdpEcho(lab.server)) as target, udp_client(lab.client1, server_address()) as client:
        daemon = tidegate.run(kernels(tmp_path, kernel(protocol="udp"), api={}))
        for number in range(50):
            client.send(b"x" * (10 + number))
            assert len(client.recv(1000)) == 10 + number
        size = sum(28 + 10 + number for number in range(50))
        said = daemon.wait_for_forward(upload=size, download=size, sessions=1, open_sessions=1)
        assert len(target.received) == 50
        api = Api(lab.server)
        assert api.get("/api/v1/forwards/web") == said
        metrics = api.ask("GET", "/metrics")[2]
        assert f'tidegate_forward_bytes_total{{forward="web",direction="upload"}} {size}' in metrics
        assert 'tidegate_forward_datagrams_total{forward="web",direction="download"} 50' in metrics
        assert 'tidegate_forward_engine{forward="web",engine="kernel"} 1' in metrics
        usage = tidegate.ctl("usage", "web")
        assert "IP packets with their headers" in usage.stdout
        shown = tidegate.ctl("usage", "web", "--json")
        assert json.loads(shown.stdout)["total"]["upload"] == size


def test_counts_survive_a_reload_a_flush_a_kill_and_a_restart(lab, tidegate, tmp_path):
    with contextlib.closing(UdpEcho(lab.server)), udp_client(lab.client1, server_address()) as client:
        sent = 0

        def talk(times=10):
            nonlocal sent
            for _ in range(times):
                client.send(b"x" * 72)
                assert len(client.recv(1000)) == 72
            sent += times * 100

        config = kernels(tmp_path, kernel(protocol="udp"))
        daemon = tidegate.run(config)
        talk()
        reload(tidegate, kernels(tmp_path, kernel(protocol="udp", limit="1GB"), kernel("other", 7010)))
        talk()
        daemon.wait_for_forward(upload=sent, download=sent, sessions=1)
        lab.server.run("nft", "flush", "ruleset", check=True)
        daemon.wait_for_log("the rules of the kernel forwards were gone, and are back")
        wait_until(lambda: rules(lab).returncode == 0, "the rules")
        talk()
        daemon.wait_for_forward(upload=sent, download=sent)
        tidegate.configure(config)
        daemon.kill()
        talk()  # the kernel goes on
        daemon = tidegate.run(config)
        talk()
        daemon.wait_for_forward(upload=sent, download=sent)
        assert daemon.end()[0] == 0
        daemon = tidegate.run(config)
        assert daemon.forward()["upload"] == sent
        again_until(lambda: client.send(b"x"), lambda: daemon.forward()["sessions"] >= 2, "a new session")


def test_tcp_connections_live_through_a_reload_and_a_kill(lab, tidegate, tmp_path):
    stays = kernel("stays")
    with contextlib.closing(TcpServer(lab.server, echo)) as target:
        daemon = tidegate.run(kernels(tmp_path, stays, kernel("goes", 7010)))
        with connect(lab.client1, server_address()) as connection:
            for number in range(3):
                assert exchange(connection) == b"ping"
                reload(tidegate, kernels(tmp_path, stays, kernel(f"comes{number}", 7020 + number)))
            reload(tidegate, kernels(tmp_path, stays | {"limit": "1GB", "rate": {"all": "1Gbit/s"}}))
            assert exchange(connection) == b"ping"
            daemon.kill()
            assert exchange(connection) == b"ping"
            daemon = tidegate.run(kernels(tmp_path, stays))
            assert exchange(connection) == b"ping"
            daemon.wait_for_forward("stays", connections=1, open_connections=1)
        assert len(target.peers) == 1


@pytest.mark.parametrize("how", ["removed", "changed", "exit"])
def test_connections_of_what_goes_end(lab, tidegate, tmp_path, how):
    lab.route_clients()
    with contextlib.closing(TcpServer(lab.client2, echo, address=client_address(2))) as target:
        own = kernel(target_host=client_address(2))
        daemon = tidegate.run(kernels(tmp_path, own, kernel("other", 7010)))
        with connect(lab.client1, server_address()) as connection:
            assert exchange(connection) == b"ping"
            if how == "exit":
                assert daemon.end()[0] == 0
            else:
                reload(tidegate, kernels(tmp_path, kernel("other", 7010), *([own | {"target_port": 7002}] if how == "changed" else [])))
            wait_until(lambda: ends(connection), "the client to be told")
        if how != "exit":
            target.wait_for_results(1)
            said = daemon.forward("other")
            assert said["open_connections"] == 0
        assert refused(lab.client1)


def test_a_limit_holds_to_the_packet(lab, tidegate, tmp_path):
    limit = 4 * MB
    received = []

    def handler(connection):
        received.append(drain(connection))

    with contextlib.closing(TcpServer(lab.server, handler)) as target:
        daemon = tidegate.run(kernels(tmp_path, kernel(limit=limit)))
        def client():
            with contextlib.suppress(OSError), connect(lab.client1, server_address()) as connection:  # the last ones are refused
                pour(connection, 4 * MB)

        Crowd(*[client] * 8).join()
        said = daemon.wait_for_forward(state="cut", open_connections=0)
        wait_until(lambda: len(received) == len(target.peers), lambda: f"an end of each of {len(target.peers)}: {received}")
        counted = said["upload"] + said["download"]
        assert limit - 65_536 < counted <= limit, f"{counted} of {limit}: the packet that did not fit may be a large one"
        assert sum(received) <= said["upload"], "never more than was counted"
        assert sum(received) > limit // 2
        assert "cut" in daemon.wait_for_event("quota reached")["text"]
        assert refused(lab.client1)
        daemon.ask("quota_raise", key="web/limit", bytes=MB)
        wait_until(lambda: not refused(lab.client1), "the forward to be open again")


def test_datagrams_are_counted_and_cut_one_by_one(lab, tidegate, tmp_path):
    with contextlib.closing(UdpEcho(lab.server)) as target, udp_client(lab.client1, server_address()) as client:
        daemon = tidegate.run(kernels(tmp_path, kernel(protocol="udp", quota={"bytes": 10_000, "count": "upload"})))
        for _ in range(30):
            with contextlib.suppress(ConnectionRefusedError):
                client.send(b"x" * 972)
        said = daemon.wait_for_forward(state="cut")
        assert said["upload"] == 10_000 and len(target.received) == 10, "IP bytes: a thousand each"
        assert said["dropped"] + said["refused"] >= 1
        assert daemon.quota("web/quota")["used"] == 10_000


def test_a_group_is_one_number_in_the_kernel_too(lab, tidegate, tmp_path):
    with contextlib.closing(UdpEcho(lab.server)) as target:
        forwards = [kernel(name, port, protocol="udp", quota={"group": "family"}) for name, port in (("a", 7000), ("b", 7010))]
        daemon = tidegate.run(kernels(tmp_path, *forwards, quotas=[{"group": "family", "bytes": 10_000, "count": "upload"}]))
        with udp_client(lab.client1, server_address(), 7000) as a, udp_client(lab.client1, server_address(), 7010) as b:
            for _ in range(20):
                for client in (a, b):
                    with contextlib.suppress(ConnectionRefusedError):
                        client.send(b"x" * 972)
        both = [daemon.wait_for_forward(name, state="cut") for name in ("a", "b")]
        assert sum(each["upload"] for each in both) == 10_000 and len(target.received) == 10


def test_reject_and_throttle(lab, tidegate, tmp_path):
    with contextlib.closing(TcpServer(lab.server, echo)):
        daemon = tidegate.run(kernels(tmp_path, kernel(limit=10_000, limit_action="reject"),
                                      kernel("slow", 7010, limit=100_000, limit_action="throttle", limit_throttle="1MB/s")))
        with connect(lab.client1, server_address()) as old:
            assert len(exchange(old, b"x" * 20_000)) == 20_000
            daemon.wait_for_forward(state="rejecting")
            wait_until(lambda: refused(lab.client1), "new clients to be refused")
            assert exchange(old) == b"ping", "an open connection goes on"
        with connect(lab.client1, server_address(), 7010) as slow:
            began = time.monotonic()
            crowd = Crowd(lambda: pour(slow, 2 * MB))
            assert drain(slow) == 2 * MB
            crowd.join()
            assert time.monotonic() - began > 2, "four megabytes, there and back, at one a second, of which a second's worth at once"
        daemon.wait_for_forward("slow", state="throttled")


def test_what_the_host_must_allow_is_said_and_set_only_where_it_may_be(lab, tidegate, tmp_path):
    config = kernels(tmp_path, kernel(target_host=client_address(2)), manage_sysctl=False)
    done = lab.server.run(tidegate.binary, "run", "-c", tidegate.configure(config), "--control", tidegate.control)
    assert done.returncode == 1
    assert 'forward "web": net.ipv4.ip_forward is 0, and is needed to pass packets on to 10.77.2.2' in done.stderr
    setting = "/proc/sys/net/ipv4/conf/all/route_localnet"
    daemon = tidegate.run(kernels(tmp_path, kernel()))
    assert lab.server.run("cat", setting).stdout == "1\n"
    with contextlib.closing(TcpServer(lab.server, echo, port=7999)):
        lab.client1.ip(f"route add 127.9.9.9/32 via {server_address()}")
        with lab.client1.socket() as intruder:
            intruder.settimeout(0.5)
            assert intruder.connect_ex(("127.9.9.9", 7999)) != 0
    assert daemon.end()[0] == 0
    assert lab.server.run("cat", setting).stdout == "0\n", "what it opened is closed again"


def test_a_port_that_is_taken_is_not_taken_over(lab, tidegate, tmp_path):
    with contextlib.closing(TcpServer(lab.server, echo, port=LISTEN, address="0.0.0.0")):
        done = lab.server.run(tidegate.binary, "run", "-c", tidegate.configure(kernels(tmp_path, kernel())), "--control", tidegate.control)
        assert done.returncode == 1 and f'forward "web": bind *:{LISTEN}: Address already in use' in done.stderr


def test_a_forward_changes_its_engine(lab, tidegate, tmp_path):
    with contextlib.closing(TcpServer(lab.server, echo)):
        daemon = tidegate.run(kernels(tmp_path, forward()))
        with connect(lab.client1, server_address()) as connection:
            assert exchange(connection) == b"ping"
        reload(tidegate, kernels(tmp_path, kernel()))
        with connect(lab.client1, server_address()) as connection:
            assert exchange(connection) == b"ping"
        daemon.wait_for_forward(engine="kernel", connections=2, open_connections=0)
        reload(tidegate, kernels(tmp_path, forward()))
        with connect(lab.client1, server_address()) as connection:
            assert exchange(connection) == b"ping"
        daemon.wait_for_forward(engine="user", connections=3)
        assert daemon.forward()["upload"] > 12
        wait_until(lambda: rules(lab).returncode != 0, "the table to go when the last connection has")


def test_a_service_behind_it_is_woken_and_kept_awake(lab, tidegate, tmp_path):
    service = answering(tmp_path, tcp=TARGET, idle="2s")
    del service["ports"]  # those of the forward are its own
    daemon = tidegate.run(kernels(tmp_path, kernel(service="service"), services=[service]))
    assert refused(lab.client1), "the first client is not held"
    daemon.wait_for_state("awake")
    with connect(lab.client1, server_address()) as connection:
        assert answer_of(connection, b"GET / HTTP/1.0\r\n\r\n")
    daemon.wait_for_state("asleep")
    assert daemon.events("service", "woke")


@pytest.mark.usefixtures("queue_here")
@pytest.mark.parametrize("family", [V4, V6])
@pytest.mark.parametrize("place", ["own", "remote"])
def test_with_hold_queue_a_service_behind_it_loses_no_first_client(lab, tidegate, tmp_path, family, place):
    lab.route_clients()
    address, inside = server_address(1, family), ""  # by which a client is answered
    if place == "remote":
        address, inside = client_address(2, family), " ".join(lab.client2.command()) + " "
    service = answering(tmp_path, tcp=TARGET, udp=TARGET, hold="queue", ready={"tcp": endpoint(address, TARGET)})
    del service["ports"]  # those of the forward are its own
    service |= {"start": f"sleep 0.3; {inside}{service['start']}", "stop": inside + service["stop"]}
    daemon = tidegate.run(kernels(tmp_path, kernel(target_host=address, protocol="both", service="service"), services=[service]))
    asked = server_address(1, family)

    def ask(number):
        client = lab.server if number % 3 == 0 else lab.client1
        if number % 2:
            return ask_tcp_once(client, LISTEN, asked) == "hello from service\n"
        return ask_udp_once(client, LISTEN, asked, b"%d" % number) == b"%d" % number

    assert all(crowd_of(40, ask).join())
    counts = daemon.service()["queue"]
    assert counts["let_go"] == counts["held"] > 0 and daemon.kinds().count("woke") == 1
    daemon.wait_for_forward(connections=20, sessions=20)


def test_a_crash_leaves_rules_that_the_next_start_without_forwards_removes(lab, tidegate, tmp_path):
    daemon = tidegate.run(kernels(tmp_path, kernel()))
    daemon.kill()
    assert rules(lab).returncode == 0
    start = {"name": "s", "ports": ["tcp/9"], "start": "true", "stop": "true"}
    tidegate.run({"services": [start]})
    assert rules(lab).returncode != 0


def test_two_of_them_on_one_host_do_not_meet(lab, tidegate, tmp_path):
    tidegate.run(kernels(tmp_path, kernel()))
    other = tmp_path / "other.yaml"
    other.write_text(json.dumps({"forwards": [kernel("web", 7010)], "store": str(tmp_path / "other.db"), "manage_sysctl": True}))
    done = lab.server.run(tidegate.binary, "run", "-c", other, "--control", tmp_path / "other.sock")
    assert done.returncode == 1 and "another tidegate has the kernel forwards of this host" in done.stderr


def test_it_ends_by_signal_while_connections_are_open(lab, tidegate, tmp_path):
    with contextlib.closing(TcpServer(lab.server, echo)):
        daemon = tidegate.run(kernels(tmp_path, kernel()))
        with connect(lab.client1, server_address()) as connection:
            assert exchange(connection) == b"ping"
            assert daemon.end(signal.SIGINT)[0] == 0
            wait_until(lambda: ends(connection), "the client to be told", DEADLINE)
        assert "7467" not in lab.server.run("cat", "/proc/net/nf_conntrack").stdout
