"""Sensor nflog with real rules, of nftables and of iptables, and real packets."""

import re
import signal
import socket

import pytest

from support import packets as p
from support.clients import ask_tcp, knock_udp
from support.netns import client_address, client_mac, server_address, server_mac
from support.rules import groups, log_to_group, logged, netlink_drops
from support.service import answering
from support.waiting import again_until, wait_until

IPV4, IPV6 = socket.AF_INET, socket.AF_INET6
DATAGRAM = p.ethernet(p.ipv4(p.udp(40000, 9000)))
FAMILIES = [("nft", IPV4), ("nft", IPV6), ("iptables", IPV4), ("ip6tables", IPV6)]


def by_group(diary, *numbers, name="service", **keys):
    """A service that is woken by groups of nflog only."""
    service = diary.service(name, sensors=[{"nflog": {"group": number}} for number in numbers or (1,)], **keys)
    service.pop("ports")
    return service


def sensor(daemon, name="nflog group 1"):
    return next(sensor for sensor in daemon.status()["sensors"] if sensor["name"] == name)


@pytest.mark.parametrize("way, family", FAMILIES)
def test_a_datagram_that_a_rule_logs_wakes_it(lab, tidegate, diary, way, family):
    log_to_group(lab.server, 1, way=way)
    daemon = tidegate.run([by_group(diary)])
    knock_udp(lab.client1, 9001, server_address(1, family))
    knock_udp(lab.client1, 9000, server_address(1, family))
    text = daemon.wait_for_event("woke")["text"]
    assert "UDP" in text and client_address(1, family) in text and "sensor nflog group 1" in text
    assert daemon.why()["woken_by"]["destination"].endswith(":9000")


@pytest.mark.parametrize("way, family", FAMILIES)
def test_a_tcp_client_wakes_the_service_is_answered_and_it_sleeps_again(lab, tidegate, tmp_path, way, family):
    log_to_group(lab.server, 7, "tcp dport 8080", way=way)
    service = answering(tmp_path, tcp=8080, sensors=[{"nflog": {"group": 7}}], idle="1s", ready="none")
    service.pop("ports")
    daemon = tidegate.run([service])
    assert ask_tcp(lab.client1, 8080, server_address(1, family)) == "hello from service\n"
    assert "TCP" in daemon.wait_for_event("woke")["text"]
    daemon.wait_for_event("slept")


@pytest.mark.parametrize("family", [IPV4, IPV6], ids=["ipv4", "ipv6"])
def test_a_packet_on_its_way_out_wakes_it_too(lab, tidegate, diary, tmp_path, tool, family):
    log_to_group(lab.server, 1, hook="output")
    savefile = tmp_path / "wakes.pcap"
    daemon = tidegate.run([by_group(diary, capture_wakes=str(savefile))])
    knock_udp(lab.server, 9000, client_address(1, family))
    assert server_address(1, family) in daemon.wait_for_event("woke")["text"]
    wait_until(savefile.exists, "the savefile")
    seen = lab.server.run(tool("tcpdump"), "-nn", "-e", "-r", savefile).stdout
    assert "00:00:00:00:00:00 > 00:00:00:00:00:00" in seen and f"{client_address(1, family)}.9000" in seen


def test_a_packet_over_loopback_wakes_it(lab, tidegate, diary):
    log_to_group(lab.server, 1)
    daemon = tidegate.run([by_group(diary)])
    knock_udp(lab.server, 9000, "127.0.0.1")
    assert "127.0.0.1:9000" in daemon.wait_for_event("woke")["text"]


def test_the_packet_that_woke_it_is_kept_whole_with_its_link_header(lab, tidegate, diary, tmp_path, tool):
    log_to_group(lab.server, 1)
    savefile = tmp_path / "wakes.pcap"
    tidegate.run([by_group(diary, capture_wakes=str(savefile))])
    lab.client1.send_frames("eth0", p.ethernet(p.ipv4(p.udp(40000, 9000, b"x" * 1400))))
    diary.wait_for("start service")
    wait_until(savefile.exists, "the savefile")
    seen = lab.server.run(tool("tcpdump"), "-nn", "-e", "-v", "-r", savefile).stdout
    assert "02:77:00:00:01:02 > 02:77:00:00:01:01" in seen and "length 1400" in seen and "|" not in seen, seen


