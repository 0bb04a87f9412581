"""Looking at a running daemon and acting on it, by its commands."""

import json
import os
import re
import socket
import stat
import subprocess
import time

from support.clients import knock_udp
from support.service import answering
from support.tidegate import binary, environment
from support.waiting import wait_until

FIELDS = {
    *("name", "state", "since", "for_seconds", "sleeps_in_seconds", "woken_by", "cause"),
    *("clients", "bytes_in", "bytes_out", "device", "queue", "error", "retry_in_seconds"),
}


def test_status_is_a_table_for_people(lab, tidegate, diary):
    daemon = tidegate.run([diary.service("palworld", ["udp/8211"]), diary.service("wiki", ["udp/8080"])])
    port = knock_udp(lab.client1, 8211)
    daemon.wait_for_state("awake", "palworld")
    shown = tidegate.ctl("status")
    assert shown.returncode == 0 and shown.stderr == ""
    title, palworld, wiki = shown.stdout.splitlines()
    assert re.fullmatch(r"SERVICE +STATE +SINCE +SLEEPS IN +WOKEN BY +CLIENTS +IN +OUT", title)
    assert re.fullmatch(rf"palworld +awake +\S+ s ago +\d+ s +10\.77\.1\.2:{port} udp/8211 +1 +\d+ B +0 B", palworld)
    assert re.fullmatch(r"wiki +asleep +\S+ s ago +– +– +0 +0 B +0 B", wiki)
    assert title.index("STATE") == palworld.index("awake") == wiki.index("asleep")
    assert "\x1b" not in shown.stdout


def test_status_as_json_has_stable_fields(lab, tidegate, diary):
    daemon = tidegate.run([diary.service("palworld", ["udp/8211"], sensor="pcap")])
    knock_udp(lab.client1, 8211)
    daemon.wait_for_state("awake", "palworld")
    answer = json.loads(tidegate.ctl("status", "--json").stdout)
    assert set(answer) == {"services", "forwards", "sensors"} and answer["forwards"] == []
    (service,) = answer["services"]
    assert set(service) == FIELDS
    assert set(service["woken_by"]) == {"protocol", "source", "destination", "bytes", "at", "sensor", "class"}
    (sensor,) = answer["sensors"]
    assert set(sensor) == {"name", "listening", "trouble", "packets", "rejected", "dropped_kernel", "dropped_interface"}
    assert sensor["listening"] and sensor["packets"] >= 1
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", service["since"])


def test_start_and_stop_by_hand_wait_for_the_outcome(tidegate, tmp_path):
    daemon = tidegate.run([answering(tmp_path, "web", tcp=8080)])
    started = tidegate.ctl("start", "web")
    assert (started.returncode, started.stdout) == (0, "web is awake\n"), started
    assert daemon.service("web")["cause"] == "operator"
    assert (tmp_path / "web.pid").exists()
    stopped = tidegate.ctl("stop", "web")
    assert (stopped.returncode, stopped.stdout) == (0, "web is asleep\n"), stopped
    assert not (tmp_path / "web.pid").exists()
    assert tidegate.ctl("stop", "web").returncode == 0, "what is so already is no error"


def test_a_start_by_hand_that_fails_says_why_and_exits_1(tidegate, diary):
    tidegate.run([diary.service(start="exit 4")])
    started = tidegate.ctl("start", "service")
    assert started.returncode == 1 and started.stdout == ""
    assert "start exited 4" in started.stderr


def test_a_stop_by_hand_that_fails_says_why_and_exits_1(tidegate, diary):
    tidegate.run([diary.service(stop="exit 5")])
    assert tidegate.ctl("start", "service").returncode == 0
    stopped = tidegate.ctl("stop", "service")
    assert stopped.returncode == 1 and "stop exited 5" in stopped.stderr


