"""A syslog of the test's own: a private mount namespace has its /dev/log. For programs that go to the background."""

import os
import re
import signal
import socket

import pytest

from .tidegate import environment
from .waiting import DEADLINE, wait_until

DEVICES = ("null", "zero", "random", "urandom")
ENTER = 'for d in %s; do mount --bind /dev/$d "$0/$d" || exit 99; done; %smount --rbind "$0" /dev || exit 99; exec "$@"'
TUN = 'mkdir -p "$0/net" && touch "$0/net/tun" && { mount --bind /dev/net/tun "$0/net/tun" || exit 99; }; '


class Syslog:
    def __init__(self, folder):
        self.folder = folder / "dev"
        self.folder.mkdir()
        for device in DEVICES:
            (self.folder / device).touch()
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(self.folder / "log"))
        self.socket.settimeout(DEADLINE)
        self.lines = []

    def wait_for(self, pattern):
        while True:
            self.lines.append(self.socket.recv(65536).decode().rstrip("\n\0"))
            if match := re.search(pattern, self.lines[-1]):
                return match

    def command(self, *argv):
        """`argv` where /dev/log is this one."""
        tun = TUN if os.path.exists("/dev/net/tun") else ""
        return ["unshare", "--mount", "--propagation", "private", "sh", "-c", ENTER % (" ".join(DEVICES), tun), self.folder, *argv]


@pytest.fixture
def syslog(tmp_path):
    log = Syslog(tmp_path)
    yield log
    log.socket.close()


@pytest.fixture
def in_background(lab, syslog, tmp_path):
    """Starts a program that goes to the background by itself; sanitizers write where they can be found."""
    reports = tmp_path / "sanitizer"

    def start(*argv):
        env = environment({"ASAN_OPTIONS": f"log_path={reports}"})
        done = lab.server.run(*syslog.command(*argv), env=env, cwd=tmp_path)
        if done.returncode == 99:
            pytest.skip(f"no private mounts here: {done.stderr.strip()}")
        return done

    yield start
    for pid in lab.server.processes():
        os.kill(pid, signal.SIGTERM)
    wait_until(lambda: not lab.server.processes(), "the end of it in the background")
    assert not list(tmp_path.glob("sanitizer*")), [path.read_text() for path in tmp_path.glob("sanitizer*")]