def test_of_other_packets_only_what_headers_take_is_asked_for(lab, tidegate, diary, tmp_path):
    tidegate.run([by_group(diary, 1), by_group(diary, 2, name="keeper", capture_wakes=str(tmp_path / "wakes.pcap"))])
    known = groups(lab.server)
    assert known[1]["copy_range"] == 256 and known[2]["copy_range"] > 10000
    assert known[1]["port"] == known[2]["port"], "one socket for all of them"


def test_a_service_may_have_several_groups_and_two_services_may_share_one(lab, tidegate, diary):
    log_to_group(lab.server, 1)
    log_to_group(lab.server, 2, "udp dport 9001")
    daemon = tidegate.run([by_group(diary, 1, 2, name="a", idle="300ms"), by_group(diary, 2, name="b", idle="300ms")])
    knock_udp(lab.client1, 9000)
    daemon.wait_for_event("slept", "a")
    assert daemon.events("b", "woke") == []
    knock_udp(lab.client1, 9001)
    for name, count in (("a", 2), ("b", 1)):
        assert "sensor nflog group 2" in daemon.wait_for_event("woke", name, count)["text"]
    assert sorted(sensor["name"] for sensor in daemon.status()["sensors"]) == ["nflog group 1", "nflog group 2"]


def test_with_both_sensors_the_first_wakes_and_both_keep_it_awake(lab, tidegate, diary):
    log_to_group(lab.server, 1)
    service = by_group(diary, idle="2s")
    service["sensors"].append({"pcap": {"interface": "eth2", "filter": "udp dst port 9001"}})
    daemon = tidegate.run([service])
    knock = {"nflog group 1": (lab.client1, 9000), "pcap on eth2": (lab.client2, 9001, "10.77.2.1")}
    for number, (first, then) in enumerate([list(knock), list(knock)[::-1]], 1):
        knock_udp(*knock[first])
        assert f"sensor {first}" in daemon.wait_for_event("woke", count=number)["text"]
        daemon.wait_for_state("awake")
        enough = sensor(daemon, then)["packets"] + 30
        again_until(lambda k=knock[then]: knock_udp(*k), lambda t=then, e=enough: sensor(daemon, t)["packets"] >= e, "30 more")
        assert len(daemon.events(kind="slept")) == number - 1, "three seconds of the other sensor's packets kept it awake"
        daemon.wait_for_event("slept", count=number)


def test_a_reload_takes_up_and_lets_go_of_groups_and_leaves_the_others_alone(lab, tidegate, diary, tmp_path):
    log_to_group(lab.server, 1)
    log_to_group(lab.server, 2, "udp dport 9001")
    daemon = tidegate.run([by_group(diary, 1, name="a")])
    knock_udp(lab.client1, 9000)
    daemon.wait_for_state("awake", "a")
    port = groups(lab.server)[1]["port"]
    tidegate.configure([by_group(diary, 1, name="a"), by_group(diary, 2, name="b")])
    assert tidegate.ctl("reload").returncode == 0
    assert daemon.state("a") == "awake" and sensor(daemon)["packets"] == 1
    assert {number: group["port"] for number, group in groups(lab.server).items()} == {1: port, 2: port}
    knock_udp(lab.client1, 9001)
    daemon.wait_for_state("awake", "b")
    tidegate.configure([by_group(diary, 2, name="b", capture_wakes=str(tmp_path / "wakes.pcap"))])
    assert tidegate.ctl("reload").returncode == 0
    known = groups(lab.server)
    assert set(known) == {2} and known[2]["copy_range"] > 10000
    tidegate.configure([diary.service("b")])
    assert tidegate.ctl("reload").returncode == 0
    assert groups(lab.server) == {}


