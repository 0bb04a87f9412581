"""Hold `queue`: packets that wait in the kernel while their service sleeps, with real clients and a real service."""

import socket

import pytest

from support import packets as p
from support.api import Api
from support.clients import knock_tcp, knock_udp
from support.crowd import Crowd, ask_tcp_once, ask_udp_once, crowd_of
from support.netns import client_address, server_address
from support.openapi import OpenApi
from support.service import answering, start_stop
from support.waiting import again_until, wait_until

IPV4, IPV6 = socket.AF_INET, socket.AF_INET6
FAMILIES = pytest.mark.parametrize("family", [IPV4, IPV6], ids=["ipv4", "ipv6"])
HELLO = "hello from service\n"


pytestmark = pytest.mark.usefixtures("queue_here")


def held(folder, start_delay="", **keys):
    """A service that waits in the queue; a shell line may come before its start."""
    service = answering(folder, **({"tcp": 8080} if "udp" not in keys else {}), **keys) | {"hold": "queue"}
    if start_delay:
        service["start"] = f"{start_delay}; {service['start']}"
    return service


def tables(host):
    listed = host.run("nft", "list", "tables").stdout
    return sorted(line.split()[1] for line in listed.splitlines() if "tidegate" in line)


def queued(host):
    """How many packets wait in the kernel."""
    lines = host.run("cat", "/proc/net/netfilter/nfnetlink_queue").stdout.splitlines()
    return sum(int(line.split()[2]) for line in lines)


def in_background(ask):
    crowd = Crowd(ask)
    return lambda: crowd.join()[0]


@FAMILIES
def test_the_first_tcp_client_waits_and_is_answered(lab, tidegate, tmp_path, family):
    daemon = tidegate.run([held(tmp_path, "sleep 0.3", idle="1s")])
    assert tables(lab.server) == ["ip", "ip6"]
    assert ask_tcp_once(lab.client1, 8080, server_address(1, family)) == HELLO
    text = daemon.wait_for_event("woke")["text"]
    assert text.startswith(f"TCP {'[' if family == IPV6 else ''}{client_address(1, family)}") and text.endswith(", held by queue")
    assert daemon.why()["woken_by"]["sensor"] == "queue"
    wait_until(lambda: tables(lab.server) == [], "nothing in the path once it is awake")
    assert daemon.service()["queue"] | {"holding": False, "waiting": 0, "held": 1, "let_go": 1} == daemon.service()["queue"]
    daemon.wait_for_event("slept")
    wait_until(lambda: tables(lab.server) == ["ip", "ip6"], "the rules of a service that sleeps")
    assert ask_tcp_once(lab.client1, 8080, server_address(1, family)) == HELLO


@FAMILIES
def test_the_first_datagram_waits_until_somebody_listens(lab, tidegate, tmp_path, family):
    service = held(tmp_path, udp=9000)
    service["start"] = f"(sleep 0.7; {service['start']}) >/dev/null 2>&1 &"  # ready at once, its port open only later
    daemon = tidegate.run([service])
    assert ask_udp_once(lab.client1, 9000, server_address(1, family), b"first") == b"first"
    assert daemon.wait_for_event("woke")["text"].endswith(", held by queue")
    wait_until(lambda: tables(lab.server) == [], "nothing in the path once it is awake")


@pytest.mark.parametrize("protocol", ["tcp", "udp"])
def test_a_hundred_clients_at_once_are_all_served(lab, tidegate, tmp_path, protocol):
    service = held(tmp_path, "sleep 0.5") if protocol == "tcp" else held(tmp_path, "sleep 0.5", udp=8080)
    daemon = tidegate.run([service])

    def ask(number):
        host, at = (lab.client1, 1) if number % 2 else (lab.client2, 2)
        address = server_address(at, IPV6 if number % 5 == 0 else IPV4)
        if protocol == "tcp":
            return ask_tcp_once(host, 8080, address)
        return ask_udp_once(host, 8080, address, b"%d" % number)

    answers = crowd_of(100, ask).join()
    assert answers == ([HELLO] * 100 if protocol == "tcp" else [b"%d" % number for number in range(100)])
    counts = daemon.service()["queue"]
    assert daemon.kinds().count("woke") == 1
    assert counts["let_go"] == counts["held"] > 0 and counts["waiting"] == 0
    assert sum(counts[name] for name in ("dropped_full", "dropped_old", "dropped_failed", "lost")) == 0


