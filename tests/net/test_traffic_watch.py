"""traffic_watch.py of Traffic Watch, by its name: every command line of its document, with the server and the load that
it names."""

import re
import signal

import pytest

from support.netns import client_address, server_address
from support.screen import Screen
from support.tidegate import binary, environment
from support.waiting import wait_until
from support.web import get

CLIENT, SERVER = client_address(), server_address()
LISTENING = "watching HTTP, "


@pytest.fixture
def shell(tidegate, tmp_path):
    """Starts a line of the document in a shell on the server, where python runs what tidegate is instead of."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name, words in {"python": f'{tidegate.binary} compat "$@"', "python3": f'{tidegate.binary} compat "$@"', "sudo": '"$@"'}.items():
        (folder / name).write_text(f"#!/bin/sh\nexec {words}\n")
        (folder / name).chmod(0o755)
    path = {"PATH": f"{folder}:{environment()['PATH']}"}

    def start(line):
        return tidegate.start("bash", "-c", f"exec {line}", env=path)

    return start


def totals(process, number=signal.SIGINT):
    """Ends it; the requests and responses of its last figures."""
    status, _ = process.end(number)
    assert status == 0, process.log()
    found = re.findall(r"  requests (\d+)  responses (\d+)\b", process.output())[-1]
    return tuple(map(int, found))


def load(host, target, profile="100/s:300ms"):
    done = host.run(binary(), "demo", "load", "--target", target, "--profile", profile, env=environment())
    assert done.returncode == 0, done


def test_the_documents_command_lines_watch_the_documents_server_and_generator(lab, shell):
    lab.server.ip("addr add 10.12.3.201/32 dev lo")
    server = shell("python simple_webserver.py")
    server.wait_for_output(r"Running on http://0\.0\.0\.0:5000/")
    watching = {
        "port 5000 on any": shell("sudo `which python` traffic_watch.py --port 5000"),
        "port 5000 of 10.12.3.201 on any": shell("sudo `which python` traffic_watch.py --port 5000 -ip 10.12.3.201"),
        "port 5000 of 127.0.0.1 on any": shell("sudo `which python` traffic_watch.py --port 5000 -ip 127.0.0.1"),
    }
    for words, process in watching.items():
        process.wait_for_log(f"{LISTENING}{re.escape(words)}$")
    generator = shell("python traffic_generator.py")
    generator.wait_for_output(r"^(Hello, your path is: \w+/index\.html\d+\n){10}")
    generator.end(signal.SIGINT)
    answered = generator.output().count("Hello, your path is: ")
    load(lab.server, "10.12.3.201:5000")
    every, elsewhere, local = (totals(process) for process in watching.values())
    assert elsewhere == (30, 30)
    assert answered <= local[1] <= local[0] <= answered + 1
    assert every == (local[0] + 30, local[1] + 30)


def test_its_functional_test_as_its_runner_starts_it(lab, shell):
    """All but the two and a half minutes; src/observe/watch_test.cc has those, in the packets' time."""
    shell("python3 simple_webserver.py").wait_for_output(r"Running on")
    process = shell('sudo "$(command -v python)" traffic_watch.py --port 5000 -ip 127.0.0.1 --threshold_period=1')
    process.wait_for_log(LISTENING)
    load(lab.server, "127.0.0.1:5000", "2000/s:1s")
    process.wait_for_output(r"^High traffic generated an alert - hits = \d{4} triggered at \d\d \w{3} [\d:]{8}$")
    assert totals(process) == (2000, 2000)


@pytest.mark.parametrize(
    "words",
    ["-p 5000 -ts 10 --threshold_period 0.05", "--port=5000 --traffic_threshold_total 30 --threshold_period=.05 -b scapy", "-p5000 -tt=30 --threshold_period 0.05 --backend socket"],
)
def test_an_alert_is_raised_and_recovers_once_each(lab, shell, words):
    shell("python simple_webserver.py").wait_for_output(r"Running on")
    process = shell(f"python3 traffic_watch.py {words}")
    process.wait_for_log(LISTENING)
    load(lab.client1, f"{SERVER}:5000", "200/s:200ms")
    process.wait_for_output(r"^High traffic generated an alert - hits = 40 triggered at ")
    process.wait_for_output(r"^High traffic alert recovered at ")
    assert totals(process) == (40, 40)
    assert process.output().count("High traffic") == 2


