"""A service with `device:`: its tun or tap device is held while it sleeps, and the service takes it itself while it is awake."""

import os
import re
import shlex
import signal
import socket
import subprocess

import pytest

from support import vpn
from support.tun import Tun
from support.waiting import again_until, wait_until

HERE, THERE = "10.99.0.1", "10.99.0.2"  # THERE is behind the device


@pytest.fixture(autouse=True)
def tun_in_the_kernel(able):
    try:
        os.close(os.open("/dev/net/tun", os.O_RDWR))
    except OSError as error:
        pytest.skip(f"no tun and tap devices here: {error}")


def link(host, name):
    """What `ip` shows of the interface; empty where there is none."""
    return host.run("ip", "-d", "link", "show", "dev", name).stdout


def index(host, name):
    return int(link(host, name).split(":")[0])


def lead_into(host, name):
    """Traffic to THERE goes into the device; the kernel says nothing on it of its own accord."""
    host.quiet(name)
    host.ip(f"addr add {HERE}/24 dev {name}")


def send(host, count=1):
    with host.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        for _ in range(count):
            sender.sendto(b"hello", (THERE, 9000))


def service(folder, device="tun0", mode="tun", **keys):
    """One whose commands take the device and let it go, as a VPN daemon does."""
    start, stop, _ = vpn.start_stop(folder, device, mode)
    told = {"start": start, "stop": stop, "ready": "none", "idle": "30s", "device": {"name": device, "mode": mode}}
    return {"name": "vpn", "sensors": [{"pcap": {"interface": device}}]} | told | keys


def device(daemon, name="vpn"):
    return daemon.service(name)["device"]


def wait_until_held(daemon, held=True, name="vpn"):
    return wait_until(lambda: (now := device(daemon, name))["held"] == held and now, lambda: f"{device(daemon, name)}\n{daemon.log()}")


def test_traffic_into_the_device_wakes_a_service_that_takes_it_and_it_is_held_again_afterwards(lab, tidegate, tmp_path):
    daemon = tidegate.run([service(tmp_path, idle="1s")])
    assert device(daemon) == {"name": "tun0", "mode": "tun", "held": True, "packets": 0, "trouble": ""}
    assert re.search(r"<.*\bUP\b.*LOWER_UP.*>", link(lab.server, "tun0"))
    lead_into(lab.server, "tun0")
    first = index(lab.server, "tun0")
    packets = vpn.start_stop(tmp_path, "tun0")[2]
    for number in (1, 2):
        send(lab.server)
        woke = daemon.wait_for_event("woke", "vpn", number)
        assert f"→ {THERE}:9000" in woke["text"] and "pcap on tun0" in woke["text"], woke
        daemon.wait_for_event("ready", "vpn", number)
        assert not device(daemon)["held"]
        again_until(lambda: send(lab.server), lambda n=number: packets.exists() and packets.read_text().count("33\n") >= n, "the VPN's packets")
        daemon.wait_for_event("slept", "vpn", number)
        wait_until_held(daemon)
    assert index(lab.server, "tun0") == first, "the same device, with its addresses, all the time"
    assert "trouble" not in daemon.kinds() and "held" not in daemon.kinds()
    assert daemon.end()[0] == 0
    assert link(lab.server, "tun0") == "", "nothing is left behind"


def test_a_tap_device(lab, tidegate, tmp_path):
    daemon = tidegate.run([service(tmp_path, "tap0", "tap", idle="1s")])
    assert "link/ether" in link(lab.server, "tap0")
    lead_into(lab.server, "tap0")
    lab.server.ip(f"neigh add {THERE} lladdr 02:99:00:00:00:02 dev tap0")
    send(lab.server)
    daemon.wait_for_event("ready", "vpn")
    packets = vpn.start_stop(tmp_path, "tap0", "tap")[2]
    again_until(lambda: send(lab.server), lambda: packets.exists() and "47\n" in packets.read_text(), "the VPN's frames")
    daemon.wait_for_event("slept", "vpn")
    wait_until_held(daemon)


