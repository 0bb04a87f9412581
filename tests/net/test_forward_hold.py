"""Clients of a sleeping service wait in its forward: all of them are served, or get the answer that was configured."""

import contextlib
import random
import time

import pytest

from support.crowd import Crowd
from support.flows import LISTEN, TARGET, TcpServer, UdpEcho, answer_of, connect, echo, exchange, fate, forward, forwarding
from support.flows import udp_client
from support.netns import server_address
from support.service import answering, serving, start_stop
from support.waiting import wait_until

# A peer is dead when a question has no answer for the time of `user` (TCP_USER_TIMEOUT wins over the count, tcp(7)).
QUICK = {"keepalive": "1s", "user": "2s"}
REQUEST = b"GET / HTTP/1.0\r\n\r\n"


class Sleeper:
    """A service behind a forward, whose start waits until the test lets it."""

    def __init__(self, folder, tcp=None, udp=None):
        self.go = folder / "go"
        start, stop = start_stop(folder / "sleeper.pid", "sleeper", tcp, udp)
        wait = f"while [ ! -e {self.go} ]; do sleep 0.02; done; "
        self.settings = {"name": "sleeper", "start": wait + start, "stop": stop, "idle": "30s", "on_exit": "stop"}

    def with_forward(self, folder, hold=None, **keys):
        held = forward(service="sleeper", **keys) | ({"hold": hold} if hold else {})
        return forwarding(folder, held, services=[self.settings])

    def let_start(self):
        self.go.touch()


@pytest.fixture
def sleeper(tmp_path):
    return Sleeper(tmp_path, tcp=TARGET)


def test_fifty_clients_at_once_of_a_sleeping_service_are_all_served(lab, tidegate, tmp_path, sleeper):
    daemon = tidegate.run(sleeper.with_forward(tmp_path))

    def client(host, address):
        with connect(host, address) as connection:
            return answer_of(connection, REQUEST)

    crowd = Crowd(*[lambda: client(lab.client1, server_address(1)), lambda: client(lab.client2, server_address(2))] * 25)
    daemon.wait_for_forward(waiting=50)
    assert daemon.state("sleeper") == "waking"
    sleeper.let_start()
    answers = crowd.join()
    assert [answer.partition(b"\r\n\r\n")[2] for answer in answers] == [b"hello from sleeper\n"] * 50
    daemon.wait_for_forward(connections=50, errors=0, refused=0, waiting=0, open_connections=0, upload=50 * len(REQUEST))
    assert daemon.kinds("sleeper").count("woke") == 1
    assert daemon.events("sleeper", "woke")[0]["text"].startswith("TCP 10.77.")


def test_a_client_that_waits_for_the_service_to_speak_is_greeted(lab, tidegate, tmp_path):
    service = {"name": "mail", "process": serving("mail", tcp=TARGET, greets=True), "idle": "30s", "on_exit": "stop"}
    tidegate.run(forwarding(tmp_path, forward(service="mail"), services=[service]))
    with connect(lab.client1, server_address()) as connection:
        assert answer_of(connection) == b"220 mail\r\n"


def test_the_first_datagrams_are_delivered_in_order_and_answered(lab, tidegate, tmp_path):
    sleeper = Sleeper(tmp_path, udp=TARGET)
    daemon = tidegate.run(sleeper.with_forward(tmp_path, protocol="udp"))
    sent = [f"datagram {number}".encode() for number in range(20)]
    with udp_client(lab.client1, server_address()) as client:
        for datagram in sent:
            client.send(datagram)
        daemon.wait_for_forward(waiting=1)
        sleeper.let_start()
        assert [client.recv(100) for _ in sent] == sent
    daemon.wait_for_forward(sessions=1, dropped=0, upload=sum(map(len, sent)), download=sum(map(len, sent)))