@FAMILIES
def test_a_client_on_this_host_waits_too_and_only_once(lab, tidegate, tmp_path, family):
    daemon = tidegate.run([held(tmp_path, "sleep 0.3")])
    asked = in_background(lambda: ask_tcp_once(lab.server, 8080, "127.0.0.1" if family == IPV4 else "::1"))
    assert asked() == HELLO
    assert daemon.service()["queue"]["held"] == 1
    sensor = next(sensor for sensor in daemon.status()["sensors"] if sensor["name"] == "queue")
    assert sensor["packets"] <= 1 + 20, "itself, and probes that pass"


def test_what_does_not_want_it_goes_on_at_once(lab, tidegate, tmp_path):
    daemon = tidegate.run([held(tmp_path, wake={"not_from": [client_address(1)]})])
    with lab.client1.socket() as client:
        client.settimeout(20)
        with pytest.raises(ConnectionRefusedError):
            client.connect((server_address(), 8080))
    assert daemon.kinds() == [] and daemon.service()["queue"]["held"] == 0
    assert ask_tcp_once(lab.client2, 8080, server_address(2)) == HELLO


def test_a_scanner_s_single_packet_waits_in_vain_and_a_client_that_tries_again_wakes(lab, tidegate, tmp_path):
    daemon = tidegate.run([held(tmp_path, wake={"packets": "2/10s"})])
    assert ask_tcp_once(lab.client1, 8080) == HELLO  # its SYN came twice
    counts = daemon.service()["queue"]
    assert counts["repeated"] >= 1 and counts["held"] == 1


def test_no_packet_waits_for_ever(lab, tidegate, tmp_path):
    daemon = tidegate.run([held(tmp_path, udp=9000, wake={"packets": "5/10s"}, start_timeout="1s")])
    knock_udp(lab.client1, 9000)
    wait_until(lambda: daemon.service()["queue"]["waiting"] == 1, "the packet that waits")
    wait_until(lambda: daemon.service()["queue"]["dropped_old"] == 1, "its end")
    assert queued(lab.server) == 0
    assert "1 dropped (1 waited too long)" in tidegate.ctl("status").stdout
    assert "0 packets of 0 clients wait; 0 went on, 1 dropped" in tidegate.ctl("why", "service").stdout


def test_who_waits_for_a_start_that_fails_is_dropped_and_served_by_the_next_try(lab, tidegate, tmp_path):
    fails_once = f"test -e {tmp_path}/again || {{ touch {tmp_path}/again; sleep 0.2; exit 1; }}"
    daemon = tidegate.run([held(tmp_path, fails_once, retry={"first": "300ms", "most": "300ms"})])
    assert ask_tcp_once(lab.client1, 8080) == HELLO, "its SYN was sent again"
    assert daemon.kinds().count("start failed") == 1
    assert daemon.service()["queue"]["dropped_failed"] == 1
    assert "1 packets of 1 clients that waited in the queue are dropped, as the start failed" in daemon.wait_for_event("trouble")["text"]


def test_a_start_that_is_called_off_lets_go_who_waits(lab, tidegate, tmp_path):
    daemon = tidegate.run([held(tmp_path, "sleep 20")])

    def refused():
        with pytest.raises(ConnectionRefusedError):
            ask_tcp_once(lab.client1, 8080)
        return True

    asked = in_background(refused)
    daemon.wait_for_state("waking")
    tidegate.ctl("stop", "service")
    assert asked() and daemon.state() == "asleep"


def test_who_comes_while_it_stops_waits_for_the_next_start(lab, tidegate, tmp_path):
    service = held(tmp_path, idle="500ms")
    service["stop"] = f"{service['stop']}; touch {tmp_path}/down; sleep 0.7"
    daemon = tidegate.run([service])
    assert ask_tcp_once(lab.client1, 8080) == HELLO
    wait_until((tmp_path / "down").exists, "the stop that takes its time")
    assert ask_tcp_once(lab.client1, 8080) == HELLO
    assert daemon.kinds().count("woke") == 2


