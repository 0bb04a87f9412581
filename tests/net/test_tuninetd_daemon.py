"""tuninetd -d: in the background, its log in syslog. A private mount namespace holds a /dev/log of the test's own."""

import os
import re
import signal
import socket

import pytest

from support import packets as p
from support.clients import knock_udp
from support.rules import log_to_group
from support.tidegate import environment
from support.waiting import DEADLINE, wait_until

DEVICES = ("null", "zero", "random", "urandom")
ENTER = 'for d in %s; do mount --bind /dev/$d "$0/$d" || exit 99; done; mount --rbind "$0" /dev || exit 99; exec "$@"'


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
        return ["unshare", "--mount", "--propagation", "private", "sh", "-c", ENTER % " ".join(DEVICES), self.folder, *argv]


@pytest.fixture
def syslog(tmp_path):
    log = Syslog(tmp_path)
    yield log
    log.socket.close()


@pytest.fixture
def background(tuninetd, lab, syslog, tmp_path):
    """Starts it with -d and gives its process id; sanitizers write where they can be found."""
    reports = tmp_path / "sanitizer"

    def start(*words):
        argv = syslog.command(tuninetd.path, *words)
        env = environment({"ASAN_OPTIONS": f"log_path={reports}"})
        done = lab.server.run(*argv, env=env, cwd=tmp_path)
        if done.returncode == 99:
            pytest.skip(f"no private mounts here: {done.stderr.strip()}")
        return done

    yield start
    for pid in lab.server.processes():
        os.kill(pid, signal.SIGTERM)
    wait_until(lambda: not lab.server.processes(), "the end of it in the background")
    assert not list(tmp_path.glob("sanitizer*")), [path.read_text() for path in tmp_path.glob("sanitizer*")]


def test_it_goes_to_the_background_when_all_is_open_and_logs_to_syslog(lab, tuninetd, background, syslog, diary):
    """tuninetd -i tun0 -f "! host 1.2.3.4" -c /path/to/executable/somebinary -t 3600 -d"""
    tun = tuninetd.device("tun0")
    done = background("-i", "tun0", "-f", "! host 1.2.3.4", "-c", tuninetd.launcher, "-t", "3600", "-d")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    pid = int(syslog.wait_for(r"tuninetd\[(\d+)\]: Success! Tuninetd has been started with PID: \1")[1])
    assert lab.server.processes() == [pid]
    assert os.getsid(pid) == pid, "a session of its own"
    assert os.readlink(f"/proc/{pid}/cwd") == "/"
    assert {os.readlink(f"/proc/{pid}/fd/{standard}") for standard in range(3)} == {"/dev/null"}
    syslog.wait_for(r"tuninetd\[\d+\]: Binding to interface tun0$")
    tun.send(p.ipv4(p.udp(40000, 9000))[1])
    syslog.wait_for(r"PCAP: start command done$")
    syslog.wait_for(r"\|- IPv4 10\.77\.1\.2 > 10\.77\.1\.1, NXT_HDR: 0x11 \(UDP\)$")
    diary.wait_for("start")
    os.kill(pid, signal.SIGHUP)
    syslog.wait_for(r"CORE: executing STOP command\.\.\.$")
    diary.wait_for("stop")
    os.kill(pid, signal.SIGUSR1)
    syslog.wait_for(r"SIGUSR1 caught:$")
    syslog.wait_for(r"- capture engine: pcap, tun0$")
    syslog.wait_for(r"- current status: down")
    os.kill(pid, signal.SIGTERM)
    wait_until(lambda: not lab.server.processes(), "its end")


def test_with_an_nflog_group_it_does_too(lab, tuninetd, background, syslog, diary):
    log_to_group(lab.server, 1)
    assert background("-n", "1", "-c", tuninetd.launcher, "-d").returncode == 0
    syslog.wait_for(r"tuninetd\[\d+\]: Start listening nflog-group 1$")
    knock_udp(lab.client1, 9000)
    syslog.wait_for(r"NFLOG: start command done$")
    diary.wait_for("start")


def test_relative_paths_still_hold_in_the_background(tuninetd, background, syslog, diary, lab, tmp_path):
    tuninetd.wire("eth9")
    assert background("-d", "-i", "eth9", "-c", "./launcher", "-w", "savefile").returncode == 0
    syslog.wait_for("Binding to interface")
    lab.client1.send_frames("eth0", p.ethernet(p.ipv4(p.udp(40000, 9000))))
    diary.wait_for("start")
    wait_until((tmp_path / "savefile").exists, "the savefile where it was named")


def test_an_error_is_told_before_it_would_go_to_the_background(tuninetd, background, lab):
    done = background("-d", "-i", "eth1", "-c", "/nowhere/launcher")
    assert done.returncode == 2 and "/nowhere/launcher" in done.stderr
    done = background("-d", "-i", "eth1", "-f", "no such filter", "-c", tuninetd.launcher)
    assert done.returncode != 0 and "no such filter" in done.stderr
    assert lab.server.processes() == []
