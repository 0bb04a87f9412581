"""tuninetd by its name, in the foreground: every documented command line with a capture, its log and its signals."""

import re
import signal
import time

import pytest

from support import packets as p
from support.clients import knock_udp
from support.rules import log_to_group
from support.waiting import again_until, wait_until

DATAGRAM = p.ethernet(p.ipv4(p.udp(40000, 9000)))
ACK = p.ethernet(p.ipv4(p.tcp(40000, 9000, p.ACK, b"data")))
UNANSWERED_SYN = p.ethernet(p.ipv4(p.tcp(40000, 9000), destination="10.77.1.7"))


def test_a_tun_device_with_a_filter(tuninetd, diary):
    """tuninetd -i tun0 -f "! host 1.2.3.4" -c /path/to/launcher -t 3600"""
    tun = tuninetd.device("tun0")
    tool = tuninetd.start("-i", "tun0", "-f", "! host 1.2.3.4", "-c", tuninetd.launcher, "-t", "3600")
    tun.send(p.ipv4(p.udp(40000, 9000), source="1.2.3.4")[1])
    tun.send(p.ipv4(p.tcp(40000, 80), source="192.168.1.1", destination="13.107.42.14")[1])
    tool.wait_for_log(r"tuninetd.*: PCAP: start command done$")
    tool.wait_for_log(r"tuninetd.*: \|- IPv4 192\.168\.1\.1 > 13\.107\.42\.14, NXT_HDR: 0x06 \(TCP\)$")
    assert "|- MAC:" not in tool.log(), "there is none on a tun device"
    assert diary.lines() == ["start"]


def test_a_tap_device_renewed_by_acknowledgements_only(tuninetd, diary):
    """tuninetd -i tap0 -c /path/to/executable/toggleservice.sh -a"""
    tap = tuninetd.device("tap0", tap=True)
    tool = tuninetd.start("-i", "tap0", "-c", tuninetd.launcher, "-a")
    tap.send(p.ethernet(p.arp_request(), destination=p.BROADCAST))
    diary.wait_for("start")
    tool.wait_for_log(r"\|- ARP 10\.77\.1\.2 > 10\.77\.1\.1")
    tool.wait_for_log(r"\|- MAC: 02:77:00:00:01:02 > ff:ff:ff:ff:ff:ff, EtherType: 0x0806 \(ARP\)$")


@pytest.mark.parametrize("way", ["iptables", "nft"])
def test_an_nflog_group(lab, tuninetd, diary, way):
    """tuninetd -n 1 -c /path/to/launcher"""
    tuninetd.wire("enp3s0")
    log_to_group(lab.server, 1, way=way)
    tool = tuninetd.start("-n", "1", "-c", tuninetd.launcher)
    tool.wait_for_log(r"tuninetd.*: Start listening nflog-group 1$")
    tool.wait_for_log(r"tuninetd.*: NFLOG: adjust nfnl_rcvbufsiz to 8388608$")
    assert "Binding to interface" not in tool.log()
    lab.client1.send_frames("eth0", p.ethernet(p.ipv4(p.udp(40000, 9001))), DATAGRAM)
    tool.wait_for_log(r"tuninetd.*: NFLOG: start command done$")
    tool.wait_for_log(r"tuninetd.*: \|- IPv4 10\.77\.1\.2 > 10\.77\.1\.1, NXT_HDR: 0x11 \(UDP\)$")
    tool.wait_for_log(r"\|- MAC: 02:77:00:00:01:02 > 02:77:00:00:01:01, EtherType: 0x0800 \(IPv4\)$")
    assert diary.lines() == ["start"]


@pytest.mark.parametrize("way", ["iptables", "nft"])
def test_an_nflog_group_and_a_savefile(lab, tuninetd, diary, tmp_path, tool, way):
    """tuninetd -n 1 -c /path/to/executable/toggletunnel.sh -w /path/to/pcap-savefile"""
    log_to_group(lab.server, 1, hook="output", way=way)
    savefile = tmp_path / "pcap-savefile"
    running = tuninetd.start("-n", "1", "-c", tuninetd.launcher, "-w", savefile)
    knock_udp(lab.server, 9000, "10.77.1.2")
    running.wait_for_log(r"\|- IPv4 10\.77\.1\.1 > 10\.77\.1\.2, NXT_HDR: 0x11 \(UDP\)$")
    assert "|- MAC:" not in running.log(), "a packet that goes out has none yet"
    wait_until(savefile.exists, "the savefile")
    seen = lab.server.run(tool("tcpdump"), "-nn", "-e", "-r", savefile).stdout
    assert "00:00:00:00:00:00 > 00:00:00:00:00:00" in seen and "10.77.1.2.9000" in seen


