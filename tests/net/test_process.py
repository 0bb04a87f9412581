"""A supervised process: started, watched, stopped with its whole group, and found again after a restart."""

import os
import shlex
import signal

from support.clients import ask_tcp, ask_udp, knock_udp
from support.service import serving
from support.waiting import wait_until


def supervised(name="service", tcp=None, udp=None, deaf=False, **keys):
    ports = ([f"tcp/{tcp}"] if tcp else []) + ([f"udp/{udp}"] if udp else [])
    return {"name": name, "ports": ports, "process": serving(name, tcp, udp, deaf), "idle": "30s"} | keys


def process_of(lab, daemon):
    """The one process in the server beside the daemon."""
    others = [pid for pid in lab.server.processes() if pid != daemon.pid]
    assert len(others) == 1, others
    return others[0]


def test_a_process_runs_while_clients_want_it_and_is_ended_when_idle(lab, tidegate):
    daemon = tidegate.run([supervised(tcp=8080, idle="1s")])
    assert lab.server.processes() == [daemon.pid]
    assert ask_tcp(lab.client1, 8080) == "hello from service\n"
    daemon.wait_for_event("slept")
    assert lab.server.processes() == [daemon.pid]
    assert daemon.kinds() == ["woke", "ready", "stopping", "slept"]


def test_its_output_is_in_the_log_behind_its_name(lab, tidegate):
    daemon = tidegate.run([supervised("tide", udp=9000)])
    knock_udp(lab.client1, 9000)
    daemon.wait_for_log(r"tide: process: tide serves$")


def test_a_shell_line_gives_way_to_the_program_so_that_signals_reach_it(lab, tidegate):
    daemon = tidegate.run([supervised(udp=9000, idle="1s", grace="1h") | {"process": shlex.join(serving(udp=9000))}])
    ask_udp(lab.client1, 9000)
    daemon.wait_for_event("slept")


def test_one_that_ignores_sigterm_is_killed_after_its_grace_time(lab, tidegate):
    daemon = tidegate.run([supervised(udp=9000, deaf=True, idle="500ms", grace="500ms")])
    ask_udp(lab.client1, 9000)
    pid = process_of(lab, daemon)
    daemon.wait_for_event("slept")
    assert pid not in lab.server.processes()


def test_its_whole_process_group_ends_with_it(lab, tidegate, tmp_path):
    child = tmp_path / "child"
    parent = f"sh -c 'sleep 1000 & echo $! > {child}; wait'"
    daemon = tidegate.run([supervised(udp=9000, idle="500ms", grace="2s") | {"process": parent}])
    knock_udp(lab.client1, 9000)
    wait_until(lambda: child.exists() and child.read_text().strip(), "its child")
    assert int(child.read_text()) in lab.server.processes()
    daemon.wait_for_event("slept")
    assert lab.server.processes() == [daemon.pid]


def test_its_own_exit_is_noticed_and_the_next_client_starts_it_again(lab, tidegate):
    daemon = tidegate.run([supervised(udp=9000, retry={"first": "100ms", "most": "100ms"})])
    ask_udp(lab.client1, 9000)
    os.kill(process_of(lab, daemon), signal.SIGKILL)
    gone = daemon.wait_for_event("gone")
    assert "ended by signal 9" in gone["text"], gone
    assert ask_udp(lab.client1, 9000) == "ping"
    assert daemon.kinds().count("woke") == 2


def test_one_that_exits_well_by_itself_sleeps_and_has_not_failed(lab, tidegate, tmp_path):
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    daemon = tidegate.run([supervised(udp=9000) | {"process": f"sh -c 'read word < {fifo}; exit 0'"}])
    knock_udp(lab.client1, 9000)
    daemon.wait_for_state("awake")
    fifo.write_text("end\n")
    assert "exited 0" in daemon.wait_for_event("gone")["text"]
    assert daemon.state() == "asleep"


def test_one_that_ends_before_it_is_ready_is_a_failed_start_at_once(lab, tidegate):
    daemon = tidegate.run([supervised(tcp=9000, start_timeout="1h") | {"process": "sh -c 'echo no licence; exit 3'"}])
    with lab.client1.socket() as client:
        client.connect_ex(("10.77.1.1", 9000))
    failed = daemon.wait_for_state("failed")
    assert "exited 3" in failed["error"], failed
    assert "no licence" in daemon.log()


def test_a_program_that_does_not_exist_is_a_failed_start_with_its_name(lab, tidegate):
    daemon = tidegate.run([supervised(udp=9000) | {"process": ["/srv/pal/PalServer.sh"]}])
    knock_udp(lab.client1, 9000)
    assert "/srv/pal/PalServer.sh" in daemon.wait_for_state("failed")["error"]


def test_a_restarted_tidegate_finds_its_process_again_and_still_watches_it(lab, tidegate):
    config = [supervised(udp=9000)]
    first = tidegate.run(config)
    ask_udp(lab.client1, 9000)
    pid = process_of(lab, first)
    assert first.end()[0] == 0
    assert lab.server.processes() == [pid], "left running, as on_exit says by default"
    second = tidegate.run(config)
    second.wait_for_event("found")
    assert second.state() == "awake"
    os.kill(pid, signal.SIGKILL)
    second.wait_for_event("gone")
    assert ask_udp(lab.client1, 9000) == "ping"


def test_a_tidegate_that_was_killed_leaves_the_process_for_the_next_one(lab, tidegate):
    config = [supervised(udp=9000, idle="2s")]
    first = tidegate.run(config)
    ask_udp(lab.client1, 9000)
    pid = process_of(lab, first)
    first.process.kill()
    first.wait()
    second = tidegate.run(config)
    second.wait_for_event("slept")
    assert pid not in lab.server.processes()


def test_on_exit_stop_ends_the_process_with_tidegate(lab, tidegate):
    daemon = tidegate.run([supervised(udp=9000, on_exit="stop")])
    ask_udp(lab.client1, 9000)
    status, seconds = daemon.end()
    assert status == 0 and seconds < 5
    assert lab.server.processes() == []


def test_an_http_status_makes_it_ready(lab, tidegate):
    daemon = tidegate.run([supervised(tcp=8080, ready={"http": "http://127.0.0.1:8080/health"})])
    assert ask_tcp(lab.client1, 8080) == "hello from service\n"
    wait_until(lambda: daemon.state() == "awake", "awake")
    assert "http" in daemon.why()["took"]


def test_a_udp_answer_makes_it_ready(lab, tidegate):
    daemon = tidegate.run([supervised(udp=9000, ready={"udp": 9000})])
    assert ask_udp(lab.client1, 9000) == "ping"
    wait_until(lambda: daemon.state() == "awake", "awake")
    assert "udp 127.0.0.1:9000 answered" in daemon.why()["took"]
