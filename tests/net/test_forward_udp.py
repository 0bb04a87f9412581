"""UDP through the whole daemon: whose address answers carry, whole datagrams over a wire, and strangers by the thousand."""

import contextlib
import random
import socket

import pytest

from support.flows import LISTEN, UdpEcho, forward, forwarding, udp_client
from support.netns import server_address
from support.packets import ethernet, ipv4, udp
from support.waiting import again_until, wait_until

FAMILIES = [socket.AF_INET, socket.AF_INET6]


@pytest.fixture
def target(lab):
    with contextlib.closing(UdpEcho(lab.server)) as server:
        yield server


@pytest.mark.parametrize("family", FAMILIES)
def test_answers_leave_from_the_address_that_was_asked(lab, tidegate, tmp_path, target, family):
    second = {socket.AF_INET: "10.77.1.101", socket.AF_INET6: "fd77:1::101"}[family]
    lab.server.ip(f"addr add {second}/{24 if family == socket.AF_INET else 64} dev eth1" + " nodad" * (family == socket.AF_INET6))
    daemon = tidegate.run(forwarding(tmp_path, forward(protocol="udp")))
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(udp_client(lab.client1, address)) for address in (server_address(1, family), second)]
        for client in clients * 2:
            client.send(b"who is there?")
            assert client.recv(100) == b"who is there?", "a connected socket hears nobody else"
    assert len(set(target.peers)) == 2
    daemon.wait_for_forward(sessions=2, dropped=0)


@pytest.mark.parametrize("size", [0, 1472, 1473, 9000, 65507])
def test_datagrams_of_every_size_cross_a_wire_whole(lab, tidegate, tmp_path, target, size):  # pylint: disable=unused-argument
    daemon = tidegate.run(forwarding(tmp_path, forward(protocol="udp")))
    sent = random.Random(size).randbytes(size)
    with udp_client(lab.client1, server_address()) as client:
        client.send(sent)
        assert client.recv(65536) == sent
    daemon.wait_for_forward(upload=size, download=size, dropped=0)


def test_a_session_outlives_its_target(lab, tidegate, tmp_path):
    daemon = tidegate.run(forwarding(tmp_path, forward(protocol="udp")))
    with udp_client(lab.client1, server_address(), timeout=0.1) as client:
        for _ in range(2):  # there is a target, and then another one
            with contextlib.closing(UdpEcho(lab.server)) as target:
                again_until(lambda: client.send(b"ping"), lambda: heard(client), "an answer")
                assert len(set(target.peers)) == 1
            client.send(b"to nobody")  # an ICMP error comes back to tidegate
        assert daemon.forward()["sessions"] == 1


def heard(client):
    with contextlib.suppress(TimeoutError):
        return client.recv(100) == b"ping"
    return False


def test_a_flood_from_made_up_sources_neither_starves_a_live_session_nor_fills_memory(lab, tidegate, tmp_path, target):  # pylint: disable=unused-argument
    most = 200
    daemon = tidegate.run(forwarding(tmp_path, forward(protocol="udp", udp_sessions=most)))
    lab.server.ip("route add blackhole 10.99.0.0/16")
    chance = random.Random(7)

    def strangers(count):
        for _ in range(count):
            source = f"10.99.{chance.randrange(256)}.{chance.randrange(256)}"
            yield ethernet(ipv4(udp(chance.randrange(1024, 65536), LISTEN, bytes(100)), source))

    def answered(client, number):
        with contextlib.suppress(TimeoutError):
            client.send(number)
            return client.recv(100) == number
        return False

    lab.client1.send_frames("eth0", *strangers(2 * most))  # whatever is made once is made
    wait_until(lambda: daemon.forward()["sessions"] >= most, daemon.forward)
    before = daemon.memory()
    with udp_client(lab.client2, server_address(2), timeout=2) as client:
        lived = 0
        for number in range(40):
            lab.client1.send_frames("eth0", *strangers(250))
            lived += answered(client, str(number).encode())
        assert lived >= 38, f"{lived} of 40 rounds"
    flooded = daemon.forward()
    assert flooded["open_sessions"] <= 2 * most, "the bound, and what is being let go"
    assert flooded["sessions"] > 5000, "it was a flood"
    assert daemon.memory() - before < 64 << 20
