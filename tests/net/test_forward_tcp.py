"""TCP through the whole daemon: other hosts, both families, UNIX sockets, and the client's address kept."""

import hashlib
import os
import pathlib
import re
import socket

import pytest

from support.crowd import Crowd
from support.flows import CHUNK, LISTEN, TARGET, TcpServer, connect, echo, exchange, fate, forward, forwarding, read
from support.netns import client_address, server_address
from support.waiting import wait_until

FAMILIES = [socket.AF_INET, socket.AF_INET6]


@pytest.fixture
def serve(lab):
    """Starts servers that end with the test."""
    servers = []

    def start(handler, host=None, **where):
        servers.append(TcpServer(host or lab.server, handler, **where))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


def first_line_then_echo(seen):
    """Remembers the first line of each connection, and answers with the rest."""

    def handler(connection):
        line = b""
        while not line.endswith(b"\r\n"):
            line += connection.recv(1)
        seen.append(line.decode())
        return echo(connection)

    return handler


@pytest.mark.parametrize("family", FAMILIES)
def test_one_listener_serves_other_hosts_over_both_families(lab, tidegate, tmp_path, serve, family):
    serve(echo)
    daemon = tidegate.run(forwarding(tmp_path, forward()))
    for number, host in ((1, lab.client1), (2, lab.client2)):
        with connect(host, server_address(number, family)) as connection:
            assert exchange(connection, b"x" * 1000) == b"x" * 1000
    daemon.wait_for_forward(upload=2000, download=2000, connections=2, open_connections=0, errors=0)


def test_bulk_both_ways_over_a_wire_arrives_whole_and_is_counted_exactly(lab, tidegate, tmp_path, serve):
    size, streams = 6 << 20, 8
    serve(echo)
    daemon = tidegate.run(forwarding(tmp_path, forward()))
    data = os.urandom(size)

    def client():
        with connect(lab.client1, server_address()) as connection:
            sender = Crowd(lambda: (connection.sendall(data), connection.shutdown(socket.SHUT_WR)))
            digest = hashlib.sha256()
            while got := connection.recv(CHUNK):
                digest.update(got)
            sender.join()
            return digest.digest()

    assert Crowd(*[client] * streams).join() == [hashlib.sha256(data).digest()] * streams
    daemon.wait_for_forward(upload=size * streams, download=size * streams, connections=streams, open_connections=0, errors=0)


def test_unix_sockets_on_either_side(lab, tidegate, tmp_path, serve):
    inside, outside = tmp_path / "inside.sock", tmp_path / "outside.sock"
    serve(echo, path=inside)
    into_unix = {"name": "in", "listen_port": LISTEN, "targets": [f"unix:{inside}"]}
    from_unix = {"name": "out", "listen": f"unix:{outside}", "target_port": LISTEN}
    daemon = tidegate.run(forwarding(tmp_path, into_unix, from_unix))
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(outside))
        assert exchange(client, b"through both") == b"through both"
    for name in ("in", "out"):
        daemon.wait_for_forward(name, upload=12, download=12)


@pytest.mark.parametrize("family", FAMILIES)
def test_the_proxy_protocol_keeps_the_client_s_address_over_two_forwards(lab, tidegate, tmp_path, serve, family):
    seen = []
    serve(first_line_then_echo(seen))
    front = forward("front", target=7005, proxy_protocol={"send": "v2"})
    back = forward("back", listen=7005, proxy_protocol={"accept_from": ["127.0.0.1"], "send": "v1"})
    tidegate.run(forwarding(tmp_path, front, back))
    with connect(lab.client1, server_address(1, family)) as connection:
        port = connection.getsockname()[1]
        assert exchange(connection) == b"ping"
    client, server = client_address(1, family), server_address(1, family)
    assert seen == [f"PROXY TCP{'4' if family == socket.AF_INET else '6'} {client} {server} {port} {LISTEN}\r\n"]


def test_a_proxy_header_is_believed_only_from_listed_sources(lab, tidegate, tmp_path, serve):
    seen = []
    serve(first_line_then_echo(seen))
    keys = {"accept_from": [client_address(2)], "send": "v1"}
    daemon = tidegate.run(forwarding(tmp_path, forward(proxy_protocol=keys, deny=["203.0.113.66"])))
    claimed = b"PROXY TCP4 203.0.113.%d 192.0.2.1 4711 80\r\n"
    with connect(lab.client1, server_address(1)) as liar:
        header = claimed % 5
        assert exchange(liar, header) == header, "to others it is payload"
        assert seen.pop().startswith(f"PROXY TCP4 {client_address(1)} {server_address(1)} ")
    with connect(lab.client2, server_address(2)) as balancer:
        balancer.sendall(claimed % 5 + b"ping")
        assert read(balancer, 4) == b"ping"
        assert seen.pop() == "PROXY TCP4 203.0.113.5 192.0.2.1 4711 80\r\n"
    # The lists are about the client, not about who speaks for it; and whoever must send a header sends one.
    for first in (claimed % 66, b"GET / HTTP/1.0\r\n\r\n"):
        assert fate(lab.client2, server_address(2), request=first) == "reset"
    daemon.wait_for_forward(refused=2, open_connections=0)
    assert seen == []


@pytest.mark.parametrize("family", FAMILIES)
def test_a_transparent_forward_shows_the_target_the_client_s_own_address(lab, tidegate, tmp_path, serve, family):
    ip = "-6" if family == socket.AF_INET6 else "-4"
    # What the target sends to the client has to come to the forward's sockets (the kernel's tproxy.rst).
    for command in (f"rule add iif eth2 ipproto tcp sport {TARGET} lookup 100", "route add local default dev lo table 100"):
        done = lab.server.run("ip", ip, *command.split())
        if done.returncode != 0:
            pytest.skip(f"ip {command}: {done.stderr}")
    route = lab.client2.run("ip", ip, "route", "add", "default", "via", server_address(2, family))
    assert route.returncode == 0, route.stderr
    target = serve(echo, host=lab.client2, address=client_address(2, family))
    tidegate.run(forwarding(tmp_path, forward(target_host=client_address(2, family), transparent=True)))
    with connect(lab.client1, server_address(1, family)) as connection:
        assert exchange(connection, b"x" * 100_000) == b"x" * 100_000
        assert target.peers[0][0] == client_address(1, family)


def test_data_threads_have_names_and_the_environment_wins_over_the_file(tidegate, tmp_path):
    def names(daemon):
        return sorted(path.read_text().strip() for path in pathlib.Path(f"/proc/{daemon.pid}/task").glob("*/comm"))

    daemon = tidegate.run(forwarding(tmp_path, forward(), data_threads=3))
    wait_until(lambda: "data-2" in names(daemon), lambda: names(daemon))
    assert [name for name in names(daemon) if name.startswith("data-")] == ["data-0", "data-1", "data-2"]
    daemon.end()
    daemon = tidegate.daemon("run", "-c", tidegate.config, env={"TIDEGATE_DATA_THREADS": "1"})
    wait_until(lambda: "data-0" in names(daemon), lambda: names(daemon))
    assert [name for name in names(daemon) if name.startswith("data-")] == ["data-0"]
    daemon.end()
    refused = tidegate.command("run", "-c", tidegate.config, "--control", tidegate.control, env={"TIDEGATE_DATA_THREADS": "many"})
    assert refused.returncode != 0
    assert re.search(r'TIDEGATE_DATA_THREADS: "many" is not a number of threads', refused.stderr)
