"""What goes wrong in earnest: kill -9 in full flow, targets that are dead, slow or silent, full disks, damaged stores, no
descriptors left, and thousands of clients who open a connection and leave it."""

import contextlib
import os
import random
import resource
import sqlite3
import subprocess
import time

import pytest

from support.crowd import Crowd
from support.flows import TARGET, TcpServer, answer_of, connect, download, drain, echo, either_way, exchange, fate, forward
from support.flows import forwarding, upload
from support.netns import server_address
from support.tidegate import ROOT
from support.waiting import DEADLINE, wait_until

MB = 1 << 20
IN_FLIGHT = 1 * MB  # the most that one system call of a data thread carries


@pytest.fixture
def target(lab):
    with contextlib.closing(TcpServer(lab.server, echo)) as server:
        yield server


# --- kill -9


def test_ten_kills_in_full_flow_lose_no_byte_that_was_counted_and_count_none_that_was_lost(lab, tidegate, tmp_path):
    chance = random.Random()
    config = forwarding(tmp_path, forward(limit="100GB"))
    clients, counted, delivered = 6, {"upload": 0, "download": 0}, {"upload": 0, "download": 0}
    for _ in range(10):
        with contextlib.closing(TcpServer(lab.server, either_way)) as target:
            daemon = tidegate.run(config)
            before, counted = counted, {way: daemon.forward()[way] for way in counted}
            check_counts(counted, before, delivered)
            crowd = Crowd(*[lambda: upload(lab.server), lambda: download(lab.server)] * (clients // 2))
            wait_until(lambda: len(target.peers) == clients, lambda: f"{clients} connections: {target.peers}")
            wait_until(lambda: daemon.forward()["download"] > counted["download"], daemon.forward)
            time.sleep(chance.uniform(0, 0.8))  # before the database is written for the first time, and after
            daemon.kill()
            delivered = {"download": sum(crowd.join()), "upload": sum(target.wait_for_results(clients))}
    daemon = tidegate.run(config)
    total = {way: daemon.forward()[way] for way in counted}
    check_counts(total, counted, delivered)
    assert daemon.quota()["used"] == sum(total.values())


def check_counts(now, before, delivered):
    """Of what was delivered since `before`, everything is counted but what two threads' last calls carried."""
    missing = [delivered[way] - (now[way] - before[way]) for way in now]
    assert all(0 <= bytes_ for bytes_ in missing) and sum(missing) <= 2 * IN_FLIGHT, (now, before, delivered)


# --- targets


def test_a_client_of_a_dead_target_is_reset_and_it_is_counted(lab, tidegate, tmp_path):
    daemon = tidegate.run(forwarding(tmp_path, forward()))
    assert fate(lab.client1, server_address()) == "reset"
    daemon.wait_for_forward(errors=1, open_connections=0)


def test_a_black_hole_is_left_after_the_connect_timeout_for_a_target_that_answers(lab, tidegate, tmp_path, tool, target):  # pylint: disable=unused-argument
    tool("nft")
    rules = "table inet hole { chain input { type filter hook input priority 0; tcp dport 7001 drop; }; }"
    assert lab.client2.run("nft", rules).returncode == 0
    hole, lives = f"10.77.2.2:{TARGET}", f"127.0.0.1:{TARGET}"
    timeouts = {"connect": "500ms"}
    alone = {"name": "alone", "listen_port": 7010, "targets": [hole], "timeouts": timeouts}
    both = {"name": "both", "listen_port": 7000, "targets": [hole, lives], "timeouts": timeouts}
    daemon = tidegate.run(forwarding(tmp_path, alone, both))
    began = time.monotonic()
    assert fate(lab.client1, server_address(), 7010) == "reset"
    assert time.monotonic() - began >= 0.45
    daemon.wait_for_forward("alone", errors=1)
    for _ in range(4):  # round robin comes to both
        with connect(lab.client1, server_address()) as connection:
            assert exchange(connection) == b"ping"
    daemon.wait_for_forward("both", errors=0, connections=4)


def test_a_slow_target_gets_the_time_it_needs(lab, tidegate, tmp_path):
    def slow(connection):
        data = connection.recv(100)
        time.sleep(1.5)  # longer than any timeout below but the ones that are not about it
        connection.sendall(data)

    with contextlib.closing(TcpServer(lab.server, slow)):
        tidegate.run(forwarding(tmp_path, forward(timeouts={"connect": "500ms", "half_close": "10s"})))
        with connect(lab.client1, server_address()) as connection:
            connection.sendall(b"take your time")
            connection.shutdown(1)
            assert answer_of(connection) == b"take your time"


# --- the store


@pytest.fixture
def small_disk(tmp_path):
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(folder)], capture_output=True, text=True, check=False)
    if mounted.returncode != 0:
        pytest.skip(f"mount: {mounted.stderr}")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def stored(path):
    with contextlib.closing(sqlite3.connect(path)) as database:
        return dict(zip(("upload", "download"), database.execute("SELECT upload, download FROM forward").fetchone() or (0, 0)))


