"""Hold `queue` on the ways that packets take to a service elsewhere: a container behind a bridge, destination NAT, a
host behind this one; and what holds by a forward and by nothing do about handshakes."""

import socket

import pytest

from support.crowd import ask_tcp_once, ask_udp_once, crowd_of
from support.netns import client_address, server_address
from support.packets import endpoint, ethernet, ipv4, tcp
from support.service import answering
from support.waiting import wait_until

IPV4, IPV6 = socket.AF_INET, socket.AF_INET6
FAMILIES = pytest.mark.parametrize("family", [IPV4, IPV6], ids=["ipv4", "ipv6"])
HELLO = "hello from service\n"

pytestmark = pytest.mark.usefixtures("queue_here")


class Container:
    """A namespace behind a bridge of the server's, as container engines make it: 10.88.0.2 and fd88::2."""

    addresses = {IPV4: "10.88.0.2", IPV6: "fd88::2"}

    def __init__(self, lab, folder):
        self.lab, self.folder = lab, folder
        self.host = lab.add_host("container")
        lab.server.ip(
            "link add br0 type bridge",
            "addr add 10.88.0.1/24 dev br0",
            "addr add fd88::1/64 dev br0 nodad",
            f"link add veth0 type veth peer name eth0 netns {self.host.name}",
            "link set veth0 master br0",
            "link set veth0 up",
            "link set br0 up",
        )
        self.host.ip(
            "addr add 10.88.0.2/24 dev eth0",
            "addr add fd88::2/64 dev eth0 nodad",
            "link set eth0 up",
            "route add default via 10.88.0.1",
            "route add ::/0 via fd88::1",
        )
        with lab.server.entered():
            for key in ("ipv4/ip_forward", "ipv6/conf/all/forwarding"):
                with open(f"/proc/sys/net/{key}", "w", encoding="ascii") as file:
                    file.write("1")
        lab.route_clients()

    def service(self, **keys):
        """A service that starts in the container, and is ready when it answers there."""
        own = answering(self.folder, tcp=8080, udp=8080)
        inside = " ".join(self.host.command())
        return own | {"start": f"sleep 0.3; {inside} {own['start']}", "stop": f"{inside} {own['stop']}", "hold": "queue"} | keys

    def publish(self):
        """Destination NAT of the server's port 80 to the container's 8080, for arriving and for local clients."""
        rules = ""
        for family, name, local in ((IPV4, "ip", "127.0.0.0/8"), (IPV6, "ip6", "::1")):
            match = f"fib daddr type local {name} daddr != {local} meta l4proto {{ tcp, udp }} th dport 80 dnat to {endpoint(self.addresses[family], 8080)}"
            rules += f"table {name} published {{\n"
            for hook, priority in (("prerouting", "dstnat"), ("output", "-100")):
                rules += f" chain {hook} {{\n  type nat hook {hook} priority {priority};\n  {match}\n }}\n"
            rules += "}\n"
        done = self.lab.server.run("nft", "-f", "-", input=rules)
        if done.returncode != 0:
            pytest.skip(f"no destination NAT here: {done.stderr}")


@pytest.fixture
def container(lab, tmp_path):
    return Container(lab, tmp_path)


@FAMILIES
def test_a_container_s_own_address_behind_a_bridge(lab, tidegate, container, family):
    address = container.addresses[family]
    daemon = tidegate.run([container.service(address=address)])
    assert ask_tcp_once(lab.client1, 8080, address) == HELLO
    assert daemon.wait_for_event("woke")["text"].endswith("held by queue")
    assert daemon.service()["queue"]["let_go"] == 1


@FAMILIES
def test_a_container_behind_destination_nat(lab, tidegate, container, family):
    container.publish()
    ready = {"tcp": endpoint(container.addresses[family], 8080)}
    daemon = tidegate.run([container.service(ports=["tcp/80", "udp/80"], ready=ready)])

    def ask(number):
        if number % 2:
            return ask_tcp_once(lab.client1, 80, server_address(1, family)) == HELLO
        return ask_udp_once(lab.client2, 80, server_address(2, family), b"%d" % number) == b"%d" % number

    assert all(crowd_of(20, ask).join())
    counts = daemon.service()["queue"]
    assert counts["let_go"] == counts["held"] and daemon.kinds().count("woke") == 1


