"""`tidegate demo serve` and `demo load`; and simple_webserver.py and traffic_generator.py of Traffic Watch by their names."""

import json
import os
import pty
import re
import signal
import socket
import subprocess
import termios

import pytest

from support.clients import ask_tcp
from support.netns import server_address
from support.tidegate import environment
from support.waiting import wait_until

ADDRESS = server_address()
ADDRESS6 = server_address(1, socket.AF_INET6)
SECTIONS = r"(foo|bar|baz|spiffy|zoom)"


@pytest.fixture
def serve(tidegate):
    """`demo serve` with these flags, ready."""

    def start(*flags):
        server = tidegate.start(tidegate.binary, "demo", "serve", *flags)
        server.wait_for_output(r"^serves http://")
        return server

    return start


@pytest.fixture
def named(tidegate, tmp_path):
    """Starts the program under an older tool's name, as its users do."""

    def start(name, *words, **options):
        link = tmp_path / name
        if not link.exists():
            link.symlink_to(tidegate.binary)
        return tidegate.start(link, *words, **options)

    return start


def handles(tidegate, pid, number):
    """Whether the process is the program by now, and reads the signal from a descriptor."""
    blocked = re.search(r"^SigBlk:\s*(\w+)$", open(f"/proc/{pid}/status", encoding="ascii").read(), re.MULTILINE)[1]
    return os.path.samefile(f"/proc/{pid}/exe", tidegate.binary) and int(blocked, 16) >> (number - 1) & 1


def load(tidegate, *flags, **options):
    """What `demo load` reports, and its exit status."""
    done = tidegate.command("demo", "load", "--format", "json", *flags, **options)
    return json.loads(done.stdout), done.returncode


def test_the_load_is_answered_and_both_sides_count_the_same(tidegate, serve):
    server = serve()
    report, status = load(tidegate, "--profile", "100/s:200ms,400/s:100ms", "--sections", "a,b")
    assert status == 0
    assert (report["sent"], report["answered"], report["failed"], report["failures"]) == (60, 60, 0, {})
    assert report["statuses"] == {"200": 60}
    latencies = report["latency_seconds"]
    assert 0 < latencies["p50"] <= latencies["p95"] <= latencies["p99"] <= latencies["max"]
    assert server.end(signal.SIGINT)[0] == 0
    assert "answered 60 requests on 10 connections" in server.output()


def test_the_report_for_people_says_how_it_went(tidegate, serve):
    serve()
    done = tidegate.command("demo", "load", "--profile", "50/s:200ms")
    assert done.returncode == 0
    assert done.stderr == "", "no bar where there is no terminal"
    lines = done.stdout.splitlines()
    assert re.fullmatch(r"sent      10 requests in 0\.\d s", lines[0])
    assert re.fullmatch(r"answered  10, 10 × 200 \(\d+/s\)", lines[1])
    assert lines[2] == "failed    0"
    assert re.fullmatch(r"latency   p50 \S+ ms, p95 \S+ ms, p99 \S+ ms, max \S+ ms", lines[3])


def test_as_many_as_are_answered_over_several_connections(tidegate, serve):
    serve("--threads", "2")
    report, status = load(tidegate, "--profile", "max:500ms", "--connections", "32")
    assert status == 0
    assert report["answered"] == report["sent"] > 500


@pytest.mark.parametrize("target", ["localhost:5000", "[::1]:5000", "127.0.0.1:5000"])
def test_a_target_by_name_and_over_ipv6(tidegate, serve, target):
    serve("--listen", "*:5000")
    assert load(tidegate, "--target", target, "--profile", "10/s:100ms")[0]["answered"] == 1


def test_a_load_that_nobody_answers_fails_and_says_why(tidegate):
    report, status = load(tidegate, "--profile", "50/s:100ms")
    assert status == 1
    assert report["answered"] == report["sent"] == 0
    assert report["failures"] == {"connect 127.0.0.1:5000: Connection refused": 5}
    assert report["latency_seconds"] == {}
    text = tidegate.command("demo", "load", "--profile", "50/s:100ms").stdout
    assert "failed    5\n  5 × connect 127.0.0.1:5000: Connection refused\n" in text


