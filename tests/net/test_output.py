"""What is printed: logs as text and JSON, help, dry runs and replays, and pipes that nobody reads."""

import json
import os
import re
import subprocess

import pytest

from support import packets as p
from support.clients import knock_udp
from support.tidegate import environment

COMMANDS = ("run", "check", "wake", "forward", "status", "why", "events", "start", "stop", "keep", "reload", "quota", "usage", "clients")


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_shows_its_flags_and_two_examples(tidegate, name):
    done = tidegate.command(name, "--help")
    assert done.returncode == 0 and done.stderr == ""
    assert "Examples:" in done.stdout and done.stdout.count(f"  tidegate {name}") + done.stdout.count(f"&& tidegate {name}") >= 2
    assert "Usage: " in done.stdout


def test_the_version_and_the_list_of_commands(tidegate):
    assert re.fullmatch(r"tidegate \d+\.\d+\.\d+\n", tidegate.command("--version").stdout)
    shown = tidegate.command("--help").stdout
    for name in COMMANDS:
        assert re.search(rf"^  {name} ", shown, re.MULTILINE), name


def test_each_line_of_a_json_log_is_valid_json(lab, tidegate, diary):
    start = f"printf 'quote \" backslash \\\\ tab\\t é\\n\\377\\n'; {diary.note('start')}"
    daemon = tidegate.run([diary.service(idle="300ms", start=start)], "--log-format", "json")
    knock_udp(lab.client1, 9000)
    daemon.wait_for_event("slept")
    assert daemon.end()[0] == 0
    lines = [json.loads(line) for line in daemon.log().splitlines()]
    assert len(lines) >= 6
    for line in lines:
        assert {"time", "level", "message"} <= set(line), line
    events = [(line["service"], line["event"]) for line in lines if "event" in line]
    assert events == [("service", kind) for kind in ("woke", "ready", "stopping", "slept")]
    assert any('quote " backslash' in line["message"] for line in lines)


def test_terminal_escapes_in_a_services_output_never_reach_the_log_raw(lab, tidegate, diary):
    nasty = r"printf '\033[2J\033]0;owned\007red\rfake\302\233m\342\200\256evil\n'"
    for flags in ((), ("--log-format", "json")):
        daemon = tidegate.run([diary.service(start=nasty)], *flags)
        knock_udp(lab.client1, 9000)
        daemon.wait_for_log("owned")
        raw = daemon.log_path.read_bytes()
        for forbidden in (b"\x1b", b"\x07", b"\r", b"\xc2\x9b", "\u202e".encode()):
            assert forbidden not in raw, raw
        assert daemon.end()[0] == 0


def test_a_log_that_goes_to_a_pipe_has_no_colours_and_a_level_of_ones_own(lab, tidegate, diary):
    daemon = tidegate.run([diary.service()], "--log-level", "warn")
    knock_udp(lab.client1, 9000)
    daemon.wait_for_state("awake")
    assert daemon.log() == ""
    assert daemon.end()[0] == 0
    daemon = tidegate.run([diary.service()])
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} info +tidegate .* watches over 1 service, .*\n", daemon.log())


def test_a_log_level_or_format_that_is_none_is_an_error(tidegate, diary):
    tidegate.configure([diary.service()])
    for flag in ("--log-level", "--log-format"):
        done = tidegate.command("run", flag, "loud")
        assert done.returncode == 2 and f"{flag}: \"loud\"" in done.stderr and "allowed: " in done.stderr


def test_a_dry_run_does_everything_but_the_actions(lab, tidegate, diary):
    service = diary.service(idle="300ms", veto=diary.note("veto"), ready={"command": diary.note("ready")})
    daemon = tidegate.run([service], "--dry-run")
    assert "dry run: nothing is started or stopped" in daemon.log()
    knock_udp(lab.client1, 9000)
    daemon.wait_for_event("slept")
    assert daemon.kinds() == ["woke", "ready", "stopping", "slept"]
    assert "dry run: would start it: echo" in daemon.log() and "dry run: would stop it: echo" in daemon.log()
    assert diary.lines() == []


def test_a_dry_run_of_wake_runs_nothing_either(lab, tidegate, diary):
    daemon = tidegate.wake("-u", 9000, "--process", f"sh -c '{diary.note('ran')}'", "--idle", "300ms", "--dry-run")
    knock_udp(lab.client1, 9000)
    daemon.wait_for_event("slept")
    assert diary.lines() == []


NOON = 1_763_726_400  # 21 November 2025, 12:00 UTC


