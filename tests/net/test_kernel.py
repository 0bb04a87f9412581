"""The sensor `kernel`: wakes, counts and idle times by an eBPF program, on every way that traffic takes."""

import signal
import socket
import threading
import time

import pytest

from support.bpf import hooked, voluntary_switches
from support.clients import ask_tcp, ask_udp, knock_udp
from support.flows import UdpEcho
from support.netns import client_address, server_address
from support.service import answering
from support.waiting import again_until, wait_until

pytestmark = pytest.mark.usefixtures("kernel_sensor")

CONTAINER, CONTAINER6, BRIDGE = "10.88.0.2", "fd88::2", "10.88.0.1"


def sensor(daemon, name="kernel"):
    return next(sensor for sensor in daemon.status()["sensors"] if sensor["name"] == name)


@pytest.fixture
def container(lab):
    """A host behind a bridge of the server, as container engines make them: client2 gets a second link."""
    host = lab.client2
    lab.server.ip(
        "link add br0 type bridge",
        f"link add veth0 type veth peer name cont0 netns {host.name}",
        "link set veth0 master br0",
        f"addr add {BRIDGE}/24 dev br0",
        "addr add fd88::1/64 dev br0 nodad",
        "link set br0 up",
        "link set veth0 up",
    )
    host.ip(
        f"addr add {CONTAINER}/24 dev cont0",
        f"addr add {CONTAINER6}/64 dev cont0 nodad",
        "link set cont0 up",
        f"route add 10.77.1.0/24 via {BRIDGE}",
        "route add fd77:1::/64 via fd88::1",
    )
    with lab.server.entered():
        for key in ("ipv4/ip_forward", "ipv6/conf/all/forwarding"):
            with open(f"/proc/sys/net/{key}", "w", encoding="ascii") as file:
                file.write("1")
    lab.client1.ip(f"route add 10.88.0.0/24 via {server_address()}", f"route add fd88::/64 via {server_address(1, socket.AF_INET6)}")
    return host


@pytest.fixture
def echo(container):
    """What answers in the container, at both of its addresses."""
    servers = [UdpEcho(container, 9000, address) for address in (CONTAINER, CONTAINER6)]
    yield
    for server in servers:
        server.close()


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6], ids=["ipv4", "ipv6"])
def test_a_client_on_another_host_wakes_it_is_counted_and_it_sleeps_again(lab, tidegate, tmp_path, family):
    daemon = tidegate.run([answering(tmp_path, udp=8211, idle="1s")])
    assert [sensor["name"] for sensor in daemon.status()["sensors"]] == ["kernel"]
    assert ask_udp(lab.client1, 8211, server_address(1, family)) == "ping"
    daemon.wait_for_state("awake")
    woke = daemon.wait_for_event("woke")
    assert woke["text"].endswith("sensor kernel on eth1") and client_address(1, family) in woke["text"], woke
    ask_udp(lab.client1, 8211, server_address(1, family))
    status = daemon.service()
    assert status["clients"] >= 1 and status["bytes_in"] > 0 and status["bytes_out"] > 0
    assert client_address(1, family) in daemon.why()["client_list"][0]["client"]
    daemon.wait_for_event("slept")


def test_a_tcp_client_of_the_host_itself_wakes_it_over_loopback(lab, tidegate, tmp_path):
    daemon = tidegate.run([answering(tmp_path, "tide", tcp=8080, idle="1s")])
    assert ask_tcp(lab.server, 8080, "127.0.0.1") == "hello from tide\n"
    assert daemon.wait_for_event("woke")["text"].endswith("sensor kernel on lo")
    daemon.wait_for_event("slept")
    assert ask_tcp(lab.server, 8080, "::1") == "hello from tide\n"
    assert daemon.wait_for_event("woke", count=2)["text"].endswith("sensor kernel on lo")


@pytest.mark.parametrize("address", [CONTAINER, CONTAINER6], ids=["ipv4", "ipv6"])
@pytest.mark.parametrize("where", ["server", "client1"])
def test_traffic_to_a_container_wakes_it_from_the_host_and_from_beyond(lab, tidegate, diary, echo, where, address):
    daemon = tidegate.run([diary.service(address=[CONTAINER, CONTAINER6], idle="2s")])
    client = getattr(lab, where)
    assert ask_udp(client, 9000, address) == "ping"
    woke = daemon.wait_for_event("woke")
    assert woke["text"].endswith("sensor kernel on eth1" if where == "client1" else "sensor kernel on br0"), woke
    daemon.wait_for_state("awake")
    wait_until(lambda: daemon.service()["bytes_out"] > 0, "the answer to be counted")
    # Ten datagrams of one client there and back, on up to three interfaces each: counted once.
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with client.socket(family, socket.SOCK_DGRAM) as speaker:
        speaker.settimeout(10)
        speaker.connect((address, 9000))
        for _ in range(10):
            speaker.send(b"x" * 100)
            assert speaker.recv(200) == b"x" * 100
        port = speaker.getsockname()[1]

    def of_the_speaker():
        return [line for line in daemon.why()["client_list"] if line["client"].endswith(f":{port}")]

    wait_until(of_the_speaker, "the client among those that are shown")
    header = 48 if ":" in address else 28
    wait_until(lambda: of_the_speaker()[0]["packets"] == 20, lambda: f"20 packets: {of_the_speaker()}")
    assert of_the_speaker()[0]["bytes_in"] == of_the_speaker()[0]["bytes_out"] == 10 * (100 + header)
    daemon.wait_for_event("slept")


