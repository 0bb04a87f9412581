"""The gate under real traffic: starts that fail, stops that race with clients, and what holds a service awake."""

import re
import shlex
import signal

import pytest

from support.clients import ask_tcp, ask_udp, knock_udp
from support.service import PYTHON, answering, start_stop
from support.waiting import again_until, wait_until


def test_a_start_that_fails_is_tried_again_with_backoff_while_traffic_comes_and_then_succeeds(lab, tidegate, diary):
    fails_thrice = f"{diary.note('try')}; test $(wc -l < {diary.path}) -gt 3"
    daemon = tidegate.run([diary.service(start=fails_thrice, retry={"first": "200ms", "most": "2s"})])

    def knock():
        knock_udp(lab.client1, 9000)

    again_until(knock, lambda: daemon.events(kind="start failed"), "the first failure")
    failed = daemon.events(kind="start failed")[0]
    assert "exited 1" in failed["text"], failed
    again_until(knock, lambda: daemon.state() == "awake", "the start that succeeds")
    tries = daemon.events(kind="woke")
    assert len(tries) == 4 and diary.count("try") == 4
    assert len(daemon.events(kind="start failed")) == 3
    assert daemon.service()["error"] is None, "a success clears the error"


def test_a_failed_service_says_why_and_when_it_is_tried_again(lab, tidegate, diary):
    daemon = tidegate.run([diary.service(start="exit 7", retry={"first": "5m", "most": "5m"})])
    knock_udp(lab.client1, 9000)
    failed = daemon.wait_for_state("failed")
    assert failed["error"] == "start exited 7" and 290 < failed["retry_in_seconds"] <= 300
    assert "start exited 7, again in" in tidegate.ctl("status").stdout
    why = tidegate.ctl("why", "service").stdout
    assert "start exited 7" in why and "tried again in" in why


def test_a_failed_start_that_nobody_wants_any_more_is_forgotten(lab, tidegate, diary):
    daemon = tidegate.run([diary.service(start=f"{diary.note('try')}; false", retry={"first": "500ms", "most": "500ms"})])
    knock_udp(lab.client1, 9000)
    daemon.wait_for_event("forgot")
    daemon.wait_for_state("asleep")
    assert diary.count("try") == 1


def test_a_start_command_that_does_not_exist_is_a_failure_with_its_name(lab, tidegate, diary):
    daemon = tidegate.run([diary.service(start=["/nowhere/to/be/found", "now"])])
    knock_udp(lab.client1, 9000)
    failed = daemon.wait_for_state("failed")
    assert "/nowhere/to/be/found" in failed["error"] and "No such file" in failed["error"]


def test_a_start_that_takes_too_long_is_ended_with_its_children(lab, tidegate, diary, tmp_path):
    pid = tmp_path / "pid"
    hangs = f"sleep 1000 & echo $! > {pid}; wait"
    daemon = tidegate.run([diary.service(start=hangs, start_timeout="1s")])
    knock_udp(lab.client1, 9000)
    failed = daemon.wait_for_state("failed")
    assert "not ready within 1s" in failed["error"], failed
    wait_until(lambda: int(pid.read_text()) not in lab.server.processes(), "the end of the start command's child")


def test_a_service_that_never_answers_is_stopped_before_the_next_try(lab, tidegate, diary):
    silent = diary.service(ports=["tcp/9000"], ready={"tcp": 9000}, start_timeout="1s")
    daemon = tidegate.run([silent])
    again_until(lambda: _refused(lab), lambda: daemon.events(kind="start failed"), "the start to fail")
    wait_until(lambda: diary.lines()[:2] == ["start service", "stop service"], lambda: f"its stop command: {diary.lines()}")
    assert "tcp 127.0.0.1:9000" in daemon.events(kind="start failed")[0]["text"]


def _refused(lab):
    with lab.client1.socket() as client:
        assert client.connect_ex(("10.77.1.1", 9000)) != 0