def test_interrupted_it_ends_at_once_with_the_report(tidegate, serve):
    server = serve()
    sender = tidegate.start(tidegate.binary, "demo", "load", "--format", "json")
    connected = ("ss", "-Hnt", "state", "established", "dport = :5000")
    wait_until(lambda: tidegate.lab.server.run(*connected).stdout.strip(), "its first connection")
    status, seconds = sender.end(signal.SIGINT)
    report = json.loads(sender.output())
    assert report["interrupted"]
    assert seconds < 10
    assert report["answered"] + report["failed"] >= report["sent"] > 0
    assert status == (0 if report["answered"] else 1)
    assert server.running()


@pytest.mark.parametrize("quiet", [False, True])
def test_on_a_terminal_a_bar_shows_how_far_it_is_unless_it_is_to_be_quiet(tidegate, serve, quiet):
    serve()
    screen, terminal = pty.openpty()
    argv = tidegate.lab.server.command(tidegate.binary, "demo", "load", "--profile", "20/s:500ms", *(["--quiet"] if quiet else []))
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=terminal, env=environment(), text=True) as process:
        assert "answered  10" in process.communicate(timeout=60)[0]
    os.set_blocking(screen, False)
    try:
        drawn = os.read(screen, 65536).decode()
    except BlockingIOError:
        drawn = ""
    os.close(screen)
    os.close(terminal)
    if quiet:
        assert drawn == ""
    else:
        assert re.search(r"\r\[#*\.*\] +\d+ %  0\.\d s of 0\.5 s  \d+ answered, 0 failed\x1b\[K", drawn), repr(drawn)
        assert drawn.endswith("\r\x1b[K"), "nothing of it stays"


def test_the_bar_keeps_to_one_line_of_a_narrow_terminal(tidegate):
    screen, terminal = pty.openpty()
    termios.tcsetwinsize(terminal, (24, 40))
    argv = tidegate.lab.server.command(tidegate.binary, "demo", "load", "--profile", "20/s:500ms")  # nobody answers
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=terminal, env=environment(), text=True) as process:
        process.communicate(timeout=60)
    drawn = os.read(screen, 65536).decode()
    os.close(screen)
    os.close(terminal)
    lines = [line.removesuffix("\x1b[K") for line in drawn.split("\r")]
    assert len(lines) > 2 and any("% " in line for line in lines), repr(drawn)
    assert all(len(line) < 40 for line in lines), repr(drawn)


def test_a_port_that_is_taken_is_an_error_that_names_it(tidegate, serve):
    serve()
    for flags in ((), ("--threads", "1")):
        second = tidegate.command("demo", "serve", *flags)
        assert second.returncode == 1
        assert second.stderr == "tidegate: bind 127.0.0.1:5000: Address already in use\n"


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("load", "--profile", "20"), 'demo load: --profile: "20" is not a rate for a time (try 20/s:60s or max:10s)'),
        (("load", "--profile", "0/s:1s"), 'demo load: --profile: "0/s:1s": between 1/s and 1000000/s'),
        (("load", "--sections", "a b"), 'demo load: --sections: "a b" is no segment of a path'),
        (("load", "--sections", "a/b"), 'demo load: --sections: "a/b" is no segment of a path'),
        (("load", "--target", "127.0.0.1"), 'demo load: --target: "127.0.0.1" is not a host and a port (try 127.0.0.1:5000)'),
        (("load", "--timeout", "0"), "demo load: --timeout: longer than 0"),
        (("load", "--seed", "-1", "--profile", "1/s:1s"), 'demo load: --seed: "-1" is not a number from 0 to 18446744073709551615'),
        (("load", "--seed", "18446744073709551616", "--profile", "1/s:1s"), 'demo load: --seed: "18446744073709551616" is not a number from 0 to'),
        (("serve", "--listen", "*:5000-5001"), "demo serve: --listen: one TCP port, and its address"),
        (("serve", "--threads", "0"), "--threads"),
        (("load", "--connections", "0"), "--connections"),
        ((), "A subcommand is required"),
    ],
)
def test_wrong_words_are_refused_with_status_2(tidegate, words, complaint):
    done = tidegate.command("demo", *words)
    assert done.returncode == 2
    assert complaint in done.stderr