@pytest.mark.parametrize("way", ["iptables", "nft"])
def test_an_ethernet_with_a_filter_for_arp_and_an_nflog_group(lab, tuninetd, diary, way):
    """tuninetd -i enp3s0 -f "arp and host 4.3.2.1" -n 1 -c /path/to/executable/toggletunnel.sh"""
    tuninetd.wire("enp3s0")
    log_to_group(lab.server, 1, way=way)
    tool = tuninetd.start("-i", "enp3s0", "-f", "arp and host 4.3.2.1", "-n", "1", "-c", tuninetd.launcher)
    arp = p.ethernet(p.arp_request(target="4.3.2.1"), destination=p.BROADCAST)
    lab.client1.send_frames("eth0", p.ethernet(p.ipv4(p.udp(40000, 9001))), arp)
    tool.wait_for_log(r"PCAP: start command done$")
    tool.wait_for_log(r"\|- ARP 10\.77\.1\.2 > 4\.3\.2\.1")
    tool.send_signal(signal.SIGHUP)
    diary.wait_for("stop")
    lab.client1.send_frames("eth0", DATAGRAM)
    tool.wait_for_log(r"NFLOG: start command done$")
    assert diary.lines() == ["start", "stop", "start"]


def test_both_sensors_must_be_idle_before_it_stops(lab, tuninetd, diary):
    tuninetd.wire("enp3s0")
    log_to_group(lab.server, 1)
    tuninetd.start("-i", "enp3s0", "-f", "arp and host 4.3.2.1", "-n", "1", "-c", tuninetd.launcher, "-t", "2")
    arp = p.ethernet(p.arp_request(target="4.3.2.1"), destination=p.BROADCAST)
    for number, (first, then) in enumerate([(DATAGRAM, arp), (arp, DATAGRAM)], 1):
        lab.client1.send_frames("eth0", first)
        diary.wait_for("start", count=number)
        end = time.monotonic() + 3
        again_until(lambda f=then: lab.client1.send_frames("eth0", f), lambda e=end: time.monotonic() > e, "three seconds")
        assert diary.count("stop") == number - 1
        diary.wait_for("stop", count=number)


def test_after_its_idle_time_it_stops_and_the_next_packet_starts_again(lab, tuninetd, diary):
    tuninetd.wire("eth9")
    tool = tuninetd.start("-i", "eth9", "-c", tuninetd.launcher, "-t", "1")
    for number in (1, 2):
        lab.client1.send_frames("eth0", DATAGRAM)
        diary.wait_for("stop", count=number)
    tool.wait_for_log(r"tuninetd.*: CORE: executing STOP command\.\.\.$")
    assert diary.lines() == ["start", "stop"] * 2


def test_every_packet_counts_whoever_sent_it(lab, tuninetd, diary):
    """The document warns of router solicitations and broadcasts: here they count, as its users expect."""
    tuninetd.wire("eth9")
    tool = tuninetd.start("-i", "eth9", "-c", tuninetd.launcher, "-t", "1")
    solicitation = p.ipv6(p.router_solicitation(), source="fe80::f66d:4ff:fe64:1124", destination="ff02::2")
    frame = p.ethernet(p.vlan(3, solicitation), source="f4:6d:04:64:11:24", destination="33:33:00:00:00:02")
    lab.client1.send_frames("eth0", frame)
    tool.wait_for_log(r"\|- IPv6 fe80::f66d:4ff:fe64:1124 > ff02::2, NXT_HDR: 0x3A \(IPv6-ICMP\)$")
    tool.wait_for_log(r"\|- MAC: f4:6d:04:64:11:24 > 33:33:00:00:00:02, 802\.1Q VID: 3, EtherType: 0x86DD \(IPv6\)$")
    diary.wait_for("stop")
    for number, noise in enumerate((p.ethernet(p.ipv4(p.icmp_echo())), p.ethernet(p.ipv4(p.tcp(1, 2, p.RST)))), start=2):
        lab.client1.send_frames("eth0", noise)
        diary.wait_for("start", count=number)
        diary.wait_for("stop", count=number)


def test_with_a_only_acknowledgements_renew_and_any_packet_starts(lab, tuninetd, diary):
    tuninetd.wire("eth9")
    tuninetd.start("-i", "eth9", "-c", tuninetd.launcher, "-t", "2", "-a")
    lab.client1.send_frames("eth0", DATAGRAM)
    diary.wait_for("start")
    # Others come all the time, SYNs that nobody answers among them, and it stops in their midst; the next of them starts it again.
    again_until(lambda: lab.client1.send_frames("eth0", DATAGRAM, UNANSWERED_SYN), lambda: diary.count("stop") == 1, "the stop")
    assert diary.count("start") in (1, 2)
    diary.wait_for("stop", count=diary.count("start"))
    stops = diary.count("stop")
    lab.client1.send_frames("eth0", DATAGRAM)
    diary.wait_for("start", count=stops + 1)

    def acknowledge():
        lab.client1.send_frames("eth0", ACK)
        assert diary.count("stop") == stops

    end = time.monotonic() + 3
    again_until(acknowledge, lambda: time.monotonic() > end, "three seconds of acknowledgements")
    diary.wait_for("stop", count=stops + 1)