@pytest.fixture
def capture(tmp_path):
    """A wake at noon, a packet 5 s later, noise, and a second wake an hour later."""

    def knock(at, port=9000, flags=p.SYN):
        return (at, p.ethernet(p.ipv4(p.tcp(40000, port, flags))))

    ping = (NOON + 60, p.ethernet(p.ipv4(p.icmp_echo())))
    frames = [knock(NOON), knock(NOON + 5, flags=p.ACK), ping, knock(NOON + 61, 9001), knock(NOON + 3600.25)]
    frames.append((NOON + 3601, b"\x00" * 13))  # no whole Ethernet header
    return p.savefile(tmp_path / "day.pcap", frames)


def test_a_replay_says_what_would_have_happened_the_same_each_time(tidegate, diary, capture):
    tidegate.configure([diary.service(ports=["tcp/9000"], idle="1m")])
    first, second = (tidegate.command("run", "--replay", capture) for _ in range(2))
    assert first.returncode == 0, first.stderr
    assert first.stdout == second.stdout
    lines = first.stdout.splitlines()
    told = [re.match(r"2025-11-21 (\S+)  service  ([a-z ]+)", line).groups() for line in lines[:-1]]
    assert told == [
        ("12:00:00", "woke"), ("12:00:00", "ready"), ("12:01:05", "stopping"), ("12:01:05", "slept"),
        ("13:00:00", "woke"), ("13:00:00", "ready"), ("13:01:00", "stopping"), ("13:01:00", "slept"),
    ]  # fmt: skip
    assert lines[-1] == "6 packets read, 1 of them not understood"
    assert diary.lines() == [], "nothing is run"


def test_a_replay_as_json_and_from_flags_and_from_standard_input(tidegate, diary, capture):
    words = ("wake", "-t", 9000, "--idle", "1m", "-s", diary.note("start"), "--json", "--replay")
    by_name = tidegate.command(*words, capture)
    with open(capture, "rb") as file:
        by_pipe = tidegate.command(*words, "-", stdin=file)
    assert by_name.stdout == by_pipe.stdout
    events = [json.loads(line) for line in by_name.stdout.splitlines()]
    assert [event["event"] for event in events] == ["woke", "ready", "stopping", "slept"] * 2
    assert events[0]["at"] == "2025-11-21T12:00:00.000Z" and events[4]["at"] == "2025-11-21T13:00:00.250Z"


def test_a_replay_of_what_is_no_savefile_is_an_error(tidegate, diary, tmp_path, capture):
    tidegate.configure([diary.service(ports=["tcp/9000"])])
    missing = tidegate.command("run", "--replay", tmp_path / "missing.pcap")
    assert missing.returncode == 1 and "missing.pcap" in missing.stderr and "No such file" in missing.stderr
    other = tidegate.command("run", "--replay", tidegate.config)
    assert other.returncode == 1 and "tidegate.yaml" in other.stderr
    cut = tmp_path / "cut.pcap"
    cut.write_bytes(capture.read_bytes()[:150])
    shorter = tidegate.command("run", "--replay", cut)
    assert shorter.returncode == 1 and "woke" in shorter.stdout and "cut.pcap" in shorter.stderr


def test_a_reader_that_goes_away_ends_a_command_without_noise(lab, tidegate, diary):
    daemon = tidegate.run([diary.service(idle="200ms")])
    for number in (1, 2):
        knock_udp(lab.client1, 9000)
        daemon.wait_for_event("slept", count=number)
    reading, writing = os.pipe()
    os.close(reading)
    argv = lab.server.command(tidegate.binary, "events", "--control", tidegate.control)
    with os.fdopen(writing, "wb") as gone:
        done = subprocess.run(argv, stdout=gone, stderr=subprocess.PIPE, env=environment(), timeout=60, check=False)
    assert done.stderr == b"" and done.returncode in (0, 1, -13), done


def test_a_daemon_whose_log_is_read_by_nobody_any_more_goes_on(lab, tidegate, diary, tmp_path):
    tidegate.configure([diary.service(idle="200ms")])
    argv = ["sh", "-c", f"exec {tidegate.binary} run -c {tidegate.config} --control {tidegate.control} 2>&1 | head -n 1"]
    pipeline = tidegate.start(*argv)
    pipeline.wait_for_output("watches over")
    for number in (1, 2):
        knock_udp(lab.client1, 9000)
        diary.wait_for("stop service", count=number)
    assert "service" in tidegate.ctl("status").stdout
    (daemon,) = [pid for pid in lab.server.processes() if _program(pid) == tidegate.binary.name]
    os.kill(daemon, 15)
    pipeline.wait()


def _program(pid):
    with open(f"/proc/{pid}/comm", encoding="utf-8") as file:
        return file.read().strip()
