"""`tidegate forward`: forwards from flags alone; and the commands that ask a running daemon about its forwards."""

import contextlib
import json
import shlex
import socket

import pytest

from support import service
from support.clients import ask_tcp
from support.flows import TcpServer, UdpEcho, connect, echo, exchange
from support.netns import client_address, server_address
from support.waiting import wait_until

ADDRESS = server_address()


def through(host, data, address=ADDRESS, port=10001):
    """What comes back of what a client sends."""
    with connect(host, address, port) as connection:
        return exchange(connection, data)


def spend(host, count, port=10001):
    """A client that sends and gets so many bytes, or fewer where it is cut."""
    with contextlib.suppress(ConnectionError), connect(host, ADDRESS, port) as connection:
        while count > 0 and len(exchange(connection, b"x" * 50_000)) == 50_000:
            count -= 50_000


@pytest.fixture
def target(lab):
    server = TcpServer(lab.server, echo, 10000)
    yield server
    server.close()


def forward(tidegate, *words, **options):
    return tidegate.daemon("forward", *words, **options)


def one(daemon, name="10001"):
    return daemon.ask("forward", name=name)[0]


def test_one_forward_from_one_argument_carries_counts_and_tells_at_the_end(lab, tidegate, target):
    daemon = forward(tidegate, "10001:127.0.0.1:10000", "--limit", "100GB")
    assert through(lab.client1, b"x" * 100_000) == b"x" * 100_000
    wait_until(lambda: one(daemon)["open_connections"] == 0, "its end")
    told = one(daemon)
    assert (told["upload"], told["download"], told["connections"]) == (100_000, 100_000, 1)
    assert daemon.end()[0] == 0
    title, row = daemon.output().splitlines()
    assert title.split() == ["FORWARD", "UPLOAD", "DOWNLOAD", "CONNECTIONS", "SESSIONS", "ERRORS"]
    assert row.split() == ["10001", "97.7", "KB", "97.7", "KB", "1", "0", "0"]


def test_several_forwards_an_ipv6_address_a_range_and_a_unix_socket(lab, tidegate, target, tmp_path):
    path = tmp_path / "x.sock"
    forward(tidegate, "[::]:10001:127.0.0.1:10000", "10010-10019:127.0.0.1:10000", f"unix:{path}:127.0.0.1:10000")
    for port in (10010, 10019):
        assert through(lab.client1, b"range", port=port) == b"range"
    with lab.client1.socket(socket.AF_INET6) as client:
        client.settimeout(30)
        client.connect((server_address(1, socket.AF_INET6), 10001))
        client.sendall(b"six")
        assert client.recv(16) == b"six"
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(30)
        client.connect(str(path))
        client.sendall(b"local")
        assert client.recv(16) == b"local"


def test_both_protocols_and_a_limit_that_cuts_to_the_byte(lab, tidegate, target):
    datagrams = UdpEcho(lab.server, 10000)
    daemon = forward(tidegate, "10001:10000", "--protocol", "both", "--limit", "100KB")
    with lab.client1.socket(kind=socket.SOCK_DGRAM) as client:
        client.settimeout(30)
        client.connect((ADDRESS, 10001))
        client.send(b"ping")
        assert client.recv(16) == b"ping"
    spend(lab.client1, 500_000)
    wait_until(lambda: one(daemon)["state"] == "cut", "the limit")
    told = one(daemon)
    assert told["upload"] + told["download"] <= 100 * 1024
    assert told["sessions"] == 1
    datagrams.close()


def test_the_first_client_wakes_the_service_of_the_flags(lab, tidegate):
    command = shlex.join(service.serving("web", tcp=8081))
    daemon = forward(tidegate, "8080:127.0.0.1:8081", "--process", command, "--idle", "1s")
    assert daemon.state() == "asleep"
    assert ask_tcp(lab.client1, 8080) == "hello from web\n"
    daemon.wait_for_event("slept", "service")


def test_counts_are_kept_in_a_store_and_only_there(lab, tidegate, target, tmp_path):
    words = ("10001:127.0.0.1:10000", "--store", tmp_path / "counts.db")
    for run in (1, 2):
        daemon = forward(tidegate, *words)
        through(lab.client1, b"12345")
        wait_until(lambda: one(daemon)["upload"] == 5 * run, lambda: f"{5 * run} bytes: {one(daemon)}")
        assert daemon.end()[0] == 0
    daemon = forward(tidegate, "10001:127.0.0.1:10000")
    assert one(daemon)["upload"] == 0


@pytest.mark.parametrize(
    "words, complaint",
    [
        ([], "nothing to forward"),
        (["10001"], '"10001" is not LISTEN:TARGET'),
        (["10001:127.0.0.1:10000", "--limit", "much"], '--limit: "much"'),
        (["10001:127.0.0.1:10001"], "10001: targets[0]: 127.0.0.1:10001 is where this forward listens"),
        (["10001:127.0.0.1:1", "--api", "192.0.2.1"], "--api: "),
        (["--limit", "1GB", "list"], "--limit does not go in front of a subcommand"),
        (["shwo"], '"shwo" is not LISTEN:TARGET'),
    ],
)
def test_wrong_arguments_are_said_with_status_2(tidegate, words, complaint):
    done = tidegate.command("forward", *words)
    assert done.returncode == 2 and done.stdout == ""
    assert complaint in done.stderr