def test_packets_during_a_command_do_not_start_a_second_one(lab, tuninetd, diary, tmp_path):
    tuninetd.wire("eth9")
    gate = tmp_path / "gate"
    slow = tuninetd.script("slow", f"{diary.note('$1')}; while ! test -e {gate}; do sleep 0.02; done; {diary.note('done')}")
    tool = tuninetd.start("-i", "eth9", "-c", slow, "-t", "3600")
    lab.client1.send_frames("eth0", DATAGRAM)
    diary.wait_for("start")
    lab.client1.send_frames("eth0", *[DATAGRAM] * 10)
    tool.send_signal(signal.SIGUSR1)
    tool.wait_for_log("- current status: ")
    gate.touch()
    tool.wait_for_log("start command done")
    assert diary.lines() == ["start", "done"]


def test_a_command_that_fails_is_a_warning_and_the_state_changes_all_the_same(lab, tuninetd, diary):
    tuninetd.wire("eth9")
    failing = tuninetd.script("failing", f"{diary.note('$1')}; exit 3")
    tool = tuninetd.start("-i", "eth9", "-c", failing, "-t", "1")
    lab.client1.send_frames("eth0", DATAGRAM)
    diary.wait_for("stop")
    tool.wait_for_log("warning.*exited 3")
    lab.client1.send_frames("eth0", DATAGRAM)
    diary.wait_for("stop", count=2)
    assert diary.lines() == ["start", "stop"] * 2


def test_the_output_of_its_commands_is_discarded(lab, tuninetd, diary):
    tuninetd.wire("eth9")
    loud = tuninetd.script("loud", f"echo shout; echo cry >&2; {diary.note('$1')}")
    tool = tuninetd.start("-i", "eth9", "-c", loud)
    lab.client1.send_frames("eth0", DATAGRAM)
    tool.wait_for_log("start command done")
    assert "shout" not in tool.log() + tool.output() and "cry" not in tool.log() + tool.output()


def test_sighup_stops_at_once_and_is_a_warning_when_it_has_stopped_already(lab, tuninetd, diary):
    tuninetd.wire("eth9")
    tool = tuninetd.start("-i", "eth9", "-c", tuninetd.launcher, "-t", "3600")
    tool.send_signal(signal.SIGHUP)
    tool.wait_for_log(r"(?i)sighup.*warning.*stopped")
    assert diary.lines() == []
    lab.client1.send_frames("eth0", DATAGRAM)
    tool.wait_for_log("start command done")
    tool.send_signal(signal.SIGHUP)
    diary.wait_for("stop")
    tool.wait_for_log(r"CORE: executing STOP command\.\.\.")
    lab.client1.send_frames("eth0", DATAGRAM)
    diary.wait_for("start", count=2)


def test_sigusr1_reports_configuration_and_state_as_documented(lab, tuninetd, diary, tmp_path):
    tuninetd.wire("enp3s0")
    savefile = tmp_path / "pcap.file"
    tool = tuninetd.start("-i", "enp3s0", "-f", "ip6 or ip", "-n", "1", "-c", tuninetd.launcher, "-a", "-w", savefile)
    tool.send_signal(signal.SIGUSR1)
    tool.wait_for_log("- current status: down")
    lab.client1.send_frames("eth0", DATAGRAM)
    diary.wait_for("start")
    tool.wait_for_log("start command done")
    tool.send_signal(signal.SIGUSR1)
    tool.wait_for_log("- current status: up")
    said = [line.split(": ", 1)[1] for line in tool.log().splitlines()]
    report = said[len(said) - 1 - said[::-1].index("SIGUSR1 caught:") :]
    assert report[:-1] == [
        "SIGUSR1 caught:",
        "- capture engine: pcap, enp3s0",
        '-- pcap filter: "ip6 or ip"',
        "- capture engine: nflog group 1",
        "- using packets with tcp[ack] flag to reset TTL timer",
        f"- file to dump start event packets (pcap format): {savefile}",
        f"- event path: {tuninetd.launcher}",
        "- TTL: 600 sec.",
    ]
    assert re.fullmatch(r"- current status: up \(ON\), time since last captured packet: \d+ sec\.", report[-1])