def test_what_comes_while_it_is_held_is_read_and_counted(lab, tidegate, tmp_path, diary):
    keys = {"start": diary.note("start"), "stop": diary.note("stop"), "wake": {"from": ["192.0.2.1"]}}
    daemon = tidegate.run([service(tmp_path, **keys)])
    lead_into(lab.server, "tun0")
    before = device(daemon)["packets"]
    for number in range(1, 11):
        send(lab.server, 50)
        wait_until(lambda n=number: device(daemon)["packets"] == before + 50 * n, lambda: device(daemon))
    before += 500
    daemon.send_signal(signal.SIGSTOP)  # so that more waits than is read in one turn
    for _ in range(2):
        send(lab.server, 200)
    daemon.send_signal(signal.SIGCONT)
    wait_until(lambda: device(daemon)["packets"] == before + 400, lambda: device(daemon))
    assert daemon.state("vpn") == "asleep" and diary.lines() == []


def test_a_service_that_fails_is_held_meanwhile_and_finds_the_device_free_at_each_try(lab, tidegate, tmp_path, diary):
    start = f"{vpn.trying('tun0')} >> {diary.path}; exit 3"
    daemon = tidegate.run([service(tmp_path, start=start, retry={"first": "1s", "most": "1s"})])
    lead_into(lab.server, "tun0")
    send(lab.server)
    daemon.wait_for_state("failed", "vpn")
    wait_until_held(daemon)
    again_until(lambda: send(lab.server), lambda: len(daemon.events("vpn", "start failed")) >= 2, "the second try")
    assert set(diary.lines()) == {"free"}
    wait_until_held(daemon)


def test_it_waits_for_a_vpn_that_has_not_let_go_of_the_device_and_says_so(lab, tidegate, tmp_path):
    stop = vpn.start_stop(tmp_path, "tun0")[1]
    daemon = tidegate.run([service(tmp_path, stop="true", idle="1s")])
    lead_into(lab.server, "tun0")
    send(lab.server)
    daemon.wait_for_event("slept", "vpn")
    trouble = daemon.wait_for_event("trouble", "vpn")["text"]
    assert trouble.startswith("take tun device tun0: Device or resource busy (another process holds it)"), trouble
    assert not device(daemon)["held"] and "another process holds it" in device(daemon)["trouble"]
    assert "tun0: not held: take tun device tun0: Device or resource busy" in tidegate.ctl("status").stdout
    assert "not held: take tun device tun0" in tidegate.ctl("why", "vpn").stdout
    lab.server.run(*shlex.split(stop))
    assert daemon.wait_for_event("held", "vpn")["text"] == "tun0 is held again"
    assert device(daemon)["trouble"] == "" and len(daemon.events("vpn", "trouble")) == 1
    assert re.search(r"device +tun0 \(tun\), held, \d+ packets discarded", tidegate.ctl("why", "vpn").stdout)


def test_a_device_that_another_has_at_the_start_is_taken_when_it_is_free(lab, tidegate, tmp_path):
    other = Tun(lab.server, "tun0")
    daemon = tidegate.run([service(tmp_path)])
    daemon.wait_for_event("trouble", "vpn")
    other.close()  # and with it the device goes: the next is another
    daemon.wait_for_event("held", "vpn")
    wait_until(lambda: daemon.status()["sensors"][0]["listening"], "the capture on the new one")
    lead_into(lab.server, "tun0")
    again_until(lambda: send(lab.server), lambda: daemon.events("vpn", "woke"), "its wake")


def test_a_device_that_is_deleted_under_its_hands_is_made_again(lab, tidegate, tmp_path):
    daemon = tidegate.run([service(tmp_path)])
    lab.server.ip("link del tun0")
    daemon.wait_for_event("trouble", "vpn")
    daemon.wait_for_event("held", "vpn")
    wait_until(lambda: daemon.status()["sensors"][0]["listening"], "the capture on the new one")
    lead_into(lab.server, "tun0")
    again_until(lambda: send(lab.server), lambda: daemon.events("vpn", "woke"), "its wake")