def test_an_address_that_is_not_here_is_an_error_that_names_it(tidegate):
    done = tidegate.command("forward", "192.0.2.77:10001:127.0.0.1:10000")
    assert done.returncode == 1
    assert "192.0.2.77:10001" in done.stderr


# --- of a running daemon

WEB = {"name": "web", "listen_port": 10001, "target_port": 10000, "limit": "1MB"}


@pytest.fixture
def running(lab, tidegate, target, tmp_path):
    return tidegate.run({"store": str(tmp_path / "t.db"), "forwards": [WEB]})


def told(tidegate, *words):
    done = tidegate.ctl(*words)
    assert done.returncode == 0, done.stderr
    return done.stdout


def rows(text):
    return [line.split() for line in text.splitlines()]


def test_list_show_and_status_tell_of_the_forwards(lab, tidegate, running):
    through(lab.client1, b"x" * 2048)
    wait_until(lambda: one(running, "web")["open_connections"] == 0, "its end")
    title, row = rows(told(tidegate, "forward", "list"))
    assert title[:3] == ["FORWARD", "STATE", "PROTOCOL"]
    assert row == ["web", "open", "tcp", "*:10001", "127.0.0.1:10000", "0", "2.00", "KB", "2.00", "KB", "0", "0"]
    shown = told(tidegate, "forward", "show", "web")
    assert "web is open: tcp on *:10001, of the configuration\n" in shown and "2.00 KB up, 2.00 KB down" in shown
    assert json.loads(told(tidegate, "forward", "show", "web", "--json"))["upload"] == 2048
    assert json.loads(told(tidegate, "forward", "list", "--json"))["forwards"][0]["name"] == "web"
    assert row in rows(told(tidegate, "status"))


def test_add_change_and_remove_at_run_time(lab, tidegate, running, tmp_path):
    file = tmp_path / "new.json"
    file.write_text(json.dumps({"name": "new", "listen": "*:10002", "target_port": 10000}))
    assert "new is open: tcp on *:10002, added at run time\n" in told(tidegate, "forward", "add", f"@{file}")
    assert through(lab.client1, b"hello", port=10002) == b"hello"
    again = tidegate.ctl("forward", "add", file.read_text())
    assert again.returncode == 1 and "new" in again.stderr
    changed = {"name": "new", "listen": "*:10002", "target_port": 10000, "limit": "5GB"}
    assert "quota       new/limit" in told(tidegate, "forward", "change", "new", json.dumps(changed))
    assert told(tidegate, "forward", "remove", "new") == "new is removed\n"
    with lab.client1.socket() as client:
        client.settimeout(5)
        assert client.connect_ex((ADDRESS, 10002)) != 0
    assert tidegate.ctl("forward", "show", "new").returncode == 1
    of_the_file = tidegate.ctl("forward", "remove", "web")
    assert of_the_file.returncode == 1 and "configuration file" in of_the_file.stderr
    missing = tidegate.ctl("forward", "add", f"@{tmp_path}/missing")
    assert missing.returncode == 2 and "missing: No such file" in missing.stderr
    wrong = tidegate.ctl("forward", "add", '{"name": "x", "listen_prot": 1}')
    assert wrong.returncode == 1 and "listen_prot" in wrong.stderr


def test_quotas_are_listed_shown_raised_and_reset(lab, tidegate, running):
    spend(lab.client1, 2_000_000)
    wait_until(lambda: one(running, "web")["state"] == "cut", "the limit")
    title, row = rows(told(tidegate, "quota"))
    assert title == ["QUOTA", "STATE", "USED", "OF", "LEFT", "SHARE", "EVERY", "ENDS", "ACTION", "FORWARDS"]
    assert row[:2] == ["web/limit", "reached"] and row[-2:] == ["cut", "web"]
    assert told(tidegate, "quota", "list") == told(tidegate, "quota")
    assert "web/limit is reached: " in told(tidegate, "quota", "show", "web/limit")
    assert json.loads(told(tidegate, "quota", "--json", "show", "web/limit"))["exceeded"] is True
    assert "web/limit is open: " in told(tidegate, "quota", "raise", "web/limit", "1MB")
    assert through(lab.client1, b"again") == b"again"
    assert "web/limit is open: 0 B of " in told(tidegate, "quota", "reset", "web/limit")
    none = tidegate.ctl("quota", "show", "nothing")
    assert none.returncode == 1 and 'no quota "nothing"' in none.stderr
    much = tidegate.ctl("quota", "raise", "web/limit", "much")
    assert much.returncode == 2 and '"much"' in much.stderr


def test_usage_and_clients(lab, tidegate, running):
    for host, address in ((lab.client1, server_address(1)), (lab.client2, server_address(2))):
        through(host, b"x" * 1024, address)
    wait_until(lambda: one(running, "web")["open_connections"] == 0, "their ends")
    for by in ("hour", "day", "month"):
        lines = rows(told(tidegate, "usage", "web", "--by", by))
        assert lines[0][0] == by.upper()
        assert lines[-1] == ["in", "all", "2.00", "KB", "2.00", "KB", "2", "0", "0"]
    assert tidegate.ctl("usage", "web", "--by", "year").returncode == 2
    assert tidegate.ctl("usage", "nobody").returncode == 1
    clients = rows(told(tidegate, "clients"))
    assert {row[0] for row in clients[1:]} == {client_address(1), client_address(2)}
    assert len(rows(told(tidegate, "clients", "web", "-n", "1"))) == 2
    assert len(json.loads(told(tidegate, "clients", "--json"))["clients"]) == 2
