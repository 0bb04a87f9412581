"""traffic-spot-rs, by its name: every option of its document, with real traffic."""

import pathlib
import re
import signal
import time

import pytest

from support import packets as p
from support.clients import ask_udp, knock_udp
from support.netns import server_address
from support.service import start_stop
from support.waiting import again_until, wait_until


@pytest.fixture
def spot(tidegate, tmp_path):
    """Starts it as its users do, by a link of its name."""
    name = tmp_path / "traffic-spot-rs"
    name.symlink_to(tidegate.binary)

    def start(*words):
        return tidegate.start(name, *words)

    start.path = name
    return start


def knocks(lab, *frames):
    """A client that sends these frames; what is sent before the tool listens is lost, so it does so again and again."""
    return lambda: lab.client1.send_frames("eth0", *frames)


def wait_for_start(lab, diary, *frames, count=1):
    again_until(knocks(lab, *frames), lambda: diary.count("start") >= count, lambda: f"start number {count}: {diary.lines()}")


DATAGRAM = p.ethernet(p.ipv4(p.udp(40000, 8211)))
SYN = p.ethernet(p.ipv4(p.tcp(40000, 8211)))


@pytest.mark.parametrize(
    ("flag", "frame"),
    [
        ("-p", DATAGRAM),
        ("--port", SYN),
        ("--port", p.ethernet(p.ipv6(p.udp(40000, 8211)))),
        ("-p", p.ethernet(p.ipv6(p.tcp(40000, 8211)))),
    ],
    ids=["udp", "tcp", "udp_over_ipv6", "tcp_over_ipv6"],
)
def test_a_packet_of_either_kind_to_a_port_starts_and_silence_finishes(lab, spot, diary, flag, frame):
    spot(flag, 8211, "-s", diary.note("start"), "-f", diary.note("finish"), "--timeout", 1)
    wait_for_start(lab, diary, frame)
    diary.wait_for("finish")
    assert diary.lines() == ["start", "finish"]


@pytest.mark.parametrize(("start", "finish"), [("-s", "--finish-command"), ("--start-command", "-f")])
def test_each_of_several_tcp_and_udp_ports_starts_it_and_no_other(lab, spot, diary, start, finish):
    spot("-t", 80, "--tcp", 443, "-u", 53, "--udp", 27015, start, diary.note("start"), finish, diary.note("finish"), "--timeout", 1)
    wrong = [p.ethernet(p.ipv4(segment)) for segment in (p.udp(40000, 80), p.udp(40000, 443), p.tcp(40000, 53), p.tcp(40000, 27015))]
    right = [p.ethernet(p.ipv4(segment)) for segment in (p.tcp(40000, 80), p.tcp(40000, 443), p.udp(40000, 53), p.udp(40000, 27015))]
    for number, frame in enumerate(right, start=1):
        wait_for_start(lab, diary, *wrong, frame, count=number)
        again_until(knocks(lab, *wrong), lambda count=number: diary.count("finish") == count, "the finish under packets that do not count")
    assert diary.lines() == ["start", "finish"] * 4


def test_any_packet_to_the_port_starts_it_whatever_its_flags(lab, spot, diary):
    spot("-p", 8211, "-s", diary.note("start"), "-f", diary.note("finish"), "--timeout", 1)
    wait_for_start(lab, diary, p.ethernet(p.ipv4(p.tcp(40000, 8211, p.ACK, b"data"))))


@pytest.mark.parametrize("flag", ["-a", "--address"])
def test_only_packets_to_the_given_address_count(lab, spot, diary, flag):
    lab.server.ip("addr add 10.77.1.3/24 dev eth1")
    spot("-u", 8211, flag, "10.77.1.3", "-s", diary.note("start"), "-f", diary.note("finish"), "--timeout", 1)
    other = p.ethernet(p.ipv4(p.udp(40000, 8211), destination="10.77.1.1"))
    wanted = p.ethernet(p.ipv4(p.udp(40000, 8211), destination="10.77.1.3"))
    wait_for_start(lab, diary, other, wanted)
    again_until(knocks(lab, other), lambda: diary.count("finish") == 1, "the finish under packets to another address")


def test_without_an_address_those_of_the_default_routes_interface_count(lab, spot, diary):
    lab.server.ip("route add default via 10.77.1.2")
    spot("-u", 8211, "-s", diary.note("start"), "-f", diary.note("finish"), "--timeout", 1)
    wait_for_start(lab, diary, DATAGRAM)

    def knock_elsewhere():
        knock_udp(lab.client2, 8211, server_address(2))

    again_until(knock_elsewhere, lambda: diary.count("finish") == 1, "the finish under packets to another interface's address")


def test_a_real_client_is_answered_and_the_service_finished_after_the_timeout(lab, spot, tmp_path):
    start, finish = start_stop(tmp_path / "pid", udp=8211)
    spot("-u", 8211, "-s", start, "-f", finish, "--timeout", 1)
    assert ask_udp(lab.client1, 8211) == "ping"
    wait_until(lambda: not (tmp_path / "pid").exists(), "its finish command")


def test_traffic_renews_the_timeout(lab, spot, diary):
    spot("-u", 8211, "-s", diary.note("start"), "-f", diary.note("finish"), "--timeout", 2, "-r", 100)
    wait_for_start(lab, diary, DATAGRAM)
    end = time.monotonic() + 3

    def knock():
        knocks(lab, DATAGRAM)()
        assert "finish" not in diary.lines()

    again_until(knock, lambda: time.monotonic() > end, "three seconds of a client that goes on")
    diary.wait_for("finish")
    assert diary.lines() == ["start", "finish"]