def test_its_port_is_8080_and_it_sees_ipv6(lab, tidegate, shell):
    tidegate.start(tidegate.binary, "demo", "serve", "--listen", "*:8080").wait_for_output(r"^serves http://")
    process = shell("python traffic_watch.py")
    process.wait_for_log(rf"{LISTENING}port 8080 on any$")
    for address in (SERVER, "fd77:1::1"):
        assert get(lab.client1, "/foo/index.html", "/index.html", address=address, port=8080) == [200, 200]
    assert totals(process, signal.SIGTERM) == (4, 4)
    shown = process.output().split("HTTP on")[-1]
    assert re.search(r"^/foo +2$", shown, re.MULTILINE) and re.search(r"^/ +2$", shown, re.MULTILINE)


def test_on_a_terminal_it_is_the_screen_of_traffic_watch(lab, tidegate, tool, shell, tmp_path):
    tool("tmux")
    shell("python simple_webserver.py").wait_for_output(r"Running on")
    (tmp_path / "traffic_watch.py").symlink_to(tidegate.binary)
    screen = Screen(tmp_path)
    try:
        run = screen.run(*lab.server.command(tmp_path / "traffic_watch.py", "--port", "5000", "-ip", SERVER))
        screen.wait_for_text(f"HTTP on port 5000 of {SERVER} on any", "requests in the last second", "ALERTS")
        assert get(lab.client1, "/foo/a", "/foo/b", "/bar/a", address=SERVER, port=5000) == [200, 200, 200]
        screen.wait_for(lambda text: re.search(r"^/foo +2 +/foo +2", text, re.MULTILINE), "what was asked for")
        screen.press("C-c")
        assert run.status() == 0
        run.check_terminal_is_back()
    finally:
        screen.close()


def test_help_says_what_there_is(tidegate):
    done = tidegate.command("compat", "traffic_watch.py", "--help")
    assert done.returncode == 0
    for word in ("--port", "-ip", "-ts", "-tt", "--threshold_period", "--backend"):
        assert word in done.stdout


@pytest.mark.parametrize(
    "words",
    [("-p", "0"), ("-p", "many"), ("-ip", "shop"), ("-ts", "20", "-tt", "400"), ("--threshold_period", "0"), ("--threshold_period", "soon"), ("-x",), ("more",)],
    ids=" ".join,
)
def test_wrong_words_are_refused_with_status_2(tidegate, words):
    done = tidegate.command("compat", "traffic_watch.py", *words)
    assert (done.returncode, done.stdout) == (2, ""), done
    assert done.stderr


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ("-ts 0", "-ts: 0 is too little: it must be above 0"),
        ("-tt=0", "-tt: 0 is too little: it must be above 0"),
        ("-tt=-5", "-tt: -5 is too little: it must be above 0"),
        ("--traffic_threshold_total 0.0", "--traffic_threshold_total: 0.0 is too little: it must be above 0"),
        ("-ts many", '-ts: "many" is not a number'),
        ("-tt nan", '-tt: "nan" is not a number'),
    ],
    ids=lambda text: text,
)
def test_a_threshold_that_nothing_reaches_is_refused_by_the_name_that_was_typed(tidegate, words, complaint):
    done = tidegate.command("compat", "traffic_watch.py", *words.split())
    assert (done.returncode, done.stdout, done.stderr) == (2, "", f"traffic_watch.py: {complaint}\n"), done


def test_a_port_number_is_not_an_address(tidegate):
    """-p and -ip are two options, though one begins as the other ends."""
    done = tidegate.command("compat", "traffic_watch.py", "-ip", "5000")
    assert done.returncode == 2 and "5000" in done.stderr
