"""pulso, by its name: every command line of its document, with real connections."""

import socket
import subprocess

import pytest

from support.tidegate import SANITIZER, environment
from support.waiting import again_until

LISTENING = "counting on "


@pytest.fixture
def pulso(lab, tidegate, tmp_path):
    """Runs a line of a shell on the server, where pulso is what its users call, in the path and in this folder."""
    (tmp_path / "pulso").symlink_to(tidegate.binary)

    def start(line):
        return tidegate.start("sh", "-c", f"PATH={tmp_path}:$PATH; {line}")

    def run(line):
        done = lab.server.run("sh", "-c", f"PATH={tmp_path}:$PATH; {line}", cwd=tmp_path, env=environment())
        assert not SANITIZER.search(done.stderr), done.stderr
        return done

    start.run = run
    return start


@pytest.fixture
def knock(lab):
    """A connection on the server's loopback that is refused: one SYN."""

    def connect(port, address="127.0.0.1"):
        with lab.server.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as client:
            client.connect_ex((address, port))

    return connect


def test_the_documents_first_example_gives_its_digest(pulso, knock):
    counting = pulso("RUST_LOG=info PULSO_SECRET=foo ./pulso -d lo -c 10")
    counting.wait_for_log(LISTENING)
    for port in [9306] * 9 + [9056]:
        knock(port)
    assert counting.wait() == 0
    assert counting.output() == "2da25a664b49c9b5:10 9306:9 9056:1\n"


def test_the_documents_first_example_as_it_stands(pulso, knock):
    """Without a log nothing tells when it listens; a client that tries again is enough for the limit."""
    counting = pulso("PULSO_SECRET=foo ./pulso -d lo -c 10")
    again_until(lambda: knock(9306), lambda: not counting.running(), "ten connections")
    assert counting.wait() == 0
    assert counting.output() == "2da25a664b49c9b5:10 9306:10\n"
    assert counting.log() == ""


def test_the_documents_second_example_shows_the_log_and_ends_at_a_signal(lab, pulso):
    lab.server.ip("link set eth1 down", "link set eth1 name eth0", "link set eth0 up")
    counting = pulso("exec env RUST_LOG=info PULSO_SECRET=test pulso -d eth0 -t 60")
    counting.wait_for_log(LISTENING)
    with lab.client1.socket() as client:
        client.connect_ex(("10.77.1.1", 80))
    status, seconds = counting.end()
    assert (status, seconds < 10) == (0, True)
    (line,) = counting.output().splitlines()
    assert line.endswith(":1 80:1")


def test_the_time_limit_is_seconds(pulso, knock):
    counting = pulso("RUST_LOG=info PULSO_SECRET=test pulso --device lo --time-limit 2")
    counting.wait_for_log(LISTENING)
    knock(80)
    knock(80, "::1")
    assert counting.wait() == 0
    assert counting.output() == "b0ac9a33614df75a:1 80:1\ne3b4bdc68b94c649:1 80:1\n"


def test_each_syn_counts_and_nothing_else(lab, pulso):
    counting = pulso("RUST_LOG=info PULSO_SECRET=foo pulso --device lo --connection-limit 3")
    counting.wait_for_log(LISTENING)
    with lab.server.socket() as listener:
        listener.bind(("127.0.0.1", 9000))
        listener.listen()
        for _ in range(3):
            with lab.server.socket() as client:
                client.connect(("127.0.0.1", 9000))
                client.sendall(b"hello")
    assert counting.wait() == 0
    assert counting.output() == "2da25a664b49c9b5:3 9000:3\n"


def test_help_and_version_are_the_documents(pulso):
    for flag in ("-h", "--help"):
        done = pulso.run(f"pulso {flag}")
        assert done.returncode == 0
        words = ("TCP connection counter", "-d,--device", "<DEVICE>", "-c,--connection-limit", "-t,--time-limit", "PULSO_SECRET")
        for word in words:
            assert word in done.stdout
    for flag in ("-V", "--version"):
        done = pulso.run(f"pulso {flag}")
        assert (done.returncode, done.stdout.split()[0]) == (0, "pulso")


@pytest.mark.parametrize(
    "line",
    [
        "PULSO_SECRET=foo pulso",
        "PULSO_SECRET=foo pulso -c 10",
        "PULSO_SECRET=foo pulso -d lo -c 0",
        "PULSO_SECRET=foo pulso -d lo -t 0",
        "PULSO_SECRET=foo pulso -d lo -c -1",
        "PULSO_SECRET=foo pulso -d lo -t soon",
        "PULSO_SECRET=foo pulso -d lo --nonsense",
        "PULSO_SECRET= pulso -d lo -c 1",
        "pulso -d lo -c 1",
    ],
)
def test_wrong_arguments_and_a_missing_secret_are_status_2_and_print_nothing(pulso, line):
    done = pulso.run(line)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr


def test_a_device_that_does_not_exist_is_status_1_and_prints_nothing(pulso):
    done = pulso.run("PULSO_SECRET=foo pulso -d nonesuch0 -c 1")
    assert (done.returncode, done.stdout) == (1, "")
    assert "nonesuch0" in done.stderr


@pytest.mark.parametrize(("directives", "told"), [("info", True), ("pulso=debug", True), ("pulso", True), ("other=debug", False), ("error", False)])
def test_the_log_is_as_rust_log_says(pulso, knock, directives, told):
    counting = pulso(f"RUST_LOG={directives} PULSO_SECRET=foo pulso -d lo -c 1")
    again_until(lambda: knock(80), lambda: not counting.running(), "a connection")
    assert (LISTENING in counting.log()) == told


def test_it_is_also_a_command_of_tidegate(tidegate):
    done = tidegate.command("compat", "pulso", "-d", "nonesuch0", env={"PULSO_SECRET": "foo"})
    assert done.returncode == 1
    assert isinstance(done, subprocess.CompletedProcess)