def test_a_full_disk_stops_no_traffic_is_told_and_is_made_up_for(lab, tidegate, tmp_path, small_disk, target):  # pylint: disable=unused-argument
    config = forwarding(small_disk, forward())
    daemon = tidegate.run(config)
    with connect(lab.client1, server_address()) as connection:
        assert exchange(connection) == b"ping"
        wait_until(lambda: stored(small_disk / "store.db")["upload"] == 4, "the first save")
        filler = small_disk / "filler"
        with contextlib.suppress(OSError), open(filler, "wb", buffering=0) as file:
            while True:
                file.write(bytes(4096))

        def told():
            assert exchange(connection) == b"ping"  # and each of these wants to be saved
            return daemon.events(kind="trouble")

        trouble = wait_until(told, lambda: f"trouble: {daemon.log()}", every=0.1)[0]
        assert "store.db" in trouble["text"] and "full" in trouble["text"], trouble
        filler.unlink()
        carried = daemon.forward()
        wait_until(lambda: stored(small_disk / "store.db")["upload"] >= carried["upload"], lambda: stored(small_disk / "store.db"))
    carried = daemon.forward()
    assert daemon.end()[0] == 0
    assert stored(small_disk / "store.db") == {way: carried[way] for way in ("upload", "download")}


@pytest.mark.parametrize("damaged", ["store.db", "store.db.counters"])
def test_of_a_damaged_store_the_good_part_is_believed_and_it_is_said(lab, tidegate, tmp_path, target, damaged):  # pylint: disable=unused-argument
    config = forwarding(tmp_path, forward(limit=1000))
    daemon = tidegate.run(config)
    with connect(lab.client1, server_address()) as connection:
        assert len(exchange(connection, b"x" * 300)) == 300
    assert daemon.end()[0] == 0
    path = tmp_path / damaged
    path.write_bytes(b"\xff" * path.stat().st_size)
    daemon = tidegate.run(config)
    carried = daemon.forward()
    assert (carried["upload"], carried["download"]) == (300, 300)
    told = daemon.events(kind="stored")
    assert told and damaged in told[0]["text"], daemon.log()
    assert path.with_name(f"{damaged}.damaged-1").exists()
    with connect(lab.client1, server_address()) as connection:
        assert exchange(connection) == b"ping"


def test_a_store_of_a_newer_version_is_left_as_it_was(tidegate, tmp_path):
    config = forwarding(tmp_path, forward())
    assert tidegate.run(config).end()[0] == 0
    path = tmp_path / "store.db"
    with contextlib.closing(sqlite3.connect(path)) as database, database:
        database.execute("PRAGMA user_version = 999")
    before = path.read_bytes()
    refused = tidegate.command("run", "-c", tidegate.config, "--control", tidegate.control)
    assert refused.returncode == 1
    assert f"{path}: the store is of version 999" in refused.stderr
    assert path.read_bytes() == before


# --- too many, or too little


