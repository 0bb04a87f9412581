"""tidegate top: on a terminal (a pane of tmux), and where there is none."""

import csv
import io
import json
import os
import re
import shlex
import signal

import pytest

from support.clients import knock_udp
from support.proc import state_of
from support.waiting import wait_until

COLOUR = re.compile(r"\x1b\[(?:\d+;)*(?:3[0-7]|38;5;\d+)(?:;\d+)*m")


@pytest.fixture
def daemon(tidegate, diary):
    return tidegate.run([diary.service("palworld", ["udp/8211"]), diary.service("wiki", ["udp/8080"])])


@pytest.fixture
def top(screen, tidegate, daemon):  # pylint: disable=unused-argument
    """Starts it on the screen, and waits until it is there."""

    def started(*flags, env=None, wait=True):
        run = screen.run(tidegate.binary, "top", "--control", tidegate.control, "--interval", "100ms", *flags, env=env)
        if wait:
            screen.wait_for_text("tidegate top", "palworld", "EVENTS")
        return run

    return started


def test_top_shows_services_as_they_change(lab, screen, daemon, top):
    run = top()
    lines = screen.lines()
    assert re.fullmatch(r"tidegate top · /.+ rates of now · \d\d:\d\d:\d\d", lines[0]), lines
    assert lines[1].startswith("in ") and "awake 0 of 2" in lines[1]
    title = next(line for line in lines if line.startswith("SERVICE"))
    palworld = next(line for line in lines if line.startswith("palworld"))
    assert title.index("STATE") == palworld.index("asleep")
    assert lines[-1].startswith("q quit")
    assert screen.flag("alternate_on") == "1" and screen.flag("cursor_flag") == "0"
    knock_udp(lab.client1, 8211)
    daemon.wait_for_state("awake", "palworld")
    screen.wait_for_text("awake 1 of 2", "palworld woke")
    screen.press("q")
    assert run.status() == 0
    run.check_terminal_is_back()
    assert run.log() == ""


def test_top_obeys_keys(screen, top):
    run = top()
    screen.press("?")
    screen.wait_for_text("by next column", "rows stay put")
    screen.press("Escape")
    screen.wait_for_text("SERVICE")
    screen.press("/")
    screen.press("-l", "WIK")
    screen.wait_for(lambda text: "/WIK_" in text and "\npalworld" not in text and "\nwiki" in text, "only wiki")
    screen.press("Enter")
    screen.wait_for_text('only "WIK"')
    screen.press("Escape")
    screen.wait_for_text("\npalworld")
    screen.press("s", "r")
    screen.wait_for(lambda text: text.index("\nwiki") < text.index("\npalworld"), "wiki first")
    screen.press("Down", "Enter")
    screen.wait_for_text("wiki", "  asleep since 20")
    screen.press("f", "p")
    screen.wait_for_text("frozen · paused")
    screen.press("p", "w")
    screen.wait_for(lambda text: "rates of 10 s" in text and "paused" not in text, "another period")
    screen.press("q")
    assert run.status() == 0
    run.check_terminal_is_back()


def test_top_leads_to_the_events_on_a_small_screen(screen, top):
    run = top()
    screen.resize(80, 10)
    screen.wait_for(lambda text: "EVENTS" not in text and "palworld" in text, "ten rows")
    screen.press("Tab", "Tab", "Tab")
    screen.wait_for_text("EVENTS", "nothing has happened yet")
    screen.press("q")
    assert run.status() == 0


def test_top_follows_the_size_of_the_terminal(screen, top):
    run = top()
    screen.resize(80, 10)
    screen.wait_for(lambda text: text.split("\n")[-1].startswith("q quit") and len(text.split("\n")) == 10, "ten rows")
    assert any(line.startswith("palworld") for line in screen.lines())
    screen.resize(30, 5)
    screen.wait_for_text("30×5 is too small")
    screen.resize(120, 40)
    screen.wait_for(lambda text: len(text.split("\n")) == 40 and "nothing has happened yet" in text, "forty rows")
    screen.press("q")
    assert run.status() == 0
    run.check_terminal_is_back()