@pytest.mark.parametrize("then", ["503", "page", "reset", "close"])
@pytest.mark.parametrize("bound", [{"clients": 1}, {"for": "200ms"}], ids=["clients", "for"])
def test_past_a_bound_a_client_gets_the_configured_answer(lab, tidegate, tmp_path, sleeper, then, bound):
    daemon = tidegate.run(sleeper.with_forward(tmp_path, hold={"then": then} | bound))
    with contextlib.ExitStack() as stack:
        if "clients" in bound:  # one has its place
            first = stack.enter_context(connect(lab.client2, server_address(2)))
            first.sendall(REQUEST)
            daemon.wait_for_forward(waiting=1)
        answer = fate(lab.client1, server_address(), request=REQUEST)
        if then in ("reset", "close"):
            assert answer == {"reset": "reset", "close": b""}[then]
        else:
            head, _, body = answer.partition(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 503 ") and b"\r\nRetry-After: " in head
            assert f"Content-Length: {len(body)}".encode() in head
            assert (b'http-equiv="refresh"' in body) == (then == "page")
        daemon.wait_for_forward(refused=1)
        sleeper.let_start()
        if "clients" in bound:
            assert b"hello from sleeper" in answer_of(first)
    daemon.wait_for_forward(waiting=0, open_connections=0)


def test_clients_of_a_service_that_does_not_start_are_told_at_once(lab, tidegate, tmp_path):
    service = {"name": "broken", "start": "exit 3", "stop": "true", "retry": {"first": "5m", "most": "5m"}}
    held = forward(service="broken", hold={"for": "1m", "then": "503"})
    daemon = tidegate.run(forwarding(tmp_path, held, services=[service]))
    with connect(lab.client1, server_address()) as connection:
        assert answer_of(connection, REQUEST).startswith(b"HTTP/1.1 503 ")
    assert "exited 3" in daemon.wait_for_event("start failed", "broken")["text"]


def test_clients_wait_for_the_next_try_where_it_comes_in_time(lab, tidegate, tmp_path, diary):
    start, stop = start_stop(tmp_path / "shy.pid", "shy", TARGET)
    start = f"{diary.note('start')}; [ $(wc -l < {diary.path}) -ge 2 ] && {start}"
    service = {"name": "shy", "start": start, "stop": stop, "on_exit": "stop", "retry": {"first": "200ms", "most": "1s"}}
    daemon = tidegate.run(forwarding(tmp_path, forward(service="shy", hold={"for": "25s"}), services=[service]))
    with connect(lab.client1, server_address()) as connection:
        assert b"hello from shy" in answer_of(connection, REQUEST)
    assert diary.count("start") == 2
    daemon.wait_for_forward(refused=0, errors=0)


def test_every_client_gets_its_answer_however_the_stop_races_it(lab, tidegate, tmp_path):
    service = answering(tmp_path, "racer", tcp=TARGET, idle="150ms", on_exit="stop") | {"ports": []}
    service.pop("ports")
    daemon = tidegate.run(forwarding(tmp_path, forward(service="racer"), services=[service]))
    chance = random.Random(3)
    for _ in range(15):
        with connect(lab.client1, server_address()) as connection:
            assert b"hello from racer" in answer_of(connection, REQUEST)
        time.sleep(chance.uniform(0.1, 0.5))  # about as long as it takes to fall asleep and stop
    daemon.wait_for_forward(connections=15, errors=0, refused=0)
    assert daemon.kinds("racer").count("slept") >= 2, "it was stopped in between"


# --- what an open connection means


@pytest.fixture
def always_there(lab):
    """The target of a service whose commands only tell that they ran."""
    with contextlib.closing(TcpServer(lab.server, echo)) as server:
        yield server


def noted(diary, **keys):
    service = diary.service(**keys)
    service.pop("ports")
    return service


def test_an_open_silent_connection_keeps_a_service_awake_and_its_end_lets_it_sleep(lab, tidegate, tmp_path, diary, always_there):  # pylint: disable=unused-argument
    daemon = tidegate.run(forwarding(tmp_path, forward(service="service"), services=[noted(diary, idle="700ms")]))
    with connect(lab.client1, server_address()) as connection:
        assert exchange(connection) == b"ping"
        began = daemon.wait_for_state("awake")["since"]
        awake_until = time.monotonic() + 2.5
        wait_until(lambda: daemon.state() != "awake" or time.monotonic() > awake_until, "some idle times to pass")
        assert (daemon.state(), daemon.service()["since"]) == ("awake", began)
        assert exchange(connection) == b"ping"
    daemon.wait_for_event("slept")
    assert diary.lines() == ["start service", "stop service"]


def test_with_traffic_silence_counts_and_bytes_keep_it_awake(lab, tidegate, tmp_path, diary, always_there):  # pylint: disable=unused-argument
    held = forward(service="service", idle_connections="traffic")
    daemon = tidegate.run(forwarding(tmp_path, held, services=[noted(diary, idle="1s")]))
    with connect(lab.client1, server_address()) as connection:
        end = time.monotonic() + 2.5
        while time.monotonic() < end:
            assert exchange(connection) == b"ping"
            time.sleep(0.1)
        assert diary.lines() == ["start service"]
        daemon.wait_for_event("slept")  # although it is open
        daemon.wait_for_forward(open_connections=1)


def fall_silent(host):
    """No FIN, no RST: it is just not there any more. (Its link stays up: without a carrier the kernel retries for ever.)"""
    rules = "add table inet gone; add chain inet gone out {type filter hook output priority 0; policy drop;};"
    done = host.run("nft", rules + "add chain inet gone in {type filter hook input priority 0; policy drop;}")
    assert done.returncode == 0, done.stderr


def test_a_dead_client_is_found_out_by_keepalive_and_does_not_keep_it_awake(lab, tidegate, tmp_path, diary, always_there):  # pylint: disable=unused-argument
    held = forward(service="service", timeouts=QUICK)
    daemon = tidegate.run(forwarding(tmp_path, held, services=[noted(diary, idle="500ms")]))
    with connect(lab.client1, server_address()) as connection:
        assert exchange(connection) == b"ping"
        fall_silent(lab.client1)
        daemon.wait_for_forward(open_connections=0, errors=1)
        daemon.wait_for_event("slept")


def test_a_dead_target_is_found_out_by_keepalive(lab, tidegate, tmp_path):
    with contextlib.closing(TcpServer(lab.client2, echo, address="10.77.2.2")):
        daemon = tidegate.run(forwarding(tmp_path, forward(target_host="10.77.2.2", timeouts=QUICK)))
        with connect(lab.client1, server_address()) as connection:
            assert exchange(connection) == b"ping"
            fall_silent(lab.client2)
            assert answer_of(connection) == "reset"
        daemon.wait_for_forward(open_connections=0, errors=1)


def test_a_session_keeps_its_service_awake_by_its_datagrams(lab, tidegate, tmp_path, diary):
    held = forward(service="service", protocol="udp")
    with contextlib.closing(UdpEcho(lab.server)), udp_client(lab.client1, server_address(), LISTEN) as client:
        daemon = tidegate.run(forwarding(tmp_path, held, services=[noted(diary, idle="1s")]))
        end = time.monotonic() + 2.5
        while time.monotonic() < end:
            client.send(b"ping")
            assert client.recv(10) == b"ping"
            time.sleep(0.1)
        assert diary.lines() == ["start service"]
        daemon.wait_for_event("slept")
        client.send(b"again")
        assert client.recv(10) == b"again"
    assert diary.lines() == ["start service", "stop service", "start service"]