def test_a_group_that_is_taken_is_told_of_and_changes_nothing(lab, tidegate, diary, tmp_path):
    first = tidegate.run([by_group(diary, 1), by_group(diary, 2, name="other")])
    done = tidegate.command("wake", "--nflog", 3, "--nflog", 2, "--start", "true", "--control", tmp_path / "second")
    assert done.returncode == 1
    assert "nflog group 2: Device or resource busy: another program listens to it" in done.stderr
    second = tidegate.daemon("wake", "--nflog", 3, "--start", "true", control=tmp_path / "third")
    assert set(groups(lab.server)) == {1, 2, 3}
    tidegate.configure([by_group(diary, 1, 4), by_group(diary, 3, name="other")])
    done = tidegate.ctl("reload")
    assert done.returncode == 1 and "nflog group 3" in done.stderr
    assert set(groups(lab.server)) == {1, 2, 3}, "what was open before, and nothing of the new"
    assert {sensor["name"] for sensor in first.status()["sensors"]} == {"nflog group 1", "nflog group 2"}
    second.end()
    assert tidegate.ctl("reload").returncode == 0
    assert set(groups(lab.server)) == {1, 3, 4}


def test_without_the_capability_it_says_which_one(lab, tidegate, diary, tool):
    tidegate.configure([by_group(diary)])
    less = [tool("setpriv"), "--bounding-set", "-net_admin", "--inh-caps", "-net_admin"]
    done = lab.server.run(*less, tidegate.binary, "run", "-c", tidegate.config, "--control", tidegate.control)
    assert done.returncode == 1
    assert "nflog group 1: Operation not permitted (needs CAP_NET_ADMIN)" in done.stderr


def test_what_it_could_not_take_is_counted_to_the_packet_and_shown(lab, tidegate, diary):
    def send(number):
        lab.client1.send_frames("eth0", *[DATAGRAM] * number)

    def counted(now):
        return now["packets"] + now["dropped_kernel"] == logged(lab.server)

    log_to_group(lab.server, 1, "udp dport 9000 counter")
    daemon = tidegate.run({"services": [by_group(diary)], "api": {"port": 8080}})
    daemon.send_signal(signal.SIGSTOP)
    again_until(lambda: send(1000), lambda: netlink_drops(lab.server) > 500, "a full buffer", every=0)
    daemon.send_signal(signal.SIGCONT)
    wait_until(lambda: sensor(daemon)["overruns"] > 0, "the overrun to be noticed")
    # With room again, the next packet tells how many were lost before it.
    again_until(lambda: send(1), lambda: sensor(daemon)["dropped_kernel"] > 0, "the gap to be noticed")
    now = wait_until(lambda: counted(now := sensor(daemon)) and now, lambda: f"{logged(lab.server)} of {sensor(daemon)}")
    assert now["listening"] and daemon.state() == "awake"
    assert f"nflog group 1: {now['dropped_kernel']} packets were lost" in tidegate.ctl("status").stdout
    daemon.wait_for_log(rf"nflog group 1: {now['dropped_kernel']} packets lost for want of room")
    with lab.server.socket() as connection:
        connection.connect(("127.0.0.1", 8080))
        connection.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
        metrics = b"".join(iter(lambda: connection.recv(65536), b"")).decode()
    assert f'tidegate_sensor_dropped_total{{sensor="nflog group 1",by="kernel"}} {now["dropped_kernel"]}\n' in metrics
    assert f"tidegate_nflog_overruns_total {now['overruns']}\n" in metrics


def test_while_it_is_awake_packets_come_in_batches(lab, tidegate, diary):
    def switches():
        with open(f"/proc/{daemon.pid}/status", encoding="ascii") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("voluntary_ctxt"))

    log_to_group(lab.server, 1)
    daemon = tidegate.run([by_group(diary)])
    lab.client1.send_frames("eth0", DATAGRAM)
    daemon.wait_for_state("awake")
    before = switches()
    for _ in range(10):
        lab.client1.send_frames("eth0", *[DATAGRAM] * 1000)
    wait_until(lambda: sensor(daemon)["packets"] == 10001, "all of them")
    assert switches() - before < 3000
    assert sensor(daemon)["dropped_kernel"] == 0