@pytest.mark.parametrize("name", ["TERM", "INT", "HUP", "QUIT", "SEGV", "ABRT", "BUS"])
def test_top_leaves_the_terminal_as_it_was_whatever_signal_ends_it(screen, top, name):
    run = top()
    run.kill(getattr(signal, f"SIG{name}"))
    status = run.status()
    assert status == 0 if name in ("TERM", "INT", "HUP") else status != 0
    run.check_terminal_is_back()


def test_top_ends_by_control_c(screen, top):
    run = top()
    screen.press("C-c")
    assert run.status() == 0
    run.check_terminal_is_back()


def test_top_gives_the_terminal_back_while_it_is_stopped(screen, top):
    run = top()
    screen.press("C-z")
    screen.wait_for_text("the shell was here")
    assert screen.flag("alternate_on") == "0" and screen.flag("cursor_flag") == "1"
    screen.press("stty -a; echo shown", "Enter")
    assert re.search(r"(?<!-)icanon.*(?<!-)\becho\b", screen.wait_for_text("\nshown"), re.DOTALL)
    screen.press("fg", "Enter")
    screen.wait_for_text("tidegate top", "palworld")
    assert screen.flag("alternate_on") == "1"
    screen.press("q")
    wait_until(lambda: not os.path.exists(f"/proc/{run.pid}"), "its end")
    wait_until(lambda: screen.flag("alternate_on") == "0", "the shell's screen")


def test_top_goes_on_where_no_shell_could_let_it_go_on(screen, tidegate, daemon):  # pylint: disable=unused-argument
    words = shlex.join(map(str, (tidegate.binary, "top", "--control", tidegate.control)))
    screen.tmux("respawn-pane", "-k", f"exec {words}")  # in the shell's place: what tmux starts is nobody's job
    screen.wait_for_text("tidegate top", "palworld", "EVENTS")
    screen.press("C-z", "?")
    screen.wait_for_text("by next column")
    assert screen.flag("alternate_on") == "1"
    screen.press("q")
    wait_until(lambda: screen.flag("pane_dead") == "1", "its end")


def test_top_draws_anew_after_a_stop_that_it_did_not_see_coming(screen, top):
    run = top()
    run.kill(signal.SIGSTOP)
    wait_until(lambda: state_of(run.pid) == "T", "its stop")
    screen.press("printf '\\033[2Jthe shell alone'", "C-j")  # the line is as it was for the program
    screen.wait_for(lambda text: "EVENTS" not in text, "the shell")
    screen.press("fg", "C-j")
    screen.wait_for_text("tidegate top", "palworld", "EVENTS")
    screen.press("q")
    wait_until(lambda: not os.path.exists(f"/proc/{run.pid}"), "its end")


def test_top_ends_with_its_terminal(screen, top):
    run = top()
    pid = run.pid
    screen.tmux("kill-server")
    wait_until(lambda: not os.path.exists(f"/proc/{pid}"), "its end")


def test_top_uses_colours_unless_it_is_told_not_to(lab, screen, daemon, top):
    knock_udp(lab.client1, 8211)
    daemon.wait_for_state("awake", "palworld")
    run = top()
    wait_until(lambda: COLOUR.search(screen.styled()), "a colour")
    screen.press("q")
    assert run.status() == 0
    run = top(env={"NO_COLOR": "1"})
    assert not COLOUR.search(screen.styled())
    screen.press("q")
    assert run.status() == 0


@pytest.mark.parametrize("name", ["xterm-256color", "screen", "linux", "vt100"])
def test_top_works_on_terminals_of_every_kind(screen, top, name):
    run = top(env={"TERM": name})
    assert any(line.startswith("palworld") for line in screen.lines())
    screen.press("q")
    assert run.status() == 0
    run.check_line_is_back()


def test_top_keeps_to_ascii_where_the_locale_does(screen, top):
    run = top(env={"LC_ALL": "C"})
    assert screen.text().isascii()
    assert "tidegate top | /" in screen.text()
    screen.press("q")
    assert run.status() == 0