def test_a_persistent_device_of_others_stays_as_it_is(lab, tidegate, tmp_path):
    lab.server.ip("tuntap add dev tun0 mode tun", "link set tun0 alias ours")
    lead_into(lab.server, "tun0")
    daemon = tidegate.run([service(tmp_path)])
    assert device(daemon)["held"]
    send(lab.server)
    daemon.wait_for_event("ready", "vpn")
    daemon.ask("stop", name="vpn")
    daemon.wait_for_event("slept", "vpn")
    assert daemon.end()[0] == 0
    shown = link(lab.server, "tun0")
    assert "persist on" in shown and "alias ours" in shown and "made by tidegate" not in shown


@pytest.mark.parametrize("on_exit", ["leave", "stop"])
def test_at_its_end_a_service_that_runs_on_keeps_the_device_and_one_that_is_stopped_does_not(lab, tidegate, tmp_path, on_exit):
    daemon = tidegate.run([service(tmp_path, on_exit=on_exit)])
    lead_into(lab.server, "tun0")
    send(lab.server)
    daemon.wait_for_event("ready", "vpn")
    assert daemon.end()[0] == 0
    if on_exit == "stop":
        assert link(lab.server, "tun0") == ""
        return
    packets = vpn.start_stop(tmp_path, "tun0")[2]
    again_until(lambda: send(lab.server), lambda: packets.exists() and packets.read_text(), "the VPN's packets")
    lab.server.run(*shlex.split(vpn.start_stop(tmp_path, "tun0")[1]))
    tidegate.run([service(tmp_path)]).end()
    assert link(lab.server, "tun0") == "", "the next tidegate knows what is its own"


@pytest.mark.parametrize("mode", ["tun", "tap"])
def test_after_a_kill_the_device_is_in_nobodys_way_and_the_next_tidegate_removes_it(lab, tidegate, tmp_path, mode):
    tidegate.run([service(tmp_path)]).kill()
    assert "made by tidegate" in link(lab.server, "tun0")
    assert lab.server.run(*shlex.split(vpn.trying("tun0"))).stdout == "free\n"
    daemon = tidegate.run([service(tmp_path, mode=mode)])
    assert device(daemon)["held"] and device(daemon)["mode"] == mode
    assert daemon.end()[0] == 0
    assert link(lab.server, "tun0") == ""


def test_nobody_without_privileges_may_take_what_it_made(lab, tidegate, tmp_path, tool):
    tidegate.run([service(tmp_path)]).kill()
    lab.server.ip("link set tun0 down")
    as_nobody = lab.server.run(tool("setpriv"), "--reuid=65534", "--clear-groups", *shlex.split(vpn.trying("tun0")))
    assert as_nobody.stdout in ("Operation not permitted\n", "Permission denied\n"), as_nobody
    lab.server.ip("link del tun0")


def test_a_reload_is_a_difference(lab, tidegate, tmp_path):
    def reloaded(*services):
        tidegate.configure(list(services))
        return tidegate.ctl("reload")

    daemon = tidegate.run([service(tmp_path), service(tmp_path, "tun1", name="other")])
    kept = index(lab.server, "tun0")
    assert reloaded(service(tmp_path, idle="7s"), service(tmp_path, "tun2", name="other")).returncode == 0
    assert index(lab.server, "tun0") == kept and device(daemon)["held"]
    assert device(daemon, "other") == {"name": "tun2", "mode": "tun", "held": True, "packets": 0, "trouble": ""}
    assert link(lab.server, "tun1") == "" and link(lab.server, "tun2") != ""

    wrong = reloaded(service(tmp_path, "tun9"), service(tmp_path, "eth1", name="other"))
    assert wrong.returncode == 1 and "service other: device: take tun device eth1: Invalid argument" in wrong.stderr
    assert "neither tun nor tap" in wrong.stderr
    assert index(lab.server, "tun0") == kept and link(lab.server, "tun9") == "" and device(daemon, "other")["name"] == "tun2"

    without = {key: value for key, value in service(tmp_path, "tun2", name="other").items() if key != "device"}
    assert reloaded(service(tmp_path, mode="tap"), without).returncode == 0
    assert wait_until_held(daemon)["mode"] == "tap" and "link/ether" in link(lab.server, "tun0")
    assert daemon.service("other")["device"] is None and link(lab.server, "tun2") == ""

    assert reloaded(without).returncode == 0
    wait_until(lambda: link(lab.server, "tun0") == "", "the end of the removed service's device")