def test_kill_9_while_packets_wait_leaves_the_path_free_and_the_next_life_is_clean(lab, tidegate, tmp_path):
    daemon = tidegate.run([held(tmp_path, "sleep 600")])
    asked = in_background(lambda: ask_tcp_once(lab.client1, 8080))
    wait_until(lambda: queued(lab.server) == 1, "a packet that waits")
    start, stop = start_stop(tmp_path / "other.pid", "service", 8080)
    assert lab.server.run("sh", "-c", start).returncode == 0
    wait_until(lambda: ":8080" in lab.server.run("ss", "-ltn").stdout, "somebody who answers")
    try:
        daemon.kill()
        wait_until(lambda: tables(lab.server) == [], "the end of the table with its owner")
        assert asked() == HELLO, "it tried again, and nothing was in the way"
        assert ask_tcp_once(lab.client1, 8080) == HELLO
    finally:
        lab.server.run("sh", "-c", stop)
    again = tidegate.run([held(tmp_path)], control=tmp_path / "again.sock")
    assert ask_tcp_once(lab.client1, 8080) == HELLO
    assert again.service()["queue"]["let_go"] == 1
    again.end()
    assert tables(lab.server) == []


def test_a_flush_of_the_rule_set_neither_loses_the_client_nor_the_rules(lab, tidegate, tmp_path):
    lab.server.run("nft", "-f", "-", input="table inet x {\n chain c {\n  type filter hook prerouting priority 0;\n }\n}\n", check=True)
    daemon = tidegate.run([held(tmp_path, f"while ! test -e {tmp_path}/go; do sleep 0.05; done")])
    asked = in_background(lambda: ask_tcp_once(lab.client1, 8080))
    wait_until(lambda: daemon.service()["queue"]["waiting"] == 1, "a packet that waits")
    lab.server.run("nft", "flush", "ruleset", check=True)
    wait_until(lambda: tables(lab.server) == ["ip", "ip6"], "the rules", deadline=1)
    (tmp_path / "go").touch()
    assert asked() == HELLO


def test_at_its_end_it_lets_go_who_waits_and_leaves_nothing_behind(lab, tidegate, tmp_path):
    daemon = tidegate.run([held(tmp_path, udp=9000, wake={"packets": "5/10s"})])
    with lab.client1.socket(kind=socket.SOCK_DGRAM) as client, lab.server.socket(kind=socket.SOCK_DGRAM) as server:
        client.sendto(b"waits", (server_address(), 9000))
        wait_until(lambda: queued(lab.server) == 1, "a packet that waits")
        server.bind((server_address(), 9000))
        server.settimeout(20)
        daemon.end()
        assert server.recv(100) == b"waits"
    assert tables(lab.server) == []


def test_many_services_share_one_queue(lab, tidegate, tmp_path):
    count = 12
    services = [held(tmp_path, "sleep 0.2", name=f"s{n}") | answering(tmp_path, f"s{n}", tcp=8000 + n) for n in range(count)]
    daemon = tidegate.run(services)
    answers = crowd_of(count, lambda n: ask_tcp_once(lab.client1, 8000 + n)).join()
    assert answers == [f"hello from s{n}\n" for n in range(count)]
    assert all(daemon.service(f"s{n}")["queue"]["let_go"] == 1 for n in range(count))
    assert len([sensor for sensor in daemon.status()["sensors"] if sensor["name"] == "queue"]) == 1


def test_a_flood_of_one_client_leaves_room_for_others(lab, tidegate, tmp_path):
    go = tmp_path / "go"
    daemon = tidegate.run([held(tmp_path, f"while ! test -e {go}; do sleep 0.05; done", udp=9000)])
    with lab.client1.socket(kind=socket.SOCK_DGRAM) as client:
        again_until(
            lambda: [client.sendto(b"x" * 100, (server_address(), 9000)) for _ in range(100)],
            lambda: daemon.service()["queue"]["dropped_full"] > 0,
            "the bound",
            every=0,
        )
    assert daemon.service()["queue"]["waiting"] == 1024
    asked = in_background(lambda: ask_udp_once(lab.client2, 9000, server_address(2), b"me too"))
    wait_until(lambda: daemon.service()["queue"]["waiting"] == 1025, "another client")
    assert "as there was no room for more in the queue" in daemon.wait_for_event("trouble")["text"]
    go.touch()
    assert asked() == b"me too"


