"""What does not wake a service: everything that comes without anybody wanting it.

Each packet is followed on the same wire by one for a marker service; when that one woke, the first was looked at."""

import socket

import pytest

from support import packets as p
from support.clients import ask_tcp, knock_udp
from support.netns import Lab, client_address, server_address
from support.service import answering
from support.tidegate import Diary, Tidegate
from support.waiting import again_until

IPV6 = socket.AF_INET6
V6_CLIENT, V6_SERVER = client_address(1, IPV6), server_address(1, IPV6)
FORBIDDEN = "10.77.1.99"

NOISE = {
    "a_ping": p.ethernet(p.ipv4(p.icmp_echo())),
    "a_ping_over_ipv6": p.ethernet(p.ipv6(p.icmp6_echo())),
    "an_arp_request": p.ethernet(p.arp_request(), destination=p.BROADCAST),
    "a_router_solicitation": p.ethernet(p.ipv6(p.router_solicitation(), destination="ff02::2"), destination="33:33:00:00:00:02"),
    "a_neighbour_solicitation": p.ethernet(p.ipv6(p.neighbour_solicitation(V6_SERVER), destination="ff02::1:ff00:1"), destination="33:33:ff:00:00:01"),
    "a_datagram_to_the_subnets_broadcast_address": p.ethernet(p.ipv4(p.udp(40000, 9000), destination="10.77.1.255"), destination=p.BROADCAST),
    "a_datagram_to_everybody": p.ethernet(p.ipv4(p.udp(40000, 9000), destination="255.255.255.255"), destination=p.BROADCAST),
    "a_broadcast_frame_with_our_address": p.ethernet(p.ipv4(p.udp(40000, 9000)), destination=p.BROADCAST),
    "a_datagram_to_a_multicast_group": p.ethernet(p.ipv4(p.udp(40000, 9000), destination="224.0.0.251"), destination="01:00:5e:00:00:fb"),
    "a_datagram_to_a_multicast_group_over_ipv6": p.ethernet(p.ipv6(p.udp(40000, 9000), destination="ff02::fb"), destination="33:33:00:00:00:fb"),
    "a_reset": p.ethernet(p.ipv4(p.tcp(40000, 9000, p.RST))),
    "a_reset_with_ack": p.ethernet(p.ipv4(p.tcp(40000, 9000, p.RST | p.ACK))),
    "a_late_packet_of_an_old_connection": p.ethernet(p.ipv4(p.tcp(40000, 9000, p.ACK, b"late"))),
    "a_late_fin": p.ethernet(p.ipv4(p.tcp(40000, 9000, p.FIN | p.ACK))),
    "the_answer_to_a_connection_of_ours": p.ethernet(p.ipv4(p.tcp(9000, 40000, p.SYN | p.ACK))),
    "a_syn_to_another_port": p.ethernet(p.ipv4(p.tcp(40000, 9100))),
    "a_syn_to_a_udp_port": p.ethernet(p.ipv4(p.tcp(40000, 9002))),
    "a_datagram_to_another_port": p.ethernet(p.ipv4(p.udp(40000, 9100))),
    "a_syn_to_another_host": p.ethernet(p.ipv4(p.tcp(40000, 9000), destination="10.77.1.7")),
    "a_datagram_to_another_address_of_the_server": p.ethernet(p.ipv4(p.udp(40000, 9003), destination=server_address(1))),
    "a_syn_from_a_forbidden_source": p.ethernet(p.ipv4(p.tcp(40000, 9000), source=FORBIDDEN)),
    "a_datagram_from_a_forbidden_source": p.ethernet(p.ipv4(p.udp(40000, 9000), source=FORBIDDEN)),
    "a_frame_cut_short": p.ethernet(p.ipv4(p.udp(40000, 9000)))[:36],
}