def test_a_port_of_the_host_that_is_led_on_to_a_container_wakes_it(lab, tidegate, diary, echo):
    rules = f"table ip t {{ chain pre {{ type nat hook prerouting priority -100; udp dport 8000 dnat to {CONTAINER}:9000; }}; }}"
    made = lab.server.run("nft", "-f", "-", input=rules)
    if made.returncode != 0:
        pytest.skip(f"no destination NAT here: {made.stderr}")
    daemon = tidegate.run([diary.service("outside", ["udp/8000"], idle="1s"), diary.service("inside", address=CONTAINER, idle="1s")])
    assert ask_udp(lab.client1, 8000) == "ping"
    assert daemon.wait_for_event("woke", "outside")["text"].endswith("sensor kernel on eth1")
    assert daemon.wait_for_event("woke", "inside")["text"].endswith("sensor kernel on br0")
    daemon.wait_for_event("slept", "outside")
    daemon.wait_for_event("slept", "inside")


def test_steady_traffic_keeps_it_awake_and_wakes_nobody(lab, tidegate, diary):
    daemon = tidegate.run([diary.service(idle="1s")])
    ending = threading.Event()

    def speak():
        with lab.client1.socket(kind=socket.SOCK_DGRAM) as speaker:
            while not ending.is_set():
                try:
                    speaker.sendto(b"hello", (server_address(), 9000))
                except ConnectionRefusedError:
                    pass
                time.sleep(0.001)

    speaker = threading.Thread(target=speak)
    speaker.start()
    try:
        daemon.wait_for_state("awake")
        time.sleep(0.2)  # what was handed up meanwhile is read
        before, switches, began = sensor(daemon), voluntary_switches(daemon.pid), time.monotonic()
        wait_until(lambda: time.monotonic() - began > 4, "four times the idle time", deadline=60)
        woken = voluntary_switches(daemon.pid) - switches
        after = sensor(daemon)
    finally:
        ending.set()
        speaker.join()
    assert after["packets"] - before["packets"] > 400, "there was traffic"
    assert after["handed_up"] == before["handed_up"]
    assert woken < 40, f"{woken} times in four seconds: its own timers, and no packet"
    assert daemon.kinds() == ["woke", "ready"]
    daemon.wait_for_event("slept")


def test_a_client_that_comes_while_it_stops_is_not_forgotten(lab, tidegate, diary):
    daemon = tidegate.run([diary.service(idle="300ms", stop=f"{diary.note('stop service')}; sleep 1")])
    knock_udp(lab.client1, 9000)
    daemon.wait_for_state("stopping")
    knock_udp(lab.client1, 9000)
    daemon.wait_for_event("woke", count=2)


def test_its_own_probes_and_checks_do_not_keep_it_awake(lab, tidegate, tmp_path):
    service = answering(tmp_path, tcp=8080, idle="2s", ready={"tcp": 8080})
    forward = {"name": "web", "listen_port": 8081, "target_port": 8080, "check": {"tcp": {"every": "100ms"}}}
    daemon = tidegate.run({"services": [service], "forwards": [forward], "store": str(tmp_path / "store.db")})
    ask_tcp(lab.client1, 8080)
    daemon.wait_for_event("slept")
    events = daemon.events("service", "woke")
    assert len(events) == 1 and "10.77.1.2" in events[0]["text"], events


def test_an_interface_that_comes_later_is_watched(lab, tidegate, diary):
    daemon = tidegate.run([diary.service()])
    lab.server.ip(f"link add late type veth peer name eth9 netns {lab.client1.name}", "addr add 10.99.0.1/24 dev late", "link set late up")
    lab.client1.ip("addr add 10.99.0.2/24 dev eth9", "link set eth9 up")
    wait_until(lambda: ("late", "ingress") in hooked(lab.server), lambda: f"a hook there: {hooked(lab.server)}")
    again_until(lambda: knock_udp(lab.client1, 9000, "10.99.0.1"), lambda: daemon.events(kind="woke"), "the wake")
    assert daemon.events(kind="woke")[0]["text"].endswith("sensor kernel on late")


