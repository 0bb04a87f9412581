"""Sensors: tags and headers that other tools trip over, interfaces that go and come, hundreds of services on one."""

import re

import pytest

from support import packets as p
from support.clients import knock_udp
from support.netns import client_mac, server_mac
from support.waiting import again_until, wait_until

SYN = p.ipv4(p.tcp(40000, 9000))
TAGGED = {
    "802.1q": p.vlan(5, SYN),
    "qinq": p.vlan(100, p.vlan(7, SYN), ethertype=0x88A8),
    "qinq_of_two_802.1q_tags": p.vlan(100, p.vlan(7, SYN)),
    "802.1q_with_ipv6": p.vlan(5, p.ipv6(p.tcp(40000, 9000))),
    "priority_tagged": p.vlan(0xE000, SYN),
}


@pytest.fixture(params=["pcap", "kernel"])
def sensor(request):
    """What watches the ports; each sees the same."""
    if request.param == "kernel":
        request.getfixturevalue("kernel_sensor")
    return request.param


@pytest.mark.parametrize("interface", ["eth1", "any"])
@pytest.mark.parametrize("kind", TAGGED)
def test_a_tagged_frame_wakes_on_the_parent_interface(lab, tidegate, diary, sensor, kind, interface):
    daemon = tidegate.run([diary.service(ports=["tcp/9000"], interface=interface, sensor=sensor)])
    lab.client1.send_frames("eth0", p.ethernet(TAGGED[kind]))
    daemon.wait_for_state("awake")
    assert ":40000" in daemon.events(kind="woke")[0]["text"]


@pytest.mark.parametrize("interface", ["eth1", "eth1.5", "any"])
def test_a_client_on_a_vlan_wakes_it_whichever_interface_is_watched(lab, tidegate, diary, sensor, interface):
    for host, device, end in ((lab.server, "eth1", 1), (lab.client1, "eth0", 2)):
        made = host.run("ip", "link", "add", "link", device, "name", f"{device}.5", "type", "vlan", "id", 5)
        if made.returncode != 0:
            pytest.skip(f"this kernel has no VLAN devices: {made.stderr.strip()}")
        host.ip(f"addr add 10.77.105.{end}/24 dev {device}.5", f"link set {device}.5 up")
    daemon = tidegate.run([diary.service(interface=interface, sensor=sensor)])
    knock_udp(lab.client1, 9000, "10.77.105.1")
    daemon.wait_for_state("awake")
    packet = daemon.why()["woken_by"]
    assert packet["destination"] == "10.77.105.1:9000"


def test_only_the_watched_interface_wakes_it(lab, tidegate, diary, sensor):
    daemon = tidegate.run([diary.service(interface="eth1", sensor=sensor), diary.service("marker", ["udp/9001"], interface="eth2", sensor=sensor)])
    knock_udp(lab.client2, 9000, "10.77.2.1")
    knock_udp(lab.client2, 9001, "10.77.2.1")
    daemon.wait_for_state("awake", "marker")
    knock_udp(lab.client1, 9000)
    assert "10.77.1.2" in daemon.wait_for_event("woke", "service")["text"]
    assert len(daemon.events("service", "woke")) == 1
    assert {sensor["name"] for sensor in daemon.status()["sensors"]} == ({"kernel"} if sensor == "kernel" else {"pcap on eth1", "pcap on eth2"})


def test_an_address_that_comes_later_is_this_hosts_too(lab, tidegate, diary, sensor):
    daemon = tidegate.run([diary.service(sensor=sensor), diary.service("marker", ["udp/9001"], sensor=sensor)])
    frame = p.ethernet(p.ipv4(p.udp(40000, 9000), destination="10.77.1.50"))
    lab.client1.send_frames("eth0", frame, p.ethernet(p.ipv4(p.udp(40000, 9001))))
    daemon.wait_for_state("awake", "marker")
    assert daemon.state() == "asleep"
    lab.server.ip("addr add 10.77.1.50/24 dev eth1")
    again_until(lambda: lab.client1.send_frames("eth0", frame), lambda: daemon.state() == "awake", "wake by the new address")


def test_an_interface_that_disappears_is_taken_up_again_and_told_of_once_each(lab, tidegate, diary):
    daemon = tidegate.run([diary.service(interface="eth1", idle="300ms", sensor="pcap")])
    knock_udp(lab.client1, 9000)
    daemon.wait_for_event("slept")
    lab.server.ip("link delete eth1")
    wait_until(lambda: not daemon.status()["sensors"][0]["listening"], "its loss to be noticed")
    assert re.search(r"pcap on eth1: not listening: \S+", tidegate.ctl("status").stdout)
    lost = daemon.log().count("waiting for it")
    lab.join(1, lab.client1)
    again_until(lambda: knock_udp(lab.client1, 9000), lambda: daemon.events(kind="woke")[1:], "wake after its return")
    assert daemon.status()["sensors"][0]["listening"]
    log = daemon.log()
    assert lost == log.count("waiting for it") == 1, log
    assert log.count("pcap on eth1: listening") == 1, log