def test_without_a_finish_command_the_timeout_rearms_the_next_start(lab, spot, diary):
    spot("-u", 8211, "-s", diary.note("start"), "--timeout", 1)
    wait_for_start(lab, diary, DATAGRAM)
    # A client that comes once in a while: each time it is silent for the timeout, the next packet starts again.
    again_until(knocks(lab, DATAGRAM), lambda: diary.count("start") == 3, "the third start", every=1.5)


def test_a_start_that_fails_is_noticed_and_tried_again(lab, spot, diary):
    tool = spot("-u", 8211, "-s", f"{diary.note('start')}; exit 3", "--timeout", 1)
    wait_for_start(lab, diary, DATAGRAM)
    tool.wait_for_log("exited 3")
    wait_for_start(lab, diary, DATAGRAM, count=2)


@pytest.mark.parametrize(("flag", "rate"), [("-d", "--rate"), ("--debug", "-r")])
def test_debug_shows_the_packet_count_of_each_tally(lab, spot, diary, flag, rate):
    tool = spot("-u", 8211, "-s", diary.note("start"), flag, rate, 100)
    wait_for_start(lab, diary, DATAGRAM)
    before = sum(counted(tool))
    lab.client1.send_frames("eth0", *[DATAGRAM] * 7)
    wait_until(lambda: sum(counted(tool)) >= before + 7, lambda: f"seven more packets: {tool.output()}")


def counted(tool):
    return [int(count) for count in re.findall(r"^Packets: (\d+)$", tool.output(), re.MULTILINE)]


def test_without_debug_no_counts_are_shown(lab, spot, diary):
    tool = spot("-u", 8211, "-s", diary.note("start"), "-r", 50)
    wait_for_start(lab, diary, DATAGRAM)
    tool.wait_for_output("^Connected Clients: 1$")
    assert counted(tool) == []


def test_every_change_of_the_number_of_clients_is_told(lab, spot, diary):
    tool = spot("-u", 8211, "-s", diary.note("start"), "-r", 1000)
    three = [p.ethernet(p.ipv4(p.udp(port, 8211))) for port in (40001, 40002, 40003)]
    again_until(knocks(lab, *three), lambda: "Connected Clients: 3" in tool.output(), lambda: f"three clients: {tool.output()}")
    tool.wait_for_output(r"^Connected Clients: 0$")
    told = [int(count) for count in re.findall(r"^Connected Clients: (\d+)$", tool.output(), re.MULTILINE)]
    assert all(one != next_ for one, next_ in zip(told, told[1:])), "changes only"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_ends_cleanly_by_a_signal(lab, spot, diary, number):
    tool = spot("-p", 8211, "-s", diary.note("start"), "-f", diary.note("finish"))
    wait_for_start(lab, diary, DATAGRAM)
    status, seconds = tool.end(number)
    assert status == 0 and seconds < 5
    assert diary.lines() == ["start"], "the service is left as it is"


def test_it_may_be_called_through_tidegate_too(lab, tidegate, diary):
    tidegate.start(tidegate.binary, "compat", "traffic-spot-rs", "-u", 8211, "-s", diary.note("start"))
    wait_for_start(lab, diary, DATAGRAM)


@pytest.mark.parametrize("flag", ["-h", "--help"])
def test_help_names_every_option(lab, spot, flag):
    shown = lab.server.run(spot.path, flag)
    assert shown.returncode == 0 and shown.stderr == ""
    for option in ("-p,--port", "-t,--tcp", "-u,--udp", "-a,--address", "-s,--start-command", "-f,--finish-command",
                   "--timeout", "-d,--debug", "-r,--rate", "-h,--help", "-V,--version"):  # fmt: skip
        assert option in shown.stdout.replace(", ", ","), option


@pytest.mark.parametrize("flag", ["-V", "--version"])
def test_version_begins_with_its_name(lab, spot, flag):
    shown = lab.server.run(spot.path, flag)
    assert shown.returncode == 0 and re.match(r"traffic-spot-rs .*\d+\.\d+", shown.stdout)


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["-s", "true"], "port"),
        (["-p", "80"], "start-command"),
        ([], "required"),
        (["-p", "0", "-s", "true"], "port"),
        (["-u", "65536", "-s", "true"], "udp"),
        (["-t", "http", "-s", "true"], "tcp"),
        (["-p", "80", "-s", "true", "-a", "300.1.2.3"], "300.1.2.3"),
        (["-p", "80", "-s", "true", "--timeout", "soon"], "timeout"),
        (["-p", "80", "-s", "true", "--nonsense"], "nonsense"),
    ],
)
def test_wrong_arguments_are_told_and_exit_2(lab, spot, words, named):
    done = lab.server.run(spot.path, *words)
    assert done.returncode == 2 and done.stdout == ""
    assert named in done.stderr, done.stderr


def test_a_name_that_is_none_of_the_older_tools_is_an_error(tidegate):
    done = tidegate.command("compat", "traffic-spot", "-p", "80")
    assert done.returncode == 2 and "traffic-spot-rs" in done.stderr and "tuninetd" in done.stderr


def test_a_start_command_may_be_the_program_itself_and_is_ended_by_the_timeout(lab, spot, diary, tmp_path):
    pid_file = tmp_path / "pid"
    program = f"echo $$ > {pid_file}; exec sleep 1000"
    spot("-u", 8211, "-s", program, "-f", diary.note("finish"), "--timeout", 2)
    again_until(knocks(lab, DATAGRAM), pid_file.exists, "the program to run")
    wait_until(lambda: pid_file.read_text().strip(), "its number")
    pid = int(pid_file.read_text())
    diary.wait_for("finish")
    wait_until(lambda: not pathlib.Path(f"/proc/{pid}").exists(), "the program to end")
    again_until(knocks(lab, DATAGRAM), lambda: int(pid_file.read_text().strip() or pid) != pid, "a second life of it")
