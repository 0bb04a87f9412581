"""`tidegate wake` and `tidegate run` with real clients: traffic starts the service, silence stops it."""

import socket
import subprocess

import pytest

from support import packets, service
from support.clients import ask_tcp, ask_udp, knock_udp
from support.netns import client_address, server_address
from support.waiting import again_until, wait_until

IPV4, IPV6 = socket.AF_INET, socket.AF_INET6
families = pytest.mark.parametrize("family", [IPV4, IPV6], ids=["ipv4", "ipv6"])


@families
def test_a_tcp_client_wakes_the_service_is_answered_and_it_sleeps_again(lab, tidegate, tmp_path, family):
    start, stop = service.start_stop(tmp_path / "pid", "tide", tcp=8080)
    daemon = tidegate.wake("--name", "tide", "--tcp", 8080, "--start", start, "--stop", stop, "--idle", "1s")
    assert daemon.state("tide") == "asleep"
    assert ask_tcp(lab.client1, 8080, server_address(1, family)) == "hello from tide\n"
    woke = daemon.wait_for_event("woke")
    assert "TCP" in woke["text"] and client_address(1, family) in woke["text"], woke
    daemon.wait_for_event("slept")
    assert not (tmp_path / "pid").exists(), "the stop command has run to its end"
    assert daemon.kinds() == ["woke", "ready", "stopping", "slept"]


@families
def test_a_udp_client_wakes_the_service_is_answered_and_it_sleeps_again(lab, tidegate, tmp_path, family):
    start, stop = service.start_stop(tmp_path / "pid", udp=8211)
    daemon = tidegate.wake("--udp", 8211, "--start", start, "--stop", stop, "--idle", "1s")
    assert ask_udp(lab.client1, 8211, server_address(1, family)) == "ping"
    packet = daemon.why()["woken_by"]
    assert packet["protocol"] == "udp" and packet["class"] == "wake"
    assert packet["source"].startswith(client_address(1, family)) or packet["source"].startswith(f"[{client_address(1, family)}]")
    daemon.wait_for_event("slept")


def test_curl_that_tries_again_is_answered_by_a_supervised_process(lab, tidegate, tool):
    command = subprocess.list2cmdline(service.serving("web", tcp=8080))
    daemon = tidegate.wake("-t", 8080, "--process", command, "--idle", "1s")
    url = f"http://{server_address()}:8080/"
    curl = lab.client1.run(tool("curl"), "-sS", "--retry", 30, "--retry-connrefused", "--retry-delay", 1, "-m", 60, url)
    assert curl.stdout == "hello from web\n", curl.stderr
    daemon.wait_for_event("slept")


def test_two_clients_from_two_hosts_wake_it_each_and_are_counted(lab, tidegate, tmp_path):
    daemon = tidegate.run([service.answering(tmp_path, udp=8211, idle="2s")])
    ask_udp(lab.client1, 8211, server_address(1))
    ask_udp(lab.client2, 8211, server_address(2))
    wait_until(lambda: daemon.service()["clients"] == 2, "two clients")
    told = {client["client"].rsplit(":", 1)[0] for client in daemon.why()["client_list"]}
    assert told == {client_address(1), client_address(2)}
    status = daemon.service()
    assert status["bytes_in"] > 0 and status["bytes_out"] > 0
    daemon.wait_for_event("slept")
    ask_udp(lab.client2, 8211, server_address(2))
    assert client_address(2) in daemon.wait_for_event("woke", count=2)["text"]


def test_its_start_and_stop_commands_are_told_who_woke_it(lab, tidegate, diary):
    words = "$TIDEGATE_EVENT $TIDEGATE_SERVICE $TIDEGATE_PROTOCOL $TIDEGATE_SOURCE_ADDRESS $TIDEGATE_SOURCE_PORT"
    words += " $TIDEGATE_DESTINATION_ADDRESS $TIDEGATE_DESTINATION_PORT"
    tidegate.run([diary.service("palworld", ["udp/8211"], idle="300ms", start=diary.note(words), stop=diary.note(words))])
    port = knock_udp(lab.client1, 8211)
    packet = f"palworld udp {client_address()} {port} {server_address()} 8211"
    diary.wait_for(f"start {packet}")
    diary.wait_for(f"stop {packet}")


def test_a_script_is_called_with_start_and_stop(lab, tidegate, diary, tmp_path):
    script = tmp_path / "toggle.sh"
    script.write_text(f"#!/bin/sh\necho $1 >> {diary.path}\n")
    script.chmod(0o755)
    daemon = tidegate.wake("-u", 9000, "--script", script, "--idle", "300ms")
    knock_udp(lab.client1, 9000)
    daemon.wait_for_event("slept")
    assert diary.lines() == ["start", "stop"]