def test_an_interface_that_is_missing_at_the_start_is_waited_for(lab, tidegate, diary):
    lab.server.ip("link delete eth1")
    daemon = tidegate.run([diary.service(interface="eth1", sensor="pcap"), diary.service("other", ["udp/9001"], interface="eth2", sensor="pcap")])
    assert daemon.log().count("pcap on eth1") == 1
    knock_udp(lab.client2, 9001, "10.77.2.1")
    daemon.wait_for_state("awake", "other")
    lab.join(1, lab.client1)
    again_until(lambda: knock_udp(lab.client1, 9000), lambda: daemon.state() == "awake", "wake by the interface that came")
    assert len(re.findall("pcap on eth1: .*waiting", daemon.log())) == 1


def test_an_interface_that_goes_down_and_up_goes_on_listening(lab, tidegate, diary):
    daemon = tidegate.run([diary.service(interface="eth1", sensor="pcap")])
    lab.server.ip("link set eth1 down")
    wait_until(lambda: not daemon.status()["sensors"][0]["listening"], "the interface to be down")
    lab.server.ip("link set eth1 up")
    again_until(lambda: knock_udp(lab.client1, 9000), lambda: daemon.state() == "awake", "wake when it is up again")


def test_two_hundred_services_on_one_sensor_wake_each_by_its_own_packet(lab, tidegate, diary, sensor):
    count = 200
    daemon = tidegate.run([diary.service(f"s{i}", [f"{('udp', 'tcp')[i % 2]}/{10000 + i}"], sensor=sensor) for i in range(count)])
    assert len(daemon.status()["sensors"]) == 1
    # Only every other one is called at first: a packet wakes its own service and no neighbour.
    half = [i for i in range(count) if i % 4 < 2]

    def call(numbers):
        lab.client1.send_frames("eth0", *(p.ethernet(p.ipv4((p.udp, p.tcp)[i % 2](40000, 10000 + i))) for i in numbers))

    def awake():
        return {service["name"] for service in daemon.status()["services"] if service["state"] == "awake"}

    call(half)
    wait_until(lambda: len(awake()) >= len(half), lambda: f"{len(half)} services, and not {len(awake())}", every=0.1)
    assert awake() == {f"s{i}" for i in half}
    call([i for i in range(count) if i not in half])
    wait_until(lambda: len(awake()) == count, lambda: f"{count} services, and not {len(awake())}", every=0.1)
    assert sorted(diary.lines()) == sorted(f"start s{i}" for i in range(count)), "each once"
    for i in (0, 1, 133, 199):
        assert daemon.service(f"s{i}")["woken_by"]["destination"] == f"10.77.1.1:{10000 + i}"
    status = daemon.status()["sensors"][0]
    assert status["packets"] >= count and status["dropped_kernel"] == 0, "the server's own refusals count as packets too"


def test_a_flood_of_other_packets_hides_no_wake(lab, tidegate, diary, sensor):
    daemon = tidegate.run([diary.service(sensor=sensor)])
    other = p.ethernet(p.ipv4(p.udp(40000, 9001)))
    wanted = p.ethernet(p.ipv4(p.udp(40000, 9000)))
    lab.client1.send_frames("eth0", *([other] * 20000), wanted, *([other] * 1000))
    daemon.wait_for_state("awake")
    assert daemon.status()["sensors"][0]["dropped_kernel"] == 0


def test_one_service_may_have_several_sensors_of_its_own(lab, tidegate, diary):
    service = diary.service(idle="300ms", sensors=[{"pcap": {"interface": f"eth{n}", "filter": f"udp dst port {7000 + n}"}} for n in (1, 2)])
    service.pop("ports")
    daemon = tidegate.run([service])
    for number, client in ((1, lab.client1), (2, lab.client2)):
        knock_udp(client, 7000 + number, f"10.77.{number}.1")
        assert f"sensor pcap on eth{number}" in daemon.wait_for_event("woke", count=number)["text"]
        daemon.wait_for_event("slept", count=number)


def test_a_packet_between_others_that_only_passes_by_does_not_wake(lab, tidegate, diary, sensor):
    """The server routes between its clients: what is for one of them is not for a service here."""
    lab.server.run("sysctl", "-qw", "net.ipv4.ip_forward=1", check=True)
    lab.client1.ip("route add 10.77.2.0/24 via 10.77.1.1")
    lab.client2.ip("route add 10.77.1.0/24 via 10.77.2.1")
    daemon = tidegate.run([diary.service(sensor=sensor), diary.service("marker", ["udp/9001"], sensor=sensor)])
    through = p.ethernet(p.ipv4(p.udp(40000, 9000), destination="10.77.2.2"), source=client_mac(1), destination=server_mac(1))
    lab.client1.send_frames("eth0", through, p.ethernet(p.ipv4(p.udp(40000, 9001))))
    daemon.wait_for_state("awake", "marker")
    knock_udp(lab.client2, 9000, "10.77.2.1")
    assert "10.77.2.1:9000" in daemon.wait_for_event("woke", "service")["text"]
    assert len(daemon.events("service", "woke")) == 1