@pytest.mark.parametrize(
    ("flags", "answer"),
    [
        ((), "Hello, your path is: foo/index.html"),
        (("--http1.0",), "Hello, your path is: foo/index.html"),
        (("-d", "a=b"), "Hello, your path is: foo/index.html"),
        (("-T", "-", "-H", "Expect: 100-continue", "-H", "Transfer-Encoding: chunked"), "Hello, your path is: foo/index.html"),
        (("-X", "PURGE"), "Hello, your path is: foo/index.html"),
    ],
)
def test_curl_gets_the_greeting_however_it_asks(tidegate, serve, tool, flags, answer):
    serve()
    done = tidegate.lab.server.run(tool("curl"), "-sS", "--fail", "--noproxy", "*", *flags, "http://127.0.0.1:5000/foo/index.html?x=1", input="a body")
    assert (done.stdout, done.stderr) == (answer, "")


def test_curl_gets_the_head_alone_where_it_asks_for_it(tidegate, serve, tool):
    serve()
    done = tidegate.lab.server.run(tool("curl"), "-sS", "--noproxy", "*", "-I", "http://127.0.0.1:5000/foo", "http://127.0.0.1:5000/%3Cb%3E")
    assert done.stdout.count("HTTP/1.1 200 OK\n") == 2
    assert "Content-Type: text/html; charset=utf-8\n" in done.stdout
    assert "Hello" not in done.stdout


# --- under the names of Traffic Watch


def test_simple_webserver_listens_on_all_addresses_port_5000(tidegate, lab, named):
    server = named("simple_webserver.py")
    server.wait_for_output(r"Running on http://0\.0\.0\.0:5000/")
    for address in (ADDRESS, ADDRESS6):
        assert ask_tcp(lab.client1, 5000, address=address) == "Hello, your path is: "
    assert server.end(signal.SIGINT)[0] == 0


def test_simple_webserver_by_the_compat_command_says_that_its_port_is_taken(tidegate, serve):
    serve("--listen", "*:5000")
    done = tidegate.command("compat", "simple_webserver.py")
    assert done.returncode == 1
    assert done.stderr == "simple_webserver.py: bind *:5000: Address already in use\n"


def test_traffic_generator_sends_to_the_default_target_and_prints_the_answers(tidegate, named, serve):
    server = serve()
    generator = named("traffic_generator.py")
    generator.wait_for_output(rf"^(Hello, your path is: {SECTIONS}/index\.html\d+\n){{3}}")
    assert generator.end(signal.SIGINT)[0] == 0
    assert generator.log() in ("", "traffic_generator.py: 1 requests failed: interrupted\n")
    server.end(signal.SIGINT)
    answered = int(re.search(r"answered (\d+) requests on 1 connections", server.output())[1])
    assert 0 <= answered - len(generator.output().splitlines()) <= 1


@pytest.mark.parametrize(
    "words",
    [
        ("-p", 5001, "-ip", ADDRESS),
        ("--port", 5001, f"-ip={ADDRESS}"),
        ("--port=5001", "--ip", ADDRESS),
        ("-p5001", "-ip", ADDRESS6),
    ],
    ids=["short", "equals", "long", "ipv6"],
)
def test_traffic_generator_sends_where_it_is_told(tidegate, lab, named, serve, words):
    serve("--listen", "*:5001")
    generator = named("traffic_generator.py", *words, host=lab.client1)
    generator.wait_for_output(rf"^Hello, your path is: {SECTIONS}/index\.html\d+$")
    assert generator.end(signal.SIGINT)[0] == 0


@pytest.mark.parametrize("flag", ["-q", "--quiet"])
def test_traffic_generator_can_be_quiet(tidegate, named, serve, flag):
    serve()
    generator = named("traffic_generator.py", flag)
    connected = ("ss", "-Hnt", "state", "established", "dport = :5000")
    wait_until(lambda: tidegate.lab.server.run(*connected).stdout.strip(), "its connection")
    generator.end(signal.SIGINT)
    assert generator.output() == ""


def test_traffic_generator_fails_where_nobody_answers(tidegate, named):
    generator = named("traffic_generator.py")
    wait_until(lambda: handles(tidegate, generator.pid, signal.SIGINT), "that it handles Ctrl-C")
    status, _ = generator.end(signal.SIGINT)
    assert status == 1


@pytest.mark.parametrize("words", [("-p", "0"), ("-p", "65536"), ("-x",), ("more",)])
def test_traffic_generator_refuses_wrong_words_with_status_2(tidegate, words):
    assert tidegate.command("compat", "traffic_generator.py", *words).returncode == 2
