"""What systemd is told, by sd_notify(3): a socket of the test's own plays systemd."""

import signal
import socket

import pytest

from support.waiting import DEADLINE


class Systemd:
    def __init__(self, path):
        self.path = path
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.settimeout(DEADLINE)
        self.socket.bind(str(path))
        self.told = []

    def wait_for(self, word):
        """Reads until a message says the word, a whole line of it."""
        while True:
            message = self.socket.recv(4096).decode()
            self.told.append(message)
            if word in message.splitlines():
                return message


@pytest.fixture
def systemd(tmp_path):
    manager = Systemd(tmp_path / "notify")
    yield manager
    manager.socket.close()


def test_systemd_is_told_when_it_is_ready_reloads_and_stops(tidegate, diary, systemd):
    daemon = tidegate.run([diary.service()], env={"NOTIFY_SOCKET": str(systemd.path)})
    systemd.wait_for("READY=1")
    systemd.wait_for("STATUS=0 of 1 services awake")
    daemon.send_signal(signal.SIGHUP)
    assert "MONOTONIC_USEC=" in systemd.wait_for("RELOADING=1")
    systemd.wait_for("READY=1")
    daemon.ask("start", name="service")
    systemd.wait_for("STATUS=1 of 1 services awake")
    assert daemon.end()[0] == 0
    systemd.wait_for("STOPPING=1")


def test_a_reload_that_fails_is_over_all_the_same(tidegate, diary, systemd):
    daemon = tidegate.run([diary.service()], env={"NOTIFY_SOCKET": str(systemd.path)})
    systemd.wait_for("READY=1")
    tidegate.configure("nonsense")
    daemon.send_signal(signal.SIGHUP)
    systemd.wait_for("RELOADING=1")
    systemd.wait_for("READY=1")


def test_the_watchdog_is_fed_more_often_than_it_asks_for(tidegate, diary, systemd):
    tidegate.run([diary.service()], env={"NOTIFY_SOCKET": str(systemd.path), "WATCHDOG_USEC": "200000"})
    for _ in range(4):
        systemd.wait_for("WATCHDOG=1")


def test_without_a_watchdog_it_is_not_fed(tidegate, diary, systemd):
    daemon = tidegate.run([diary.service()], env={"NOTIFY_SOCKET": str(systemd.path)})
    assert daemon.end()[0] == 0
    systemd.wait_for("STOPPING=1")
    assert not any("WATCHDOG" in message for message in systemd.told)


def test_the_services_it_starts_do_not_speak_to_systemd_in_its_name(tidegate, diary, systemd, tmp_path):
    """A start command that finds NOTIFY_SOCKET could end tidegate's own start-up for systemd."""
    told = tmp_path / "told"
    daemon = tidegate.run([diary.service(start=f"echo \"<$NOTIFY_SOCKET>\" > {told}")], env={"NOTIFY_SOCKET": str(systemd.path)})
    daemon.ask("start", name="service")
    assert told.read_text() == "<>\n"