@pytest.fixture(scope="module")
def watched(able, tmp_path_factory):
    """One daemon for all of them: a service that no noise may wake, and a marker for each kind."""
    folder = tmp_path_factory.mktemp("noise")
    lab = Lab()
    program = Tidegate(lab, folder)
    try:
        lab.server.ip("addr add 10.77.1.3/24 dev eth1")
        diary = Diary(folder / "diary")
        services = [
            diary.service("sleeper", ["tcp/9000", "udp/9000", "udp/9002"], wake={"not_from": [f"{FORBIDDEN}/32"]}),
            diary.service("elsewhere", ["udp/9003"], address="10.77.1.3"),
        ]
        services += [diary.service(f"marker{i}", [f"udp/{9200 + i}"]) for i in range(len(NOISE))]
        yield lab, program.run(services)
    finally:
        try:
            program.close()
        finally:
            lab.close()


@pytest.mark.parametrize("kind", NOISE)
def test_it_is_not_woken_by(watched, kind):
    lab, daemon = watched
    number = list(NOISE).index(kind)
    marker = p.ethernet(p.ipv4(p.udp(40000, 9200 + number)))
    lab.client1.send_frames("eth0", NOISE[kind], NOISE[kind], marker)
    daemon.wait_for_state("awake", f"marker{number}")
    for name in ("sleeper", "elsewhere"):
        assert daemon.state(name) == "asleep"
        assert daemon.events(name) == []


def test_noise_does_not_keep_an_awake_service_from_sleeping(lab, tidegate, diary):
    daemon = tidegate.run([diary.service(ports=["tcp/9000", "udp/9000"], idle="1500ms", interface="eth1")])
    knock_udp(lab.client1, 9000)
    daemon.wait_for_state("awake")
    kinds = ("a_ping", "a_reset", "a_datagram_to_everybody", "a_datagram_to_a_multicast_group", "an_arp_request")
    noise = [NOISE[kind] for kind in kinds]
    again_until(lambda: lab.client1.send_frames("eth0", *noise), lambda: daemon.events(kind="slept"), "sleep under noise")
    assert daemon.kinds() == ["woke", "ready", "stopping", "slept"]


def test_its_own_answers_do_not_renew_its_idle_time(lab, tidegate, diary):
    """Packets from the service are its own affair: a dead client to whom it still speaks keeps nothing awake."""
    daemon = tidegate.run([diary.service(idle="1s")])
    knock_udp(lab.client1, 9000)
    daemon.wait_for_state("awake")

    def speak():
        knock_udp(lab.server, 40000, client_address(1), source_port=9000)

    again_until(speak, lambda: daemon.events(kind="slept"), "sleep although the service speaks")
    assert daemon.service()["bytes_out"] > 0


def test_tidegates_own_readiness_probes_neither_keep_it_awake_nor_count_as_clients(lab, tidegate, tmp_path):
    probed = answering(tmp_path, "probed", tcp=9000, udp=9000, idle="1500ms", ready={"tcp": 9000})
    daemon = tidegate.run([probed])
    daemon.ask("start", name="probed")
    assert "tcp 127.0.0.1:9000 answered" in daemon.why("probed")["took"]
    assert daemon.service("probed")["clients"] == 0
    daemon.wait_for_event("slept", "probed")
    ask_tcp(lab.client1, 9000)
    told = daemon.why("probed")["client_list"]  # each of its tries has a port of its own
    assert {client["client"].rsplit(":", 1)[0] for client in told} == {client_address()}
    daemon.wait_for_event("slept", "probed", count=2)
    assert daemon.kinds("probed") == ["woke", "ready", "stopping", "slept"] * 2


def test_an_ipv6_packet_behind_extension_headers_is_no_noise(lab, tidegate, diary):
    daemon = tidegate.run([diary.service(ports=["tcp/9000"])])
    lab.client1.send_frames("eth0", p.ethernet(p.ipv6(p.tcp(40000, 9000), hop_by_hop=True)))
    daemon.wait_for_state("awake")
    assert f"TCP [{V6_CLIENT}]:40000" in daemon.events(kind="woke")[0]["text"]