def test_devices_change_hands_by_a_reload(lab, tidegate, tmp_path):
    daemon = tidegate.run([service(tmp_path, "tun0", name="a"), service(tmp_path, "tun1", name="b")])
    tidegate.configure([service(tmp_path, "tun1", name="a"), service(tmp_path, "tun0", name="b")])
    daemon.ask("reload")
    assert wait_until_held(daemon, name="a")["name"] == "tun1" and wait_until_held(daemon, name="b")["name"] == "tun0"


def test_an_awake_service_keeps_its_device_over_a_reload_and_a_new_one_waits_for_its_sleep(lab, tidegate, tmp_path):
    daemon = tidegate.run([service(tmp_path)])
    lead_into(lab.server, "tun0")
    daemon.ask("start", name="vpn")
    daemon.wait_for_event("ready", "vpn")
    tidegate.configure([service(tmp_path) | {"device": {"name": "tun5"}}])
    daemon.ask("reload")
    assert device(daemon)["name"] == "tun5" and not device(daemon)["held"] and link(lab.server, "tun5") == ""
    daemon.ask("stop", name="vpn")
    wait_until_held(daemon)
    assert link(lab.server, "tun5") != ""


def test_a_dry_run_goes_on_holding_since_nobody_else_will(lab, tidegate, tmp_path):
    daemon = tidegate.run([service(tmp_path, idle="1s")], "--dry-run")
    lead_into(lab.server, "tun0")
    send(lab.server)
    daemon.wait_for_event("ready", "vpn")
    assert device(daemon)["held"]
    daemon.wait_for_event("slept", "vpn")
    assert daemon.end()[0] == 0 and link(lab.server, "tun0") == ""


def test_wake_takes_the_device_from_flags(lab, tidegate, tmp_path):
    start, stop, _ = vpn.start_stop(tmp_path, "tap3", "tap")
    words = ("--name", "vpn", "-i", "tap3", "--device", "tap3", "--device-mode", "tap", "--start", start, "--stop", stop)
    daemon = tidegate.wake(*words, "--idle", "1s", "--also", "arp")
    lead_into(lab.server, "tap3")
    send(lab.server)  # an ARP request, in the first place
    daemon.wait_for_event("slept", "vpn")
    wait_until_held(daemon)
    assert daemon.end()[0] == 0 and link(lab.server, "tap3") == ""


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--device", "a-name-too-long-by-far"], '--device: "a-name-too-long-by-far" is not the name of a tun or tap device'),
        (["--device-mode", "tap"], "--device-mode: goes with --device only"),
        (["--device", "tun0", "--device-mode", "bridge"], '"bridge" is not known (allowed: tun or tap)'),
    ],
)
def test_wrong_flags_are_told(tidegate, words, said):
    done = tidegate.command("wake", "-i", "tun0", "--start", "true", *words)
    assert done.returncode == 2 and said in done.stderr, done


def test_what_will_never_do_ends_the_start_with_the_reason(lab, tidegate, tmp_path):
    def failing(*services):
        tidegate.configure(list(services))
        return tidegate.command("run", "-c", tidegate.config, "--control", tidegate.control)

    done = failing(service(tmp_path, "eth1"))
    assert done.returncode == 1 and "take tun device eth1: Invalid argument (there is an interface of that name" in done.stderr
    lab.server.ip("tuntap add dev tap7 mode tap", "tuntap add dev tun8 mode tun multi_queue")
    done = failing(service(tmp_path, "tun1", name="first"), service(tmp_path, "tap7"))
    assert done.returncode == 1 and "service vpn: device: take tun device tap7: Invalid argument (it is a tap device)" in done.stderr
    assert link(lab.server, "tun1") == "", "all or nothing"
    done = failing(service(tmp_path, "tun8"))
    assert done.returncode == 1 and "several queues (multi_queue)" in done.stderr
    done = failing(service(tmp_path), service(tmp_path, name="other"))
    assert done.returncode == 2 and '"tun0" is the device of service "vpn" already' in done.stderr