def test_a_client_that_comes_while_it_stops_wakes_it_again_at_once(lab, tidegate, diary, tmp_path):
    gate = tmp_path / "may-stop"
    slow_stop = f"{diary.note('stopping')}; while ! test -e {gate}; do sleep 0.02; done; {diary.note('stopped')}"
    savefile = tmp_path / "wakes.pcap"
    keys = {"idle": "500ms", "stop": slow_stop, "capture_wakes": str(savefile)}
    daemon = tidegate.run([diary.service(ports=["tcp/9000", "udp/9000"], **keys)])
    knock_udp(lab.client1, 9000)
    diary.wait_for("stopping")
    first_size = savefile.stat().st_size
    seen = daemon.packets()
    _refused(lab)
    daemon.wait_for_packets(seen)
    assert daemon.state() == "stopping", "one thing after the other"
    gate.touch()
    daemon.wait_for_state("awake")
    assert diary.lines()[:4] == ["start service", "stopping", "stopped", "start service"]
    woke = daemon.wait_for_event("woke", count=2)
    assert re.search(r"^TCP .* → 10\.77\.1\.1:9000, \d+ bytes, sensor pcap on any$", woke["text"]), "the packet that was remembered"
    assert savefile.stat().st_size > first_size, "and it is kept, too"


def test_a_client_that_comes_just_when_the_idle_time_ends_is_answered(lab, tidegate, tmp_path):
    daemon = tidegate.run([answering(tmp_path, udp=9000, idle="400ms")])
    for _ in range(6):
        assert ask_udp(lab.client1, 9000) == "ping"
        wait_until(lambda: (daemon.service()["sleeps_in_seconds"] or 0) < 0.03, "the end of the idle time", every=0.005)
    assert ask_udp(lab.client2, 9000, "10.77.2.1") == "ping"
    kinds = daemon.kinds()
    assert kinds.count("woke") - kinds.count("slept") in (0, 1), kinds
    assert "start failed" not in kinds and "stop failed" not in kinds


def test_a_veto_keeps_it_awake_and_its_yes_lets_it_sleep(lab, tidegate, diary, tmp_path):
    may = tmp_path / "may"
    daemon = tidegate.run([diary.service(idle="500ms", veto=f"{diary.note('asked')}; test -e {may}")])
    knock_udp(lab.client1, 9000)
    daemon.wait_for_event("vetoed")
    assert daemon.state() == "awake" and diary.count("stop service") == 0
    assert daemon.why()["kept_by"] == "veto"
    may.touch()
    daemon.ask("stop", name="service")  # an operator is not asked by the veto
    knock_udp(lab.client1, 9000)
    daemon.wait_for_event("slept", count=2)
    assert diary.lines()[-2:] == ["asked", "stop service"]


def test_traffic_during_the_veto_wins_over_its_yes(lab, tidegate, diary, tmp_path):
    answer = tmp_path / "answer"
    slow_yes = f"{diary.note('asked')}; while ! test -e {answer}; do sleep 0.02; done"
    daemon = tidegate.run([diary.service(idle="1s", veto=slow_yes)])
    knock_udp(lab.client1, 9000)
    diary.wait_for("asked")
    seen = daemon.packets()
    knock_udp(lab.client1, 9000)
    daemon.wait_for_packets(seen)
    answer.touch()
    diary.wait_for("asked", count=2)  # idle once more, after the packet
    assert daemon.kinds()[:2] == ["woke", "ready"] and "stopping" not in daemon.kinds()[: daemon.kinds().index("ready") + 1]
    daemon.wait_for_event("slept")
    assert daemon.kinds().count("woke") == 1


def test_it_stays_up_for_its_least_time_and_no_longer_than_its_longest(lab, tidegate, diary):
    patient = diary.service("patient", ["udp/9000"], idle="100ms", min_up="2s")
    limited = diary.service("limited", ["udp/9001"], idle="1h", max_up="1s")
    daemon = tidegate.run([patient, limited])
    knock_udp(lab.client1, 9000)
    knock_udp(lab.client1, 9001)
    daemon.wait_for_state("awake", "patient")
    assert daemon.why("patient")["kept_by"] == "min_up"
    assert daemon.service("patient")["sleeps_in_seconds"] > 0.5
    daemon.wait_for_event("slept", "limited")
    daemon.wait_for_event("slept", "patient")


def test_a_schedule_keeps_it_awake_without_traffic(tidegate, diary):
    daemon = tidegate.run([diary.service(idle="100ms", schedule={"awake": ["daily 00:00-24:00"]})])
    assert daemon.wait_for_state("awake")["cause"] == "schedule"
    assert daemon.why()["kept_by"] == "schedule"
    assert daemon.service()["sleeps_in_seconds"] is None or daemon.service()["sleeps_in_seconds"] > 60