@FAMILIES
def test_a_local_client_of_a_container_behind_destination_nat(lab, tidegate, container, family):
    container.publish()
    ready = {"tcp": endpoint(container.addresses[family], 8080)}
    daemon = tidegate.run([container.service(ports=["tcp/80"], ready=ready)])
    assert ask_tcp_once(lab.server, 80, server_address(1, family)) == HELLO
    assert daemon.service()["queue"]["held"] == 1


def test_a_container_is_a_client_too(lab, tidegate, container, tmp_path):
    daemon = tidegate.run([answering(tmp_path, tcp=8080, hold="queue")])
    assert ask_tcp_once(container.host, 8080, "10.88.0.1") == HELLO
    assert "10.88.0.2" in daemon.wait_for_event("woke")["text"]


def test_a_host_behind_this_one(lab, tidegate, container):
    """The client's network and the service's are joined by the server; the service is a process of another host."""
    inside = " ".join(lab.client2.command())
    own = answering(container.folder, tcp=8080)
    service = own | {"address": client_address(2), "start": f"{inside} {own['start']}", "stop": f"{inside} {own['stop']}", "hold": "queue"}
    daemon = tidegate.run([service])
    assert ask_tcp_once(lab.client1, 8080, client_address(2)) == HELLO
    assert daemon.service()["queue"]["let_go"] == 1


def test_an_interface_that_is_named_is_the_only_one_that_is_held(lab, tidegate, tmp_path):
    daemon = tidegate.run([answering(tmp_path, tcp=8080, hold="queue", interface="eth2")])
    with pytest.raises(ConnectionRefusedError):
        ask_tcp_once(lab.client1, 8080)
    assert daemon.kinds() == []
    assert ask_tcp_once(lab.client2, 8080, server_address(2)) == HELLO


def test_conntrack_and_large_fragmented_datagrams_do_not_mind(lab, tidegate, tmp_path):
    rules = "table inet t {\n chain c {\n  type filter hook input priority 0;\n  ct state invalid drop\n }\n}\n"
    if lab.server.run("nft", "-f", "-", input=rules).returncode != 0:
        pytest.skip("no conntrack here")
    tidegate.run([answering(tmp_path, udp=9000, hold="queue", start="sleep 0.2; " + answering(tmp_path, udp=9000)["start"])])
    assert ask_udp_once(lab.client1, 9000, payload=b"x" * 4000) == b"x" * 4000


def test_the_packet_that_woke_it_is_kept_whole(lab, tidegate, tmp_path, tool):
    savefile = tmp_path / "wakes.pcap"
    tidegate.run([answering(tmp_path, udp=9000, hold="queue", capture_wakes=str(savefile))])
    assert ask_udp_once(lab.client1, 9000, payload=b"x" * 1200) == b"x" * 1200
    wait_until(savefile.exists, "the savefile")
    seen = lab.server.run(tool("tcpdump"), "-nn", "-r", savefile).stdout
    assert f"{client_address(1)}." in seen and "length 1200" in seen, seen


def syn(port, source_port=40000):
    return ethernet(ipv4(tcp(source_port, port)))


def test_after_a_handshake_a_single_syn_does_not_wake_and_a_client_of_a_forward_does(lab, tidegate, tmp_path):
    service = answering(tmp_path, tcp=8080, hold="forward", wake={"after": "handshake"})
    forward = {"name": "web", "listen_port": 80, "target_port": 8080, "service": "service"}
    daemon = tidegate.run({"services": [service], "forwards": [forward]})
    before = daemon.packets()
    lab.client1.send_frames("eth0", syn(80), syn(8080))
    daemon.wait_for_packets(before)
    assert daemon.state() == "asleep"
    assert ask_tcp_once(lab.client1, 80) == HELLO
    assert "sensor forward web" in daemon.wait_for_event("woke")["text"]


def test_after_a_handshake_without_a_hold_the_acknowledgement_wakes(lab, tidegate, diary):
    daemon = tidegate.run([diary.service(ports=["tcp/8080"], found="ignore", wake={"after": "handshake"})])
    with lab.server.socket() as listener, lab.client1.socket() as client:
        before = daemon.packets()
        lab.client1.send_frames("eth0", syn(8080))
        daemon.wait_for_packets(before)
        assert daemon.state() == "asleep"
        listener.bind((server_address(), 8080))
        listener.listen()  # somebody else answers, as a socket unit of systemd does
        client.connect((server_address(), 8080))
        daemon.wait_for_event("woke")