# --- one device alone


def holding(tidegate, *words):
    process = tidegate.start(tidegate.binary, "hold-device", *words)
    process.wait_for_log("holding ")
    return process


def test_hold_device_prints_each_packet_and_its_state_and_leaves_nothing_behind(lab, tidegate):
    process = holding(tidegate, "tun0")
    lead_into(lab.server, "tun0")
    send(lab.server)
    process.wait_for_log(rf"\|- IPv4 {re.escape(HERE)} > {re.escape(THERE)}, NXT_HDR: 0x11 \(UDP\)$")
    process.send_signal(signal.SIGHUP)
    process.wait_for_log("SIGHUP caught: there is nothing to do")
    process.send_signal(signal.SIGUSR1)
    process.wait_for_log(r"SIGUSR1 caught: holding tun0, mode tun, [1-9]\d* packets discarded")
    assert "|- MAC" not in process.log()
    status, seconds = process.end(signal.SIGINT)
    assert status == 0 and seconds < 5 and link(lab.server, "tun0") == ""


def test_hold_device_with_a_tap_prints_two_lines(lab, tidegate):
    process = holding(tidegate, "-i", "tap0", "-m", "tap")
    lead_into(lab.server, "tap0")
    send(lab.server)
    process.wait_for_log(rf"\|- ARP {re.escape(HERE)} > {re.escape(THERE)}")
    process.wait_for_log(r"\|- MAC: [0-9a-f:]+ > ff:ff:ff:ff:ff:ff, EtherType: 0x0806 \(ARP\)$")


def test_a_capture_works_on_what_is_held(lab, tidegate, diary):
    holding(tidegate, "tun0", "--quiet")
    lead_into(lab.server, "tun0")
    daemon = tidegate.wake("-i", "tun0", "--start", diary.note("start"))
    send(lab.server)
    diary.wait_for("start")
    assert "tun0" in daemon.status()["sensors"][0]["name"]


def test_hold_device_tells_what_is_wrong(lab, tidegate, tool):
    def refused(status, *words):
        done = tidegate.command("hold-device", *words)
        assert done.returncode == status and done.stdout == "", done
        return done.stderr

    assert "give the device once" in refused(2)
    assert "give the device once" in refused(2, "tun0", "-i", "tun0")
    assert '"a-name-too-long-by-far" is not the name of a tun or tap device (1 to 15 characters' in refused(2, "a-name-too-long-by-far")
    assert "allowed: tun or tap" in refused(2, "tun0", "-m", "bridge")
    holding(tidegate, "tun0")
    assert "take tun device tun0: Device or resource busy (another process holds it)" in refused(1, "tun0")
    assert "Device or resource busy (another process holds it)" in refused(1, "tun0", "-d")
    assert "it is a tun device" in refused(1, "tun0", "-m", "tap")
    assert "neither tun nor tap" in refused(1, "lo")
    without = [tool("setpriv"), "--bounding-set=-net_admin", "--inh-caps=-net_admin"]
    done = lab.server.run(*without, tidegate.binary, "hold-device", "tun1")
    assert done.returncode == 1 and "take tun device tun1: Operation not permitted (needs CAP_NET_ADMIN)" in done.stderr, done


def test_hold_device_ends_when_the_device_is_deleted_and_lets_a_persistent_one_be(lab, tidegate):
    lab.server.ip("tuntap add dev tun0 mode tun")
    assert holding(tidegate, "tun0").end()[0] == 0
    assert "persist on" in link(lab.server, "tun0")
    process = holding(tidegate, "tun0")
    lab.server.ip("link del tun0")
    assert process.wait() == 1
    assert "tun0 was taken away" in process.log() and "read tun device tun0: " in process.log()


@pytest.fixture
def tuntapd(tidegate, tmp_path):
    path = tmp_path / "tuntapd"
    path.symlink_to(tidegate.binary)
    return path