def test_keep_starts_it_and_holds_it_until_it_is_taken_back(tidegate, diary):
    daemon = tidegate.run([diary.service(idle="300ms")])
    kept = tidegate.ctl("keep", "service", "2h")
    assert kept.returncode == 0 and re.match(r"service is awake, and stays so until \d\d:\d\d:\d\d", kept.stdout), kept
    service = daemon.service()
    assert service["cause"] == "keep" and service["sleeps_in_seconds"] > 7000
    assert "an operator, until" in tidegate.ctl("why", "service").stdout
    back = tidegate.ctl("keep", "service", "0")
    assert back.returncode == 0 and "kept by nobody" in back.stdout
    daemon.wait_for_event("slept")
    assert daemon.events(kind="kept")


def test_keep_ends_by_itself(tidegate, diary):
    daemon = tidegate.run([diary.service(idle="100ms")])
    began = time.monotonic()
    tidegate.ctl("keep", "service", "2s")
    daemon.wait_for_event("slept")
    assert time.monotonic() - began > 2


def test_why_tells_what_woke_it_what_it_took_and_what_keeps_it(lab, tidegate, tmp_path):
    web = answering(tmp_path, "web", tcp=8080, idle="10m", veto="/usr/local/bin/no-players", sensor="pcap")
    daemon = tidegate.run([web])
    with lab.client1.socket() as client:
        client.connect_ex(("10.77.1.1", 8080))
        port = client.getsockname()[1]
    daemon.wait_for_state("awake", "web")
    lines = tidegate.ctl("why", "web").stdout.splitlines()
    assert re.fullmatch(r"awake since \d\d:\d\d:\d\d \(.+ s\)", lines[0])
    assert re.fullmatch(rf"  woken by   TCP 10\.77\.1\.2:{port} → 10\.77\.1\.1:8080, \d+ bytes, sensor pcap on any, class wake", lines[1])
    assert re.fullmatch(r"  took       .+ to be ready \(start .+, tcp 127\.0\.0\.1:8080 answered.*\)", lines[2])
    assert lines[3] == "kept awake by"
    assert re.fullmatch(rf"  1 client: 10\.77\.1\.2:{port} \(last packet .+ s ago\)", lines[4])
    assert re.fullmatch(r"would sleep at \d\d:\d\d:\d\d, if nothing more comes; then veto /usr/local/bin/no-players is asked", lines[-1])
    answer = json.loads(tidegate.ctl("why", "web", "--json").stdout)
    assert FIELDS < set(answer) and answer["idle_seconds"] == 600 and answer["veto"] == "/usr/local/bin/no-players"


def test_why_of_a_sleeping_service_says_so(tidegate, diary):
    tidegate.run([diary.service()])
    assert re.match(r"asleep since \d\d:\d\d:\d\d", tidegate.ctl("why", "service").stdout)