def test_rules_may_come_and_go(lab, tidegate, diary):
    daemon = tidegate.run([by_group(diary, idle="300ms")])
    for number in (1, 2):
        log_to_group(lab.server, 1)
        knock_udp(lab.client1, 9000)
        daemon.wait_for_event("slept", count=number)
        lab.server.run("nft", "flush", "ruleset", check=True)
        knock_udp(lab.client1, 9000)
    assert len(daemon.events(kind="woke")) == 2


def test_a_rule_with_a_threshold_and_a_size_of_its_own_is_heard(lab, tidegate, diary):
    log_to_group(lab.server, 1, way="iptables", options="--nflog-threshold 5 --nflog-size 28")
    daemon = tidegate.run([by_group(diary)])
    lab.client1.send_frames("eth0", p.ethernet(p.ipv4(p.udp(40000, 9000, b"x" * 500))))
    assert "528 bytes" in daemon.wait_for_event("woke")["text"]


def test_arp_that_a_rule_logs_wakes_who_asks_for_it(lab, tidegate, diary):
    rules = "table arp tide {\n chain in {\n  type filter hook input priority 0;\n  log group 1\n }\n}\n"
    done = lab.server.run("nft", "-f", "-", input=rules)
    if done.returncode != 0:
        pytest.skip(f"no rules for ARP here: {done.stderr.strip()}")
    daemon = tidegate.run([by_group(diary, wake={"also": ["arp", "broadcast"]})])
    lab.client1.send_frames("eth0", p.ethernet(p.arp_request(), destination=p.BROADCAST))
    assert "10.77.1.2" in daemon.wait_for_event("woke")["text"]


@pytest.mark.parametrize("hook", ["ingress", "egress"])
def test_frames_that_a_device_logs_are_read_with_their_tags(lab, tidegate, diary, tmp_path, tool, hook):
    rules = f"table netdev tide {{\n chain c {{\n  type filter hook {hook} device eth1 priority 0;\n  log group 1\n }}\n}}\n"
    done = lab.server.run("nft", "-f", "-", input=rules)
    if done.returncode != 0:
        pytest.skip(f"no rules at {hook} here: {done.stderr.strip()}")
    savefile = tmp_path / "wakes.pcap"
    daemon = tidegate.run([by_group(diary, wake={"ports": "udp/9000"}, capture_wakes=str(savefile))])
    if hook == "ingress":
        lab.client1.send_frames("eth0", p.ethernet(p.vlan(3, p.ipv4(p.udp(40000, 9000)))))
    else:  # what the service sends is for it too
        answer = p.ipv4(p.udp(9000, 40000), source=server_address(), destination=client_address())
        lab.server.send_frames("eth1", p.ethernet(p.vlan(3, answer), source=server_mac(1), destination=client_mac(1)))
    daemon.wait_for_state("awake")
    wait_until(savefile.exists, "the savefile")
    seen = lab.server.run(tool("tcpdump"), "-nn", "-e", "-r", savefile).stdout
    assert "vlan 3" in seen and re.search(r"10\.77\.1\.[12]\.(40000|9000) > 10\.77\.1\.[12]\.(40000|9000)", seen), seen


def test_wake_takes_groups_as_flags_and_refuses_what_is_none(lab, tidegate, diary):
    log_to_group(lab.server, 2)
    daemon = tidegate.wake("--nflog", 1, "--nflog", 2, "--start", diary.note("start"), "--idle", "30s")
    knock_udp(lab.client1, 9000)
    diary.wait_for("start")
    assert "sensor nflog group 2" in daemon.events(kind="woke")[0]["text"]
    for words, told in [(["65536"], "from 0 to 65535"), (["one"], "from 0 to 65535"), (["1", "--nflog", "1"], "already")]:
        done = tidegate.command("wake", "--nflog", *words, "--start", "true")
        assert done.returncode == 2 and re.search(told, done.stderr), done.stderr