def test_a_service_that_runs_already_is_adopted_and_stopped_when_idle(lab, tidegate, diary, tmp_path):
    start, stop = start_stop(tmp_path / "pid", udp=9000)
    assert lab.server.run("sh", "-c", start).returncode == 0
    _wait_for_listener(lab, tmp_path)
    daemon = tidegate.run([diary.service(start=diary.note("start"), stop=stop, idle="1s")])
    assert daemon.wait_for_event("found")
    assert daemon.service()["cause"] == "found"
    daemon.wait_for_event("slept")
    assert diary.lines() == [] and not (tmp_path / "pid").exists()


@pytest.mark.parametrize("found", ["stop", "ignore"])
def test_a_service_that_runs_already_is_stopped_or_ignored_as_configured(lab, tidegate, diary, tmp_path, found):
    start, stop = start_stop(tmp_path / "pid", udp=9000)
    assert lab.server.run("sh", "-c", start).returncode == 0
    _wait_for_listener(lab, tmp_path)
    marker = diary.service("marker", ["udp/9001"])
    daemon = tidegate.run([diary.service(stop=f"{stop}; {diary.note('stopped')}", idle="1h", found=found), marker])
    if found == "stop":
        daemon.wait_for_event("slept", "service")
        assert diary.count("stopped") == 1 and not (tmp_path / "pid").exists()
    else:
        knock_udp(lab.client1, 9001)
        daemon.wait_for_state("awake", "marker")
        assert daemon.state() == "asleep" and (tmp_path / "pid").exists()
        assert daemon.kinds("service") == []


def _wait_for_listener(lab, tmp_path):
    wait_until(lambda: (tmp_path / "pid").exists(), "its pid file")
    assert ask_udp(lab.client1, 9000) == "ping"


def test_a_service_that_an_operator_starts_later_is_adopted_too(lab, tidegate, tmp_path):
    daemon = tidegate.run([answering(tmp_path, udp=9000, idle="1s")])
    start, _ = start_stop(tmp_path / "service.pid", udp=9000)
    assert lab.server.run("sh", "-c", start).returncode == 0
    assert daemon.wait_for_event("found")
    daemon.wait_for_event("slept")
    assert not (tmp_path / "service.pid").exists()


def test_a_service_that_dies_is_noticed_and_wakes_again_with_the_next_client(lab, tidegate, tmp_path):
    daemon = tidegate.run([answering(tmp_path, tcp=9000, idle="1h", retry={"first": "100ms", "most": "100ms"})])
    assert ask_tcp(lab.client1, 9000) == "hello from service\n"
    wait_until(lambda: daemon.state() == "awake", "awake")
    assert lab.server.run(*PYTHON, "stop", tmp_path / "service.pid").returncode == 0
    gone = daemon.wait_for_event("gone")
    assert "listens" in gone["text"]
    assert ask_tcp(lab.client1, 9000) == "hello from service\n"
    assert daemon.kinds().count("woke") == 2


@pytest.mark.parametrize("on_exit", ["stop", "leave"])
def test_when_tidegate_ends_it_stops_or_leaves_the_service_as_configured(lab, tidegate, tmp_path, on_exit):
    daemon = tidegate.run([answering(tmp_path, udp=9000, on_exit=on_exit)])
    ask_udp(lab.client1, 9000)
    daemon.wait_for_state("awake")
    status, seconds = daemon.end()
    assert status == 0 and seconds < 5, daemon.log()
    assert (tmp_path / "service.pid").exists() == (on_exit == "leave")
    assert not tidegate.control.exists(), "its control socket is removed"


def test_a_second_signal_does_not_wait_for_a_stop_that_hangs(lab, tidegate, diary):
    hangs = f"{diary.note('stopping')}; sleep 1000"
    daemon = tidegate.run([diary.service(stop=hangs, on_exit="stop")])
    knock_udp(lab.client1, 9000)
    daemon.wait_for_state("awake")
    daemon.send_signal(signal.SIGTERM)
    diary.wait_for("stopping")
    assert daemon.running(), "the stop has its time"
    status, seconds = daemon.end()
    assert status == 0 and seconds < 5
    assert "asked twice" in daemon.log()


def test_the_end_does_not_wait_for_a_start_that_hangs(lab, tidegate, diary):
    daemon = tidegate.run([diary.service(start=shlex.join(["sleep", "1000"]))])
    knock_udp(lab.client1, 9000)
    daemon.wait_for_state("waking")
    status, seconds = daemon.end()
    assert status == 0 and seconds < 5