def test_a_killed_one_leaves_nothing_and_the_next_hooks_each_interface_once(lab, tidegate, diary):
    once = [(name, way) for name in ("eth1", "eth2") for way in ("egress", "ingress")] + [("lo", "ingress")]
    first = tidegate.run([diary.service()])
    wait_until(lambda: hooked(lab.server) == once, lambda: f"{hooked(lab.server)}")
    first.kill()
    second = tidegate.run([diary.service()])
    wait_until(lambda: hooked(lab.server) == once, lambda: f"{hooked(lab.server)}")
    knock_udp(lab.client1, 9000)
    second.wait_for_event("woke")
    second.end(signal.SIGTERM)
    assert hooked(lab.server) == []


def test_a_service_goes_from_one_sensor_to_the_other_and_back_by_a_reload(lab, tidegate, diary):
    daemon = tidegate.run([diary.service(idle="2s")])
    knock_udp(lab.client1, 9000)
    daemon.wait_for_state("awake")
    tidegate.configure([diary.service(idle="2s", sensor="pcap")])
    assert tidegate.ctl("reload").returncode == 0
    assert [sensor["name"] for sensor in daemon.status()["sensors"]] == ["pcap on any"] and hooked(lab.server) == []
    assert daemon.state() == "awake"
    tidegate.configure([diary.service(idle="2s")])
    assert tidegate.ctl("reload").returncode == 0
    assert [sensor["name"] for sensor in daemon.status()["sensors"]] == ["kernel"]
    daemon.wait_for_event("slept")
    knock_udp(lab.client1, 9000)
    assert daemon.wait_for_event("woke", count=2)["text"].endswith("sensor kernel on eth1")


def test_rules_of_networks_flags_and_length_hold_in_the_kernel(lab, tidegate, diary):
    rules = {"wake": {"not_from": [client_address(1)], "min_bytes": 4}, "keep": {"not_from": [client_address(1)]}}
    daemon = tidegate.run([diary.service(idle="1s", **rules)])
    knock_udp(lab.client1, 9000)
    knock_udp(lab.client2, 9000, server_address(2), payload=b"abc")
    wait_until(lambda: sensor(daemon)["packets"] >= 2, "both to be counted")
    assert daemon.kinds() == [] and sensor(daemon)["handed_up"] == 0
    knock_udp(lab.client2, 9000, server_address(2))
    daemon.wait_for_event("woke")
    again_until(lambda: knock_udp(lab.client1, 9000), lambda: daemon.events(kind="slept"), "to sleep in spite of them")


def test_what_needs_each_packet_is_watched_by_pcap(lab, tidegate, diary):
    daemon = tidegate.run([diary.service("plain"), diary.service("rate", ["udp/9001"], wake={"packets": "3/10s"})])
    assert {sensor["name"] for sensor in daemon.status()["sensors"]} == {"kernel", "pcap on any"}
    for _ in range(2):
        knock_udp(lab.client1, 9001)
    knock_udp(lab.client1, 9000)
    daemon.wait_for_event("woke", "plain")
    knock_udp(lab.client1, 9001)
    daemon.wait_for_event("woke", "rate")


def without_ebpf(command):
    return ["setpriv", "--bounding-set", "-bpf,-sys_admin,-perfmon", *command]


def test_without_the_capability_pcap_takes_its_place_and_the_log_says_why(lab, tidegate, diary, tool):
    tidegate.configure([diary.service()])
    tool("setpriv")
    words = without_ebpf([tidegate.binary, "run", "-c", tidegate.config])
    process = tidegate.start(*words)
    told = process.wait_for_log(r"sensor kernel: .*CAP_BPF.*; pcap watches the ports")
    assert told
    process.wait_for_log("watches over 1 service")
    again_until(lambda: knock_udp(lab.client1, 9000), lambda: diary.lines(), "the wake")


def test_who_insists_on_it_is_told_why_it_cannot_be_had(lab, tidegate, diary, tool):
    tidegate.configure([diary.service(sensor="kernel")])
    tool("setpriv")
    words = without_ebpf([tidegate.binary, "run", "-c", tidegate.config])
    done = lab.server.run(*words, cwd=tidegate.folder)
    assert done.returncode == 1 and "service: sensor kernel: " in done.stderr and "CAP_BPF" in done.stderr


def test_wake_takes_the_sensor_as_a_flag(lab, tidegate, diary):
    daemon = tidegate.wake("--udp", 9000, "--start", diary.note("start"), "--sensor", "pcap")
    assert [sensor["name"] for sensor in daemon.status()["sensors"]] == ["pcap on any"]
    refused = tidegate.command("wake", "--udp", 9000, "--start", "true", "--sensor", "nflog")
    assert refused.returncode == 2 and "--sensor" in refused.stderr and "kernel" in refused.stderr
