"""Reloading: validated first, applied as a difference, and nothing changes on an error."""

import signal

from support.clients import ask_udp, knock_udp
from support.service import answering
from support.waiting import wait_until


def unmoved(before, after):
    """The same life of the service: state and its beginning."""
    return (before["state"], before["since"], before["cause"]) == (after["state"], after["since"], after["cause"])


def test_an_unchanged_service_keeps_its_state_and_timers_while_others_come_and_go(lab, tidegate, diary):
    keeps, leaves = diary.service("keeps", ["udp/9000"]), diary.service("leaves", ["udp/9001"])
    daemon = tidegate.run([keeps, leaves])
    knock_udp(lab.client1, 9000)
    before = daemon.wait_for_state("awake", "keeps")
    wait_until(lambda: daemon.service("keeps")["sleeps_in_seconds"] < 29.5, "some of the idle time to pass")
    tidegate.configure([keeps, diary.service("comes", ["udp/9002"])])
    done = tidegate.ctl("reload")
    assert (done.returncode, done.stdout) == (0, "reloaded: 2 services\n"), done
    assert [service["name"] for service in daemon.status()["services"]] == ["keeps", "comes"]
    after = daemon.service("keeps")
    assert unmoved(before, after) and after["sleeps_in_seconds"] < 29.5, "the idle time is not begun anew"
    knock_udp(lab.client1, 9001)  # nobody's any more
    knock_udp(lab.client1, 9002)
    daemon.wait_for_state("awake", "comes")
    assert diary.lines() == ["start keeps", "start comes"]


def test_a_reload_with_errors_tells_them_all_and_leaves_everything_as_it_was(lab, tidegate, diary):
    daemon = tidegate.run([diary.service()])
    knock_udp(lab.client1, 9000)
    before = daemon.wait_for_state("awake")
    tidegate.configure([diary.service(idle="15 mins"), {"name": "b", "prots": "tcp/1", "start": "true"}])
    done = tidegate.ctl("reload")
    assert done.returncode == 1 and done.stdout == ""
    assert '"15 mins" is not a duration' in done.stderr and 'unknown key "prots"' in done.stderr
    assert unmoved(before, daemon.service())
    assert len(daemon.status()["services"]) == 1
    daemon.send_signal(signal.SIGHUP)
    daemon.wait_for_log("everything stays as it was")
    assert unmoved(before, daemon.service())


def test_sighup_reloads(lab, tidegate, diary):
    daemon = tidegate.run([diary.service("a", ["udp/9000"])])
    tidegate.configure([diary.service("a", ["udp/9000"]), diary.service("b", ["udp/9001"])])
    daemon.send_signal(signal.SIGHUP)
    daemon.wait_for_log(r"reloaded: 2 services: 1 new, 0 changed, 0 removed")
    knock_udp(lab.client1, 9001)
    daemon.wait_for_state("awake", "b")


def test_a_changed_service_takes_its_new_settings_without_a_restart(lab, tidegate, diary):
    daemon = tidegate.run([diary.service(idle="1h")])
    knock_udp(lab.client1, 9000)
    before = daemon.wait_for_state("awake")
    tidegate.configure([diary.service(idle="1500ms", ports=["udp/9000", "udp/9009"])])
    assert tidegate.ctl("reload").returncode == 0
    assert unmoved(before, daemon.service()) or daemon.events(kind="slept")
    daemon.wait_for_event("slept")
    knock_udp(lab.client1, 9009)
    daemon.wait_for_event("woke", count=2)
    diary.wait_for("start service", count=2)


def test_a_changed_stop_command_is_the_one_that_stops_it(lab, tidegate, diary):
    daemon = tidegate.run([diary.service(idle="1h")])
    knock_udp(lab.client1, 9000)
    daemon.wait_for_state("awake")
    tidegate.configure([diary.service(idle="1h", stop=diary.note("the new way"))])
    assert tidegate.ctl("reload").returncode == 0
    assert tidegate.ctl("stop", "service").returncode == 0
    assert diary.lines() == ["start service", "the new way"]


def test_a_removed_service_is_left_or_stopped_as_its_on_exit_says(lab, tidegate, tmp_path):
    left = answering(tmp_path, "left", udp=9000, on_exit="leave")
    stopped = answering(tmp_path, "stopped", udp=9001, on_exit="stop")
    daemon = tidegate.run([left, stopped, answering(tmp_path, "other", udp=9002)])
    for port, name in ((9000, "left"), (9001, "stopped")):
        ask_udp(lab.client1, port)
        daemon.wait_for_state("awake", name)
    tidegate.configure([answering(tmp_path, "other", udp=9002)])
    assert tidegate.ctl("reload").returncode == 0
    wait_until(lambda: not (tmp_path / "stopped.pid").exists(), "the stop of the one")
    assert (tmp_path / "left.pid").exists()
    assert [service["name"] for service in daemon.status()["services"]] == ["other"]
    assert ask_udp(lab.client1, 9000) == "ping", "it goes on, only nobody watches it"


def test_a_reload_that_cannot_be_read_says_so(tidegate, diary):
    daemon = tidegate.run([diary.service()])
    tidegate.config.unlink()
    done = tidegate.ctl("reload")
    assert done.returncode == 1 and "No such file" in done.stderr and str(tidegate.config) in done.stderr
    assert daemon.state() == "asleep"


def test_a_daemon_from_flags_alone_has_nothing_to_reload(tidegate, diary):
    daemon = tidegate.wake("-u", 9000, "-s", diary.note("start"))
    done = tidegate.ctl("reload")
    assert done.returncode == 1 and "no configuration file" in done.stderr
    daemon.send_signal(signal.SIGHUP)
    daemon.wait_for_log("no configuration file")
    assert daemon.state() == "asleep"


def test_a_filter_that_does_not_compile_stops_a_reload_too(tidegate, diary):
    daemon = tidegate.run([diary.service()])
    broken = diary.service("broken", [], sensors=[{"pcap": {"interface": "eth1", "filter": "tcp prot 80"}}])
    broken.pop("ports")
    tidegate.configure([diary.service(), broken])
    done = tidegate.ctl("reload")
    assert done.returncode == 1 and "syntax error" in done.stderr, done.stderr
    assert [service["name"] for service in daemon.status()["services"]] == ["service"]


def test_many_reloads_under_traffic_lose_no_wake_and_start_nothing_twice(lab, tidegate, diary):
    steady = diary.service("steady", ["udp/9000"])
    daemon = tidegate.run([steady, diary.service("n0", ["udp/9100"])])
    knock_udp(lab.client1, 9000)
    before = daemon.wait_for_state("awake", "steady")
    for number in range(1, 9):
        tidegate.configure([steady, diary.service(f"n{number}", [f"udp/{9100 + number}"])])
        daemon.ask("reload")
        knock_udp(lab.client1, 9100 + number)
        daemon.wait_for_state("awake", f"n{number}")
        assert unmoved(before, daemon.service("steady"))
    assert diary.lines() == ["start steady"] + [f"start n{number}" for number in range(1, 9)]