def test_a_range_of_ports_wakes_by_each_of_them(lab, tidegate, diary):
    daemon = tidegate.run([diary.service(ports=["tcp/27000-27015", "udp/8211"], idle="300ms")])
    for number, port in enumerate((27000, 27015), start=1):
        lab.client1.send_frames("eth0", packets.ethernet(packets.ipv4(packets.tcp(40000, port))))
        daemon.wait_for_event("slept", count=number)
    knock_udp(lab.client1, 8211)
    daemon.wait_for_event("slept", count=3)


def test_as_many_packets_as_asked_for_from_one_source_wake_it(lab, tidegate, diary):
    rated = diary.service(wake={"packets": "3/10s"})
    daemon = tidegate.run([rated, diary.service("marker", ["udp/9001"])])
    for client, number in ((lab.client1, 1), (lab.client2, 2)):
        for _ in range(2):
            knock_udp(client, 9000, server_address(number))
    knock_udp(lab.client1, 9001, server_address(1))
    daemon.wait_for_state("awake", "marker")
    assert daemon.state() == "asleep"  # four packets, but two from each
    knock_udp(lab.client1, 9000, server_address(1))
    daemon.wait_for_state("awake")


def test_a_filter_in_tcpdump_syntax_wakes_by_what_passes_it(lab, tidegate, diary):
    start, stop = diary.note("start"), diary.note("stop")
    filter_ = f"udp and src host {client_address(1)} and dst port 7000"
    daemon = tidegate.wake("-i", "eth1", "-f", filter_, "-s", start, "-S", stop, "--idle", "300ms")
    knock_udp(lab.client1, 7001)
    knock_udp(lab.client1, 7000)
    assert "10.77.1.1:7000" in daemon.wait_for_event("woke")["text"]
    daemon.wait_for_event("slept")
    assert diary.lines() == ["start", "stop"]


def test_a_ping_wakes_a_service_that_wants_pings(lab, tidegate, diary):
    ping = packets.ethernet(packets.ipv4(packets.icmp_echo()))
    daemon = tidegate.wake("-i", "eth1", "-f", "icmp", "--also", "icmp", "-s", diary.note("start"))
    lab.client1.send_frames("eth0", ping)
    daemon.wait_for_state("awake")
    assert "ICMP" in daemon.events(kind="woke")[0]["text"]


@families
def test_traffic_renews_the_idle_time_and_a_client_of_another_service_does_not(lab, tidegate, diary, family):
    daemon = tidegate.run([diary.service(idle="2s"), diary.service("other", ["udp/9001"])])
    address = server_address(1, family)
    knock_udp(lab.client1, 9000, address)
    daemon.wait_for_state("awake")
    for _ in range(3):  # well past its idle time, each packet when half of that is over
        wait_until(lambda: daemon.service()["sleeps_in_seconds"] < 1, "half of the idle time")
        knock_udp(lab.client1, 9000, address)
        wait_until(lambda: daemon.service()["sleeps_in_seconds"] > 1, "the idle time to begin anew")
    assert daemon.kinds("service") == ["woke", "ready"]
    again_until(lambda: knock_udp(lab.client1, 9001, address), lambda: daemon.events("service", "slept"), "sleep all the same")


def test_under_ack_only_what_is_no_acknowledgement_wakes_but_does_not_renew(lab, tidegate, diary):
    daemon = tidegate.run([diary.service(ports=["tcp/9000", "udp/9000"], idle="2s", keep={"ack_only": True})])
    knock_udp(lab.client1, 9000)
    daemon.wait_for_state("awake")
    again_until(lambda: knock_udp(lab.client1, 9000), lambda: daemon.events(kind="slept"), "sleep under mere datagrams")
    again_until(lambda: knock_udp(lab.client1, 9000), lambda: daemon.state() == "awake", "wake by a datagram all the same")
    wait_until(lambda: daemon.service()["sleeps_in_seconds"] < 1, "half of the idle time")
    lab.client1.send_frames("eth0", packets.ethernet(packets.ipv4(packets.tcp(40000, 9000, packets.ACK, b"data"))))
    wait_until(lambda: daemon.service()["sleeps_in_seconds"] > 1, "an acknowledgement to renew it")


def test_the_packet_that_woke_it_is_kept_for_tcpdump(lab, tidegate, diary, tmp_path, tool):
    savefile = tmp_path / "wakes.pcap"
    daemon = tidegate.run([diary.service(capture_wakes=str(savefile), idle="300ms")])
    for number in (1, 2):
        knock_udp(lab.client1, 9000, payload=b"wake up %d" % number)
        daemon.wait_for_event("slept", count=number)
    read = lab.server.run(tool("tcpdump"), "-nn", "-A", "-r", savefile)
    lines = [line for line in read.stdout.splitlines() if "10.77.1.1.9000" in line]
    assert len(lines) == 2, read.stdout + read.stderr
    assert "wake up 1" in read.stdout and "wake up 2" in read.stdout