def test_start_packets_are_appended_to_a_savefile_that_tcpdump_and_tshark_read(lab, tuninetd, diary, tmp_path, tool):
    tuninetd.wire("enp3s0")
    savefile = tmp_path / "pcap-savefile"
    words = ("-i", "enp3s0", "-c", tuninetd.launcher, "-w", savefile, "-t", "1")
    first = tuninetd.start(*words)
    for number in (1, 2):
        lab.client1.send_frames("eth0", p.ethernet(p.ipv4(p.udp(40000 + number, 9000))), DATAGRAM)
        diary.wait_for("stop", count=number)
    assert first.end()[0] == 0
    tuninetd.start(*words)
    lab.client1.send_frames("eth0", p.ethernet(p.vlan(3, p.ipv6(p.tcp(40003, 9000)))))
    diary.wait_for("stop", count=3)
    seen = lab.server.run(tool("tcpdump"), "-nn", "-e", "-r", savefile)
    assert len(seen.stdout.splitlines()) == 3, seen
    for fragment in ("10.77.1.2.40001", "10.77.1.2.40002", "vlan 3", "fd77:1::2.40003"):
        assert fragment in seen.stdout
    fields = ("-T", "fields", "-e", "udp.srcport", "-e", "tcp.srcport", "-e", "vlan.id")
    dissected = lab.server.run(tool("tshark"), "-r", savefile, *fields)
    assert [line.strip().split() for line in dissected.stdout.splitlines()] == [["40001"], ["40002"], ["40003", "3"]]


def test_a_packet_without_a_link_header_gets_one_in_the_savefile(tuninetd, diary, tmp_path, tool, lab):
    tun = tuninetd.device("tun0")
    savefile = tmp_path / "pcap-savefile"
    tuninetd.start("-i", "tun0", "-c", tuninetd.launcher, "-w", savefile)
    tun.send(p.ipv4(p.udp(40000, 9000))[1])
    diary.wait_for("start")
    wait_until(savefile.exists, "the savefile")
    seen = lab.server.run(tool("tcpdump"), "-nn", "-e", "-r", savefile).stdout
    assert "00:00:00:00:00:00 > 00:00:00:00:00:00" in seen and "10.77.1.2.40000 > 10.77.1.1.9000" in seen


def test_a_group_that_another_listens_to_is_an_error(tuninetd):
    tuninetd.start("-n", "1", "-c", tuninetd.launcher)
    done = tuninetd.run("-n", "1", "-c", tuninetd.launcher)
    assert done.returncode == 1 and "nflog group 1: Device or resource busy" in done.stderr


def test_sigusr1_tells_of_a_group_alone(tuninetd):
    tool = tuninetd.start("-n", "1", "-c", tuninetd.launcher)
    tool.send_signal(signal.SIGUSR1)
    tool.wait_for_log("- current status: down")
    assert "- capture engine: nflog group 1\n" in tool.log() and "pcap, " not in tool.log()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_ends_cleanly_by_a_signal(tuninetd, number):
    tuninetd.wire("eth9")
    status, seconds = tuninetd.start("-i", "eth9", "-c", tuninetd.launcher).end(number)
    assert status == 0 and seconds < 5


def test_help_names_every_option_and_version_its_name(tuninetd):
    shown = tuninetd.run("-h")
    assert shown.returncode == 0
    for option in ("-a", "-c", "-d", "-f", "-i", "-n", "-t", "-w", "-h", "-v"):
        assert re.search(rf"^ *{option}\b", shown.stdout, re.MULTILINE), option
    version = tuninetd.run("-v")
    assert version.returncode == 0 and re.match(r"tuninetd .*\d+\.\d+", version.stdout)


def test_wrong_arguments_are_told_and_exit_2(tuninetd):
    launcher = str(tuninetd.launcher)
    plain = tuninetd.folder / "plain"
    plain.write_text("no program")
    for words, named in [
        ([], "-c"),
        (["-i", "eth1"], "-c"),
        (["-c", launcher], "-i or -n"),
        (["-n", "65536", "-c", launcher], "-n"),
        (["-n", "one", "-c", launcher], "-n"),
        (["-n", "1", "-f", "arp", "-c", launcher], "-f goes with -i"),
        (["-i", "eth1", "-c", "/nowhere/launcher"], "/nowhere/launcher"),
        (["-i", "eth1", "-c", str(plain)], str(plain)),
        (["-i", "eth1", "-c", launcher, "-t", "soon"], "-t"),
        (["-i", "eth1", "-c", launcher, "-f", "no such filter"], "no such filter"),
        (["-i", "eth1", "-c", launcher, "-z"], "-z"),
    ]:
        done = tuninetd.run(*words)
        assert done.returncode == 2 and done.stdout == "", (words, done)
        assert named in done.stderr, (words, done.stderr)