def test_a_flood_of_syns_from_anywhere_is_bounded_and_who_was_there_first_is_served(lab, tidegate, tmp_path):
    go = tmp_path / "go"
    daemon = tidegate.run([held(tmp_path, f"while ! test -e {go}; do sleep 0.05; done")])
    asked = in_background(lambda: ask_tcp_once(lab.client1, 8080))
    wait_until(lambda: daemon.service()["queue"]["waiting"] == 1, "the client that comes first")
    memory = daemon.memory()
    flood = [p.ethernet(p.ipv4(p.tcp(1024 + n, 8080), source=f"198.51.{n // 250}.{n % 250 + 1}")) for n in range(5000)]

    def full():
        counts = daemon.service()["queue"]
        sensor = next(sensor for sensor in daemon.status()["sensors"] if sensor["name"] == "queue")
        return counts["waiting"] == 4096 and counts["dropped_full"] + sensor["dropped_kernel"] > 0

    again_until(lambda: lab.client1.send_frames("eth0", *flood), full, "the bound")
    assert queued(lab.server) <= 16384 and daemon.memory() - memory < 64 << 20
    go.touch()
    assert asked() == HELLO
    wait_until(lambda: daemon.service()["queue"]["waiting"] == 0 and tables(lab.server) == [], "an empty queue")


def test_the_api_and_the_metrics_tell_what_waits(lab, tidegate, tmp_path):
    service = held(tmp_path, udp=9000, wake={"packets": "5/10s"})
    tidegate.run({"api": {}, "store": str(tmp_path / "db"), "services": [service]})
    knock_udp(lab.client1, 9000)
    api = Api(lab.server)
    wait_until(lambda: api.get("/api/v1/services/service")["queue"]["waiting"] == 1, "the packet that waits")
    document = OpenApi(api.get("/api/v1/openapi.json"))
    document.check_answer("GET", "/api/v1/services/service", 200, api.get("/api/v1/services/service"))
    metrics = api.ask("GET", "/metrics")[2]
    assert 'tidegate_queue_waiting{service="service"} 1' in metrics
    assert 'tidegate_queue_packets_total{service="service",outcome="let_go"} 0' in metrics


def test_a_reload_takes_it_up_and_lets_it_go(lab, tidegate, tmp_path):
    daemon = tidegate.run([answering(tmp_path, tcp=8080)])
    assert tables(lab.server) == []
    assert not knock_tcp(lab.client2, 8081, server_address(2))
    tidegate.configure([held(tmp_path, udp=9000, wake={"packets": "5/10s"})])
    assert tidegate.ctl("reload").returncode == 0
    assert tables(lab.server) == ["ip", "ip6"]
    knock_udp(lab.client1, 9000)
    wait_until(lambda: queued(lab.server) == 1, "a packet that waits")
    tidegate.configure([answering(tmp_path, tcp=8080)])
    assert tidegate.ctl("reload").returncode == 0
    assert tables(lab.server) == [] and queued(lab.server) == 0
    assert daemon.service()["queue"] is None


def test_a_probe_that_is_a_command_may_ask_the_service_itself(lab, tidegate, tmp_path, tool):
    daemon = tidegate.run([held(tmp_path, ready={"command": f"{tool('curl')} -sf http://127.0.0.1:8080/"})])
    assert ask_tcp_once(lab.client1, 8080) == HELLO
    daemon.wait_for_state("awake")


def test_without_the_right_it_says_so_and_does_not_start(lab, tidegate, tmp_path, tool):
    tidegate.configure([held(tmp_path)])
    done = lab.server.run(
        tool("setpriv"), "--bounding-set=-net_admin", "--inh-caps=-net_admin", tidegate.binary, "run", "-c", tidegate.config,
        "--control", tmp_path / "x.sock", cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 1 and "hold: queue" in done.stderr and "CAP_NET_ADMIN" in done.stderr, done.stderr
