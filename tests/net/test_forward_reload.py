"""Reloading with forwards: a difference, so that what is not meant by it goes on."""

import contextlib
import signal

import pytest

from support.flows import LISTEN, TARGET, TcpServer, UdpEcho, answer_of, connect, drain, echo, exchange, forward, forwarding, udp_client
from support.netns import server_address

OTHER = 7011


@pytest.fixture
def target(lab):
    with contextlib.closing(TcpServer(lab.server, echo)) as server:
        yield server


def reload(tidegate, config):
    tidegate.configure(config)
    done = tidegate.ctl("reload")
    assert done.returncode == 0, done.stderr


def test_connections_and_sessions_of_unchanged_forwards_go_on(lab, tidegate, tmp_path, target):
    stays = forward("stays", protocol="both")
    daemon = tidegate.run(forwarding(tmp_path, stays, forward("goes", 7010)))
    with contextlib.closing(UdpEcho(lab.server)) as udp_target, connect(lab.client1, server_address()) as tcp:
        with udp_client(lab.client1, server_address()) as udp:
            for number in range(5):
                assert exchange(tcp, b"over tcp") == b"over tcp"
                udp.send(b"over udp")
                assert udp.recv(100) == b"over udp"
                reload(tidegate, forwarding(tmp_path, stays, forward(f"comes{number}", 7020 + number)))
        assert len(set(udp_target.peers)) == 1, "one session all the time"
    assert len(target.peers) == 1
    daemon.wait_for_forward("stays", connections=1, sessions=1, upload=5 * 16, download=5 * 16, errors=0)
    assert [each["name"] for each in daemon.ask("forwards")[0]["forwards"]] == ["stays", "comes4"]


def test_new_settings_are_for_new_connections_and_the_old_ones_go_on(lab, tidegate, tmp_path, target):
    with contextlib.closing(TcpServer(lab.server, echo, port=OTHER)) as other:
        daemon = tidegate.run(forwarding(tmp_path, forward()))
        with connect(lab.client1, server_address()) as old:
            assert exchange(old) == b"ping"
            reload(tidegate, forwarding(tmp_path, forward(target=OTHER)))
            with connect(lab.client1, server_address()) as new:
                assert exchange(new) == b"ping"
                assert exchange(old) == b"ping"
        assert (len(target.peers), len(other.peers)) == (1, 1)
        daemon.wait_for_forward(connections=2, upload=12, download=12, open_connections=0)


def test_a_changed_port_is_taken_up_and_the_old_one_is_left(lab, tidegate, tmp_path, target):  # pylint: disable=unused-argument
    tidegate.run(forwarding(tmp_path, forward()))
    with connect(lab.client1, server_address()) as old:
        assert exchange(old) == b"ping"
        reload(tidegate, forwarding(tmp_path, forward(listen=OTHER)))
        with connect(lab.client1, server_address(), OTHER) as new:
            assert exchange(new) == b"ping"
        assert exchange(old) == b"ping", "a connection is not its listener's"
    with pytest.raises(ConnectionRefusedError):
        connect(lab.client1, server_address())


def test_a_removed_forward_ends_and_counts_on_when_it_comes_again(lab, tidegate, tmp_path, target):  # pylint: disable=unused-argument
    daemon = tidegate.run(forwarding(tmp_path, forward(), forward("other", 7010)))
    with connect(lab.client1, server_address()) as connection:
        assert exchange(connection) == b"ping"
        reload(tidegate, forwarding(tmp_path, forward("other", 7010)))
        drain(connection)  # comes to an end
    with pytest.raises(ConnectionRefusedError):
        connect(lab.client1, server_address())
    reload(tidegate, forwarding(tmp_path, forward(), forward("other", 7010)))
    with connect(lab.client1, server_address()) as connection:
        assert exchange(connection) == b"ping"
    daemon.wait_for_forward(upload=8, download=8, connections=2)


@pytest.mark.parametrize("by", ["command", "signal"])
def test_a_listener_that_cannot_be_opened_leaves_everything_as_it_was(lab, tidegate, tmp_path, target, by):
    daemon = tidegate.run(forwarding(tmp_path, forward(), forward("leaves", 7010)))
    taken = lab.server.socket()
    taken.bind(("0.0.0.0", 7030))
    taken.listen()
    with taken, connect(lab.client1, server_address()) as old:
        assert exchange(old) == b"ping"
        tidegate.configure(forwarding(tmp_path, forward(target=OTHER), forward("first", 7029), forward("second", 7030)))
        if by == "command":
            done = tidegate.ctl("reload")
            assert (done.returncode, done.stdout) == (1, "")
            assert 'forward "second": bind *:7030: Address already in use' in done.stderr
        else:
            daemon.send_signal(signal.SIGHUP)
            daemon.wait_for_log('forward "second": bind .*:7030: Address already in use')
        assert [each["name"] for each in daemon.ask("forwards")[0]["forwards"]] == ["web", "leaves"]
        assert exchange(old) == b"ping"
        for port in (LISTEN, 7010):
            with connect(lab.client1, server_address(), port) as new:
                assert exchange(new) == b"ping"
        with pytest.raises(ConnectionRefusedError):
            connect(lab.client1, server_address(), 7029)
    assert len(target.peers) == 3, f"all of them to {TARGET}"
    reload(tidegate, forwarding(tmp_path, forward(), forward("second", 7030)))  # now it is free
    with connect(lab.client1, server_address(), 7030) as new:
        assert exchange(new) == b"ping"


def test_a_larger_limit_opens_a_forward_that_was_cut(lab, tidegate, tmp_path, target):  # pylint: disable=unused-argument
    daemon = tidegate.run(forwarding(tmp_path, forward(limit=1000)))
    with connect(lab.client1, server_address()) as connection:
        drained = answer_of(connection, b"x" * 1000)
    assert drained == b""
    daemon.wait_for_forward(state="cut", upload=1000, download=0)
    reload(tidegate, forwarding(tmp_path, forward(limit=3000)))
    with connect(lab.client1, server_address()) as connection:
        assert exchange(connection, b"x" * 500) == b"x" * 500
    daemon.wait_for_forward(state="open", upload=1500, download=500)
    assert daemon.quota()["left"] == 1000


def test_the_first_forward_may_come_by_a_reload(lab, tidegate, tmp_path, diary, target):
    service = diary.service("other", ["udp/9999"])
    with_one = forwarding(tmp_path, forward(), services=[service])
    daemon = tidegate.run({key: value for key, value in with_one.items() if key != "forwards"})
    reload(tidegate, with_one)
    with connect(lab.client1, server_address()) as client:
        assert exchange(client) == b"ping"
    assert len(target.peers) == 1
    daemon.wait_for_forward(connections=1, upload=4, download=4, open_connections=0)