def test_events_are_told_oldest_first_for_all_or_one(lab, tidegate, diary):
    daemon = tidegate.run([diary.service("a", ["udp/9000"], idle="300ms"), diary.service("b", ["udp/9001"])])
    knock_udp(lab.client1, 9000)
    daemon.wait_for_event("slept", "a")
    knock_udp(lab.client1, 9001)
    daemon.wait_for_event("ready", "b")
    lines = tidegate.ctl("events").stdout.splitlines()
    told = [re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d  (\w)  ([a-z ]+?)(: .*)?", line).group(1, 2) for line in lines]
    assert told == [("a", "woke"), ("a", "ready"), ("a", "stopping"), ("a", "slept"), ("b", "woke"), ("b", "ready")]
    as_json = [json.loads(line) for line in tidegate.ctl("events", "a", "-n", 2, "--json").stdout.splitlines()]
    assert [event["event"] for event in as_json] == ["stopping", "slept"]
    assert all(set(event) == {"at", "service", "event", "text", "id"} for event in as_json)


def test_events_are_followed_live(lab, tidegate, diary):
    daemon = tidegate.run([diary.service("a", ["udp/9000"]), diary.service("b", ["udp/9001"])])
    knock_udp(lab.client1, 9000)
    daemon.wait_for_event("ready", "a")
    follower = tidegate.start(tidegate.binary, "events", "-f", "b", "--json", "--control", tidegate.control)
    everything = tidegate.start(tidegate.binary, "events", "-f", "--control", tidegate.control)
    everything.wait_for_output("  a  ready")
    knock_udp(lab.client1, 9001)
    follower.wait_for_output('"event":"ready"')
    everything.wait_for_output("  b  ready")
    assert [json.loads(line)["service"] for line in follower.output().splitlines()] == ["b", "b"]
    assert daemon.end()[0] == 0
    assert follower.wait() in (0, 1), "the daemon's end is the followers' end"
    everything.wait()


def test_a_name_that_is_not_known_is_an_error_with_the_nearest_one(tidegate, diary):
    tidegate.run([diary.service("palworld"), diary.service("wiki", ["udp/9001"])])
    for words in (["why"], ["start"], ["stop"], ["events"]):
        done = tidegate.ctl(*words, "palwrld")
        assert (done.returncode, done.stdout) == (1, ""), done
        assert 'there is no service "palwrld" (did you mean "palworld"?)' in done.stderr
    done = tidegate.ctl("keep", "zzz", "1h")
    assert done.returncode == 1 and "palworld and wiki" in done.stderr


def test_without_a_daemon_each_command_says_what_to_do_about_it(tidegate):
    for words in (["status"], ["why", "x"], ["events"], ["start", "x"], ["stop", "x"], ["keep", "x", "1h"], ["reload"]):
        done = tidegate.ctl(*words)
        assert done.returncode == 1 and done.stdout == "", words
        assert f"no tidegate listens at {tidegate.control}" in done.stderr and "tidegate run" in done.stderr


def test_a_daemon_that_ends_without_an_answer_is_a_failure(tmp_path):
    path = tmp_path / "socket"
    with socket.socket(socket.AF_UNIX) as server:
        server.settimeout(30)
        server.bind(str(path))
        server.listen()
        with subprocess.Popen([binary(), "reload", "--control", path], stderr=subprocess.PIPE, text=True, env=environment()) as process:
            connection, _ = server.accept()
            with connection:
                assert b"reload" in connection.recv(1000)
            _, complaint = process.communicate(timeout=30)
    assert process.returncode == 1
    assert complaint == f"tidegate: the tidegate at {path} ended without an answer\n"


def test_wrong_arguments_exit_2(tidegate):
    wrong = [[], ["nonsense"], ["status", "--nonsense"], ["why"], ["keep", "x"], ["keep", "x", "2 weeks"], ["wake"], ["run", "-c", "/nowhere.yaml"]]
    for words in wrong:
        done = tidegate.command(*words)
        assert done.returncode == 2, (words, done)
        assert done.stderr, words


def test_the_socket_is_found_by_the_configuration_too(tidegate, diary, tmp_path):
    control = tmp_path / "elsewhere" / "c.sock"
    config = tidegate.configure({"control": str(control), "services": [diary.service()]})
    daemon = tidegate.start(tidegate.binary, "run", "-c", config)
    daemon.wait_for_log(f"control socket {control}")
    assert stat.S_IMODE(os.stat(control).st_mode) == 0o600
    assert "service" in tidegate.command("status", "-c", config).stdout
    assert "service" in tidegate.command("status").stdout, "./tidegate.yaml is looked for first"


def test_a_second_daemon_does_not_take_the_socket_of_the_first(tidegate, diary):
    daemon = tidegate.run([diary.service()])
    second = tidegate.command("run", "-c", tidegate.config, "--control", tidegate.control)
    assert second.returncode == 1 and str(tidegate.control) in second.stderr
    assert daemon.state() == "asleep"
    daemon.process.kill()
    daemon.wait()
    assert tidegate.control.exists(), "left behind by the killed one"
    assert tidegate.run([diary.service()]).state() == "asleep"


def test_an_event_follower_that_leaves_disturbs_nobody(lab, tidegate, diary):
    daemon = tidegate.run([diary.service(idle="300ms")])
    for number in range(1, 4):
        follower = tidegate.start(tidegate.binary, "events", "-f", "--control", tidegate.control)
        knock_udp(lab.client1, 9000)
        follower.wait_for_output("slept")
        follower.process.kill()
        follower.wait()
        daemon.wait_for_event("slept", count=number)
    wait_until(lambda: daemon.state() == "asleep", "asleep")