def test_top_keeps_to_ascii_in_lines_too(screen, tidegate, top):
    done = tidegate.ctl("top", "--once", env={"LC_ALL": "C"})
    assert done.returncode == 0 and done.stdout.isascii() and "tidegate top | /" in done.stdout
    assert "tidegate top · /" in tidegate.ctl("top", "--once").stdout
    run = top(env={"LC_ALL": "C", "TERM": "dumb"}, wait=False)
    assert screen.wait_for_text("palworld", "wiki").isascii()
    run.kill(signal.SIGTERM)
    assert run.status() != 0


@pytest.mark.parametrize("name, words", [("dumb", "cannot place characters"), ("no-such-terminal", "no such terminal is known")])
def test_top_prints_lines_on_a_terminal_that_it_cannot_use(screen, top, name, words):
    run = top(env={"TERM": name}, wait=False)
    screen.wait_for_text("palworld")
    assert words in run.log() and f"TERM={name}" in run.log()
    assert screen.flag("alternate_on") == "0"
    run.kill(signal.SIGTERM)
    assert run.status() != 0, "there, it is an ordinary program"
    run.check_terminal_is_back()


def test_top_says_that_the_daemon_does_not_answer_and_goes_on(screen, tidegate, daemon, top):
    run = top()
    daemon.end()
    screen.wait_for_text("no tidegate listens at", "palworld")
    tidegate.daemon("run", "-c", tidegate.config)
    screen.wait_for(lambda text: "no tidegate listens" not in text and "palworld" in text, "figures")
    screen.press("q")
    assert run.status() == 0


def test_top_without_a_daemon_says_so(tidegate):
    done = tidegate.ctl("top")
    assert done.returncode == 1 and done.stdout == ""
    assert "no tidegate listens at" in done.stderr


def test_top_prints_lines_where_there_is_no_terminal(lab, tidegate, daemon):
    process = tidegate.start(tidegate.binary, "top", "--control", tidegate.control, "--interval", "100ms")
    process.wait_for_output(r"^palworld +asleep")
    knock_udp(lab.client1, 8211)
    daemon.wait_for_state("awake", "palworld")
    process.wait_for_output(r"^palworld +awake")
    process.wait_for_output(r"palworld ready")
    looks = process.output().count("tidegate top")
    wait_until(lambda: process.output().count("tidegate top") > looks + 2, "more lines")
    assert process.output().count("palworld ready") == 1, "an event is printed once"
    assert "\x1b" not in process.output()
    assert process.log() == ""
    process.send_signal(signal.SIGTERM)
    process.wait()


def test_top_once_in_each_format(tidegate, daemon):  # pylint: disable=unused-argument
    text = tidegate.ctl("top", "--once")
    assert text.returncode == 0 and text.stdout.count("tidegate top") == 1
    assert re.search(r"^wiki +asleep", text.stdout, re.MULTILINE)
    answer = json.loads(tidegate.ctl("top", "--once", "--format", "json").stdout)
    assert {"at", "services", "forwards", "sensors", "clients", "events", "watches"} == set(answer)
    assert [service["name"] for service in answer["services"]] == ["palworld", "wiki"]
    assert answer["services"][0]["in_per_second"] is None
    assert json.loads(tidegate.ctl("top", "--once", "--json").stdout).keys() == answer.keys()
    rows = list(csv.DictReader(io.StringIO(tidegate.ctl("top", "--once", "--format", "csv").stdout)))
    assert [(row["kind"], row["name"], row["state"]) for row in rows] == [("service", "palworld", "asleep"), ("service", "wiki", "asleep")]


def test_top_refuses_an_interval_that_is_none(tidegate, daemon):  # pylint: disable=unused-argument
    for words, reason in (("soon", "is not a duration"), ("1ms", "is too short (at least 100ms)")):
        done = tidegate.ctl("top", "--interval", words)
        assert done.returncode == 2 and reason in done.stderr, done