@pytest.mark.parametrize("words", ["-i tun0", "-i tun0 -m tun", "-i tap0 -m tap"])
def test_tuntapd_in_the_foreground(lab, tidegate, tuntapd, words):
    """tuntapd -i <ifname> [-m tun|tap]"""
    name = words.split()[1]
    process = tidegate.start(tuntapd, *words.split())
    process.wait_for_log(rf"tuntapd.*: Success! Tuntapd has been started with PID: {process.pid}$")
    lead_into(lab.server, name)
    send(lab.server)
    process.wait_for_log(rf"tuntapd.*: \|- (ARP|IPv4) {re.escape(HERE)} > {re.escape(THERE)}")
    if name == "tap0":
        process.wait_for_log(r"tuntapd.*: \|- MAC: .* > ff:ff:ff:ff:ff:ff, EtherType: 0x0806 \(ARP\)$")
    process.send_signal(signal.SIGUSR1)
    process.wait_for_log(rf"tuntapd.*: SIGUSR1 caught: holding {name}, mode {name[:3]}, [1-9]\d* packets discarded$")
    assert process.end()[0] == 0 and link(lab.server, name) == ""


def test_tuntapd_in_the_background(lab, tuntapd, in_background, syslog):
    """tuntapd -i <ifname> [-m tun|tap] -d"""
    done = in_background(tuntapd, "-i", "tap0", "-m", "tap", "-d")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    pid = int(syslog.wait_for(r"tuntapd\[(\d+)\]: Success! Tuntapd has been started with PID: \1")[1])
    assert lab.server.processes() == [pid] and os.getsid(pid) == pid
    lead_into(lab.server, "tap0")
    send(lab.server)
    os.kill(pid, signal.SIGUSR1)
    syslog.wait_for(r"tuntapd\[\d+\]: SIGUSR1 caught: holding tap0, mode tap, \d+ packets discarded$")
    os.kill(pid, signal.SIGTERM)
    wait_until(lambda: not lab.server.processes(), "its end")
    assert not any("|-" in line for line in syslog.lines), "packets are for the foreground"
    assert link(lab.server, "tap0") == ""
    assert in_background(tuntapd, "-i", "eth1", "-d").returncode == 1


def test_tuntapd_as_the_document_has_it_around_a_service_of_tuninetd(lab, tuninetd, tuntapd, tmp_path, diary):
    """Started by the "stop" event of tuninetd's executable, and ended by "start"."""
    start, stop, packets = vpn.start_stop(tmp_path, "tun0")
    pid = tmp_path / "tuntapd.pid"
    keep = f"{tuntapd} -i tun0 >/dev/null 2>&1 & echo $! > {pid}"
    lab.server.run("sh", "-c", keep)
    wait_until(lambda: link(lab.server, "tun0"), "the device")
    lead_into(lab.server, "tun0")
    end = f"kill $(cat {pid}); while kill -0 $(cat {pid}) 2>/dev/null; do sleep 0.02; done"
    net = f"ip link set tun0 up; ip addr replace {HERE}/24 dev tun0"
    script = tuninetd.script("toggle", f'if [ "$1" = start ]; then {end}; {start}; {net}; else {stop}; {keep}; fi; {diary.note("$1")}')
    tuninetd.start("-i", "tun0", "-f", "udp port 9000", "-c", script, "-t", "1")
    send(lab.server)
    diary.wait_for("start")
    again_until(lambda: send(lab.server), lambda: packets.exists() and packets.read_text(), "the VPN's packets")
    diary.wait_for("stop")
    wait_until(lambda: "LOWER_UP" in link(lab.server, "tun0"), "the device held again")


def test_tuntapd_tells_wrong_arguments(lab, tuntapd):
    for words, named in [([], "-i"), (["-i", "tun0", "-m", "bridge"], "tun or tap"), (["-i", "a" * 16], "1 to 15"), (["-i", "tun0", "-z"], "-z")]:
        done = lab.server.run(tuntapd, *words)
        assert done.returncode == 2 and named in done.stderr and done.stdout == "", (words, done)
    shown = lab.server.run(tuntapd, "-h")
    assert shown.returncode == 0 and all(flag in shown.stdout for flag in ("-i", "-m", "-d", "-h", "-v"))
    assert subprocess.run([tuntapd, "-v"], capture_output=True, text=True, check=True).stdout.startswith("tuntapd ")
