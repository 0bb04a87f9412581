"""Quotas on a running daemon: exact to the byte under load, kept over restarts, raised, reset and begun anew."""

import contextlib
import json
import sqlite3
import threading
import time

import pytest

from support.crowd import Crowd
from support.flows import TcpServer, UdpEcho, answer_of, connect, download, drain, echo, either_way, exchange, forward, forwarding
from support.flows import pour, read, udp_client, upload
from support.netns import server_address
from support.waiting import DEADLINE, wait_until

KB, MB = 1 << 10, 1 << 20


@pytest.fixture
def echoing(lab):
    with contextlib.closing(TcpServer(lab.server, echo)) as server:
        yield server


def stats(lab, name="web"):
    """As traffic-monitor tells it."""
    done = lab.server.run("/usr/bin/python3", "-c", "import sys, urllib.request as u; print(u.urlopen(sys.argv[1]).read().decode())",
                          f"http://127.0.0.1:8080/api/stats/{name}")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def flood(lab, clients, ports=(7000,)):
    """So many clients, half of them each way, all open before the first moves and then at full speed until they are cut;
    what they and the server received."""
    go = threading.Event()

    def handler(connection):
        assert go.wait(DEADLINE)
        return either_way(connection)

    tasks = []
    for number in range(clients):
        act, port = (upload, download)[number % 2], ports[number // 2 % len(ports)]
        tasks.append(lambda act=act, port=port: act(lab.server, port=port, when=go))
    with contextlib.closing(TcpServer(lab.server, handler)) as target:
        crowd = Crowd(*tasks)
        wait_until(lambda: len(target.peers) == clients, lambda: f"{clients} connections: {len(target.peers)}")
        go.set()
        return sum(crowd.join()) + sum(target.wait_for_results(clients))


def test_a_limit_cuts_64_connections_on_two_threads_at_the_very_byte(lab, tidegate, tmp_path):
    limit = 40 * MB + 1
    daemon = tidegate.run(forwarding(tmp_path, forward(limit=limit), api={}))
    assert flood(lab, 64) == limit
    carried = daemon.wait_for_forward(state="cut", open_connections=0)
    assert carried["upload"] + carried["download"] == limit
    said = stats(lab)
    assert said["total"]["upload"] + said["total"]["download"] == limit
    assert (said["usage"]["used"], said["usage"]["remaining"], said["limit_exceeded"]) == (limit, 0, True)
    assert "cut" in daemon.wait_for_event("quota reached")["text"]
    with connect(lab.server) as late:
        assert answer_of(late) == b"", "closed, as traffic-monitor does it"


def test_a_group_is_one_number_for_all_its_forwards(lab, tidegate, tmp_path):
    limit = 20 * MB - 1
    forwards = [forward(name, port, quota={"group": "family"}) for name, port in (("a", 7000), ("b", 7010))]
    daemon = tidegate.run(forwarding(tmp_path, *forwards, quotas=[{"group": "family", "bytes": limit}]))
    assert flood(lab, 32, (7000, 7010)) == limit
    both = [daemon.wait_for_forward(name, state="cut", open_connections=0) for name in ("a", "b")]
    assert sum(each["upload"] + each["download"] for each in both) == limit
    assert all(each["upload"] and each["download"] for each in both), "each had its part"
    assert daemon.quota("group/family")["used"] == limit


@pytest.mark.parametrize(("count", "up", "down"), [("upload", 1000, 9000), ("download", 4000, 1000), ("larger", 1000, 1000)])
def test_only_what_counts_is_cut(lab, tidegate, tmp_path, count, up, down):
    """The target answers each byte with a hundred, or takes all and says little."""
    def handler(connection):
        wanted = int(read(connection, 4))
        pour(connection, wanted) if wanted else drain(connection)  # pylint: disable=expression-not-assigned

    with contextlib.closing(TcpServer(lab.server, handler)):
        daemon = tidegate.run(forwarding(tmp_path, forward(quota={"bytes": 1000, "count": count})))
        if down > 1000 or count == "larger":
            with connect(lab.server) as reader:
                assert len(answer_of(reader, b"9000")) == down
        if count != "larger" or up > 1000:
            with connect(lab.server) as writer:
                writer.sendall(b"0000")
                pour(writer, up - 4 - (4 if down == 9000 else 0))
                drain(writer)
        if count == "download":
            with connect(lab.server) as reader:
                assert len(answer_of(reader, b"9000")) == 1000
        carried = daemon.wait_for_forward(state="cut", open_connections=0)
        assert daemon.quota("web/quota")["used"] == 1000
        assert carried["download" if count != "upload" else "upload"] == 1000


def test_datagrams_of_a_reached_limit_are_dropped_whole(lab, tidegate, tmp_path):
    with contextlib.closing(UdpEcho(lab.server)) as target, udp_client(lab.client1, server_address()) as client:
        daemon = tidegate.run(forwarding(tmp_path, forward(protocol="udp", limit=1000)))
        for _ in range(20):
            client.send(b"x" * 300)
        wait_until(lambda: daemon.forward()["dropped"] >= 17, daemon.forward)
        carried = wait_until(lambda: (now := daemon.forward())["upload"] + now["download"] >= 900 and now, daemon.forward)
        assert carried["upload"] + carried["download"] == 900, "three whole ones, either way"
        wait_until(lambda: carried["upload"] == 300 * len(target.received), lambda: (carried, len(target.received)))
        daemon.wait_for_forward(state="cut", open_sessions=0)
        daemon.wait_for_event("quota reached")


def test_reject_lets_open_connections_go_on_and_refuses_new_ones(lab, tidegate, tmp_path, echoing):  # pylint: disable=unused-argument
    daemon = tidegate.run(forwarding(tmp_path, forward(limit=1000, limit_action="reject")))
    with connect(lab.client1, server_address()) as old:
        assert exchange(old, b"x" * 1000) == b"x" * 1000
        daemon.wait_for_forward(state="rejecting")
        with connect(lab.client1, server_address()) as new:
            assert answer_of(new) == b""
        assert exchange(old, b"x" * 1000) == b"x" * 1000
    daemon.wait_for_forward(refused=1, upload=2000, download=2000)


def test_throttle_slows_down_once_the_limit_is_reached(lab, tidegate, tmp_path):
    free, rate, more = 2 * MB, MB, 2 * MB
    daemon = tidegate.run(forwarding(tmp_path, forward(limit=free, limit_action="throttle", limit_throttle="1MB/s")))
    with contextlib.closing(TcpServer(lab.server, either_way)), connect(lab.client1, server_address()) as connection:
        began = time.monotonic()
        connection.sendall(b"d")
        assert len(read(connection, free + more)) == free + more
        took = time.monotonic() - began
    at_once = rate // 10 + MB  # the bucket, and a read that began before
    assert took >= (more - at_once) / rate, f"{took:.2f} s"
    daemon.wait_for_forward(state="throttled")


def test_warnings_come_in_order_and_once(lab, tidegate, tmp_path, echoing):  # pylint: disable=unused-argument
    daemon = tidegate.run(forwarding(tmp_path, forward(quota={"bytes": 1000, "warn": ["50%", "90%"]})))
    with connect(lab.client1, server_address()) as connection:
        for size, warned in ((240, 0), (20, 1), (100, 1), (120, 2)):
            assert len(exchange(connection, b"x" * size)) == size
            if warned:
                daemon.wait_for_event("quota warned", count=warned)
            daemon.wait_for_forward(open_connections=1)
        assert [event["text"].split(",")[0] for event in daemon.events(kind="quota warned")] == ["quota: 50 %", "quota: 90 %"]
        connection.sendall(b"x" * 100)
        drain(connection)
    daemon.wait_for_event("quota reached")
    assert len(daemon.events(kind="quota warned")) == 2
    assert daemon.quota("web/quota")["used"] == 1000


@pytest.mark.parametrize("order", ["raise", "reset"])
def test_a_raise_or_a_reset_takes_it_up_again(lab, tidegate, tmp_path, echoing, order):  # pylint: disable=unused-argument
    daemon = tidegate.run(forwarding(tmp_path, forward(limit=1000)))
    with connect(lab.client1, server_address()) as connection:
        answer_of(connection, b"x" * 1000)
    daemon.wait_for_forward(state="cut")
    if order == "raise":
        daemon.ask("quota_raise", key="web/limit", bytes=500)
    else:
        daemon.ask("quota_reset", key="web/limit")
    left = {"raise": 500, "reset": 1000}[order]
    assert daemon.quota()["left"] == left and daemon.forward()["state"] == "open"
    with connect(lab.client1, server_address()) as connection:
        assert len(exchange(connection, b"x" * 200)) == 200
        connection.sendall(b"y" * left)
        drain(connection)
    carried = daemon.wait_for_forward(state="cut")
    assert carried["upload"] + carried["download"] == 1000 + left


def test_a_limit_stays_reached_over_a_restart(lab, tidegate, tmp_path, echoing):  # pylint: disable=unused-argument
    config = forwarding(tmp_path, forward(limit_monthly=1000))
    daemon = tidegate.run(config)
    with connect(lab.client1, server_address()) as connection:
        assert len(exchange(connection, b"x" * 400)) == 400
    assert daemon.end()[0] == 0
    daemon = tidegate.run(config)
    assert daemon.quota("web/limit_monthly")["used"] == 800
    with connect(lab.client1, server_address()) as connection:
        answer_of(connection, b"x" * 1000)
    carried = daemon.wait_for_forward(state="cut")
    assert carried["upload"] + carried["download"] == 1000
    daemon.kill()
    daemon = tidegate.run(config)
    assert daemon.forward()["state"] == "cut"
    with connect(lab.client1, server_address()) as connection:
        assert answer_of(connection) == b""


@pytest.mark.parametrize(("saved", "state"), [("past", "open"), ("future", "cut")])
def test_a_new_month_opens_it_and_a_clock_that_went_back_does_not(lab, tidegate, tmp_path, echoing, saved, state):  # pylint: disable=unused-argument
    config = forwarding(tmp_path, forward(limit_monthly=1000))
    daemon = tidegate.run(config)
    with connect(lab.client1, server_address()) as connection:
        answer_of(connection, b"x" * 1000)
    daemon.wait_for_forward(state="cut")
    assert daemon.end()[0] == 0
    label, starts = {"past": ("2001-02", 980985600), "future": ("2101-02", 4136659200)}[saved]
    with contextlib.closing(sqlite3.connect(tmp_path / "store.db")) as database, database:
        unit = 10 ** (len(str(database.execute("SELECT starts FROM quota").fetchone()[0])) - 10)
        database.execute("UPDATE quota SET period = ?, starts = ?", (label, starts * unit))
    daemon = tidegate.run(config)
    daemon.wait_for_forward(state=state)
    quota = daemon.quota("web/limit_monthly")
    assert quota["used"] == (0 if state == "open" else 1000)
    assert quota["period"] == (time.strftime("%Y-%m", time.gmtime()) if state == "open" else "2101-02")
    if state == "open":
        with connect(lab.client1, server_address()) as connection:
            assert exchange(connection) == b"ping"
        assert "begins" in daemon.events(kind="quota renewed")[0]["text"]


def test_a_quota_past_its_last_day_limits_nothing(lab, tidegate, tmp_path, echoing):  # pylint: disable=unused-argument
    daemon = tidegate.run(forwarding(tmp_path, forward(quota={"bytes": 1000, "until": "2020-01-31"})))
    with connect(lab.client1, server_address()) as connection:
        assert len(exchange(connection, b"x" * 100_000)) == 100_000
    assert daemon.forward()["state"] == "open"