def test_ten_thousand_connections_opened_and_left_cost_little_and_are_all_closed(lab, tidegate, tmp_path):
    descriptors = resource.getrlimit(resource.RLIMIT_NOFILE)[1]  # tidegate needs two for each, the test one
    count = min(10_000, (descriptors - 400) // 2)
    targets = [TARGET, TARGET + 1, TARGET + 2]
    with contextlib.ExitStack() as stack:
        for port in targets:
            silent = stack.enter_context(contextlib.closing(lab.server.socket()))
            silent.bind(("127.0.0.1", port))
            silent.listen(4096)  # the kernel answers for it, and for no more than that (net.core.somaxconn)
        spread = forward(timeouts={"idle": "20s"}, targets=[{"host": "127.0.0.1", "port": port} for port in targets])
        del spread["target_port"]
        daemon = tidegate.run(forwarding(tmp_path, spread))
        before, held = daemon.memory(), daemon.descriptors()
        for _ in range(count):
            stack.enter_context(connect(lab.client1, server_address()))
        daemon.wait_for_forward(open_connections=count)
        used = daemon.memory() - before
        assert used / count < 16 << 10, f"{used / count:.0f} bytes of each, sanitizers and all"
        daemon.wait_for_forward(deadline=2 * DEADLINE, open_connections=0, errors=0)
        wait_until(lambda: daemon.descriptors() <= held + 5, lambda: f"{daemon.descriptors()} descriptors, {held} before")


def seconds_of_cpu(daemon):
    with open(f"/proc/{daemon.pid}/stat", encoding="ascii") as stat:
        return sum(int(field) for field in stat.read().rsplit(")", 1)[1].split()[11:13]) / os.sysconf("SC_CLK_TCK")


def test_without_descriptors_accepting_pauses_says_so_and_goes_on(lab, tidegate, tmp_path, target):  # pylint: disable=unused-argument
    tidegate.binary = ROOT / "build" / "tidegate"  # the sanitizers themselves want descriptors, and end it without
    if not tidegate.binary.exists():
        pytest.skip("build/tidegate is not built (make build)")
    daemon = tidegate.run(forwarding(tmp_path, forward()))
    room = daemon.descriptors() + 20
    resource.prlimit(daemon.pid, resource.RLIMIT_NOFILE, (room, room))
    with contextlib.ExitStack() as stack:
        waiting = [stack.enter_context(connect(lab.client1, server_address())) for _ in range(40)]
        wait_until(lambda: "Too many open files" in daemon.log(), daemon.log)
        before, began = seconds_of_cpu(daemon), time.monotonic()
        wait_until(lambda: time.monotonic() > began + 1, "a second to pass")
        assert seconds_of_cpu(daemon) - before < 0.5, "it does not spin"
        assert len([line for line in daemon.log().splitlines() if "accept" in line]) <= 2, "one line each data thread"

        def one_turn(connection):
            with connection:
                return exchange(connection)

        # Those that got in make room for those that wait.
        assert Crowd(*[lambda each=each: one_turn(each) for each in waiting]).join() == [b"ping"] * 40
    daemon.wait_for_forward(open_connections=0)
    with connect(lab.client1, server_address()) as connection:
        assert exchange(connection) == b"ping"


def test_seventy_clients_that_dawdle_before_the_api_do_not_touch_a_transfer(lab, tidegate, tmp_path):
    size = 64 * MB
    daemon = tidegate.run(forwarding(tmp_path, forward(limit="100GB"), api={}))
    with contextlib.ExitStack() as stack:
        dawdlers = []
        for _ in range(70):
            slow = stack.enter_context(connect(lab.server, port=8080))
            slow.sendall(b"GET /api/stats HTTP/1.1\r\nX-Dawdle: ")
            dawdlers.append(slow)

        def pour_slowly():
            for slow in dawdlers:
                with contextlib.suppress(OSError):
                    slow.sendall(b"x")

        def handler(connection):
            for _ in range(size // MB):
                connection.sendall(bytes(MB))
                pour_slowly()

        stack.enter_context(contextlib.closing(TcpServer(lab.server, handler)))
        with connect(lab.client1, server_address()) as connection:
            assert drain(connection) == size
        daemon.wait_for_forward(download=size, open_connections=0, errors=0)
