"""tuninetd -d: in the background, its log in syslog."""

import os
import signal

import pytest

from support import packets as p
from support.clients import knock_udp
from support.rules import log_to_group
from support.waiting import wait_until


@pytest.fixture
def background(tuninetd, in_background):
    return lambda *words: in_background(tuninetd.path, *words)


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
