"""tidegate http: savefiles without root, real traffic on interfaces, and its screen on a terminal (a pane of tmux)."""

import csv
import io
import json
import re
import signal
import subprocess

import pytest

from support import packets as p
from support.netns import client_address, server_address
from support.proc import has_read_all
from support.tidegate import SANITIZER, binary, environment
from support.waiting import again_until, wait_until
from support.web import Web, get

PORT, HOOKS = 5000, 8090
CLIENT, SERVER = client_address(), server_address()
SECRET = {"PULSO_SECRET": "foo"}


# --- savefiles


def request(sequence, path="/fish/cod", port=40000, source=CLIENT):
    text = f"GET {path} HTTP/1.1\r\nHost: shop.example\r\n\r\n".encode()
    return p.ethernet(p.ipv4(p.tcp(port, 80, p.ACK, text, sequence=sequence), source=source)), sequence + len(text)


def requests(count, path="/fish/cod", port=40000):
    """So many requests on one connection, one a second."""
    frames, sequence = [], 1
    for at in range(count):
        frame, sequence = request(sequence, path, port)
        frames.append((1_700_000_000 + at, frame))
    return frames


@pytest.fixture
def http():
    """Runs `tidegate http` to its end, as whoever runs the tests."""
    if not binary().exists():
        pytest.fail(f"{binary()} is not built (or name another one in TIDEGATE_BINARY)")

    def run(*flags, env=None, **options):
        clean = {name: value for name, value in environment(env).items() if name != "PULSO_SECRET" or env}
        done = subprocess.run([binary(), "http", *map(str, flags)], capture_output=True, env=clean, check=False, **({"text": True, "timeout": 60} | options))
        assert not SANITIZER.search(str(done.stderr)), done.stderr
        return done

    return run


def printed(done):
    assert done.returncode == 0, done.stderr
    return done.stdout


def objects(done):
    return [json.loads(line) for line in printed(done).splitlines()]


def test_once_in_json_is_one_object_with_the_totals(http, tmp_path):
    path = p.savefile(tmp_path / "a.pcap", requests(25))
    (found,) = objects(http("-r", path, "--once", "--format", "json"))
    assert (found["requests"], found["responses"]) == (25, 0)
    assert found["at"] == "2023-11-14T22:13:44.000Z"
    assert found["losses"]["unanswered"] == 25
    assert found["sections"][0]["name"] == "/fish"


@pytest.mark.parametrize("format_", ["text", "json", "csv"])
def test_a_savefile_says_the_same_every_time(http, tmp_path, format_):
    path = p.savefile(tmp_path / "a.pcap", requests(100))
    flags = ["-r", path, "--format", format_, "--interval", "3s", "--alert", "requests >= 1/s over 10s"]
    first = printed(http(*flags, text=False))
    assert first == printed(http(*flags, text=False)) != b""


def test_several_savefiles_and_standard_input_are_one(http, tmp_path):
    frames = requests(10)
    one, two = p.savefile(tmp_path / "1.pcap", frames[:4]), p.savefile(tmp_path / "2.pcap", frames[4:])
    (found,) = objects(http("-r", one, "-r", two, "--format", "json"))
    with open(two, "rb") as stdin:
        (by_input,) = objects(http("-r", one, "-r", "-", "--format", "json", stdin=stdin))
    assert found == by_input and found["requests"] == 10
    with open(one, "rb") as stdin:
        assert "HTTP on any port in standard input" in printed(http("-r", "-", stdin=stdin))


def test_csv_has_a_line_for_each_interval(http, tmp_path):
    path = p.savefile(tmp_path / "a.pcap", requests(10))
    rows = list(csv.DictReader(io.StringIO(printed(http("-r", path, "--format", "csv", "--interval", "2s")))))
    assert [int(row["requests"]) for row in rows] == [2, 4, 6, 8, 10]
    assert {row["watch"] for row in rows} == {"http"}
    assert (rows[-1]["unanswered"], rows[-1]["tls_connections"], rows[-1]["rate_min"]) == ("10", "0", "1")


def test_windows_and_rows_are_as_asked_for(http, tmp_path):
    frames = [(1_700_000_000 + at, request(1, f"/section{at % 7}/x", 1000 + at)[0]) for at in range(70)]
    path = p.savefile(tmp_path / "a.pcap", frames)
    (found,) = objects(http("-r", path, "--format", "json", "--window", "7s,21s", "--top", "3"))
    assert (found["window"], found["in_window"]["requests"], found["requests"]) == (21, 22, 70)
    assert len(found["sections"]) == 3
    text = printed(http("-r", path, "--window", "7s,21s"))
    assert "MOST POPULAR SECTIONS, 7s" in text and "MOST POPULAR SECTIONS, 21s" in text


def test_alerts_stand_among_the_lines_and_may_clear_elsewhere(http, tmp_path):
    frames = requests(30) + [(1_700_000_100, request(1, port=41000)[0])]
    path = p.savefile(tmp_path / "a.pcap", frames)
    text = printed(http("-r", path, "--alert", "requests >= 1/s over 10s"))
    lines = [line for line in text.splitlines() if line.startswith("High")]
    assert lines == ["High traffic generated an alert - hits = 10 triggered at 14 Nov 22:13:30", "High traffic alert recovered at 14 Nov 22:13:51"]
    rule = "requests >= 1/s over 10s clear requests < 0.5/s min_raised 40s min_clear 1m"
    (found,) = objects(http("-r", path, "--format", "json", "--alert", rule, "--alert", "errors > 5%"))
    first, second = found["alerts"]
    assert [change["at"][11:19] for change in first["history"]] == ["22:13:30", "22:14:10"]
    assert (second["name"], second["over"], second["history"]) == ("alert-2", 120, [])


def test_clients_are_shown_under_pseudonyms(http, tmp_path):
    path = p.savefile(tmp_path / "a.pcap", [(0, request(1, source="127.0.0.1")[0])])
    for format_ in ("text", "json"):
        assert "127.0.0.1" in printed(http("-r", path, "--format", format_))
        hidden = printed(http("-r", path, "--format", format_, "--privacy", "hash", env=SECRET))
        assert "2da25a664b49c9b5" in hidden and "127.0.0.1" not in hidden


def test_a_signal_ends_a_savefile_that_does_not(tmp_path):
    whole = p.savefile(tmp_path / "whole.pcap", requests(10)).read_bytes()
    for number in (signal.SIGINT, signal.SIGTERM):
        with subprocess.Popen(
            [binary(), "http", "-r", "-", "--format", "json"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment()
        ) as process:
            process.stdin.write(whole)
            process.stdin.flush()
            wait_until(lambda process=process: has_read_all(process), "the end of what there is to read")
            process.send_signal(number)
            assert json.loads(process.stdout.read())["requests"] == 10
            process.stdin.close()
            assert process.wait(30) == 0, process.stderr.read()


def test_it_ends_where_nobody_reads(tmp_path):
    path = p.savefile(tmp_path / "a.pcap", requests(3000))
    with subprocess.Popen(
        [binary(), "http", "-r", path, "--interval", "1s"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment(), text=True
    ) as process:
        process.stdout.readline()
        process.stdout.close()
        assert process.wait(60) == 1
        assert process.stderr.read() == "tidegate: http: print the figures: Broken pipe\n"


@pytest.mark.parametrize(
    ("flags", "complaint"),
    [
        (["-i", "lo", "-r", "FILE"], "give either an interface (--interface) or savefiles (--read)"),
        (["--filter", "tcp"], "--filter is for savefiles (--read)"),
        (["-r", "FILE", "--format", "xml"], '--format: "xml" is not known (allowed: text, json or csv)'),
        (["-r", "FILE", "-p", "0"], '"0" is not a port'),
        (["-r", "FILE", "-p", "80,http"], '"http" is not a port (1 to 65535)'),
        (["-r", "FILE", "-a", "shop"], '"shop"'),
        (["-r", "FILE", "--window", "soon"], '"soon" is not a duration'),
        (["-r", "FILE", "--window", "2h"], "2h"),
        (["-r", "FILE", "--interval", "1ms"], "at least 100ms"),
        (["-r", "FILE", "--top", "0"], '"0" is not a number from 1 to 10000'),
        (["-r", "FILE", "--alert", "noise >= 20"], '"noise" is nothing an alert looks at'),
        (["-r", "FILE", "--alert", "requests >= 20/s over over"], "over is said twice"),
        (["-r", "FILE", "--alert", "requests >= 20/s over"], "is not a duration"),
        (["-r", "FILE", "--alert", "requests >= 0/s"], '"requests >= 0/s" always holds'),
        (["-r", "FILE", "--alert", "errors > 100%"], '"errors > 100%" never holds (at most >= 100%)'),
        (["-r", "FILE", "--alert", "requests >= 20/s clear errors < 5%"], "looks at something else than when"),
        (["-r", "FILE", "--privacy", "rot13"], '"rot13" is not known'),
        (["-r", "FILE", "--privacy", "hash"], "PULSO_SECRET"),
        (["-r", "FILE", "--alert", "errors > 5%", "--command", "true"], "not in savefiles"),
        (["--command", "true"], "--command and --webhook are for alerts (--alert)"),
        (["--alert", "errors > 5%", "--webhook", "ftp://x"], "--webhook: "),
        (["-i", "an-interface-with-a-long-name"], "an-interface-with-a-long-name"),
        (["--nonsense"], "--nonsense"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_wrong_arguments_are_refused_with_status_2(http, tmp_path, flags, complaint):
    path = p.savefile(tmp_path / "some.pcap", requests(1))
    done = http(*[path if flag == "FILE" else flag for flag in flags])
    assert (done.returncode, done.stdout) == (2, ""), done
    assert complaint in done.stderr


@pytest.mark.parametrize(
    ("flags", "complaint"),
    [
        (["-r", "/nonexistent.pcap"], "/nonexistent.pcap: No such file or directory"),
        (["-r", "/etc/passwd"], "/etc/passwd"),
        (["-r", "FILE", "--filter", "portly 1"], 'filter "portly 1"'),
        (["-i", "nonesuch0"], "capture on nonesuch0: "),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_cannot_be_read_fails_with_status_1(http, tmp_path, flags, complaint):
    path = p.savefile(tmp_path / "some.pcap", requests(1))
    done = http(*[path if flag == "FILE" else flag for flag in flags])
    assert (done.returncode, done.stdout) == (1, ""), done
    assert done.stderr.splitlines()[-1].startswith("tidegate: http: ") and complaint in done.stderr


# --- live


@pytest.fixture
def serve(tidegate):
    server = tidegate.start(tidegate.binary, "demo", "serve", "--listen", f"*:{PORT}")
    server.wait_for_output(r"^serves http://")
    return server


@pytest.fixture
def watching(tidegate):
    """`tidegate http` with these flags on the server, listening."""

    def start(*flags, env=None):
        process = tidegate.start(tidegate.binary, "http", *flags, env=env)
        process.wait_for_log("watching HTTP, ")
        return process

    return start


def load(host, *flags, target=f"{SERVER}:{PORT}"):
    """Real requests; how many were answered, which is all of them."""
    done = host.run(binary(), "demo", "load", "--format", "json", "--target", target, *flags, env=environment())
    report = json.loads(done.stdout)
    assert (done.returncode, report["sent"], report["failed"]) == (0, report["answered"], 0), done
    return report["answered"]


def last_object(process, number=signal.SIGINT):
    status, _ = process.end(number)
    assert status == 0, process.log()
    return json.loads(process.output().splitlines()[-1])


@pytest.mark.parametrize(("interface", "number"), [("eth1", signal.SIGINT), ("any", signal.SIGTERM)])
def test_every_request_and_response_is_counted(lab, watching, serve, interface, number):  # pylint: disable=unused-argument
    process = watching("-i", interface, "-p", PORT, "--format", "json")
    answered = load(lab.client1, "--profile", "1000/s:1s", "--connections", 20)
    found = last_object(process, number)
    assert (found["requests"], found["responses"]) == (answered, answered)
    assert set(found["losses"].values()) == {0}
    assert [client["name"] for client in found["clients"]] == [CLIENT]
    assert {section["name"] for section in found["sections"]} == {f"/{name}" for name in ("foo", "bar", "baz", "spiffy", "zoom")}
    assert sum(section["count"] for section in found["sections"]) == answered
    assert [(status["name"], status["count"]) for status in found["statuses"]] == [("200", answered)]
    assert found["times"]["known"] == answered and found["times"]["p50"] > 0


def test_a_server_by_its_address_on_loopback(lab, watching, serve):  # pylint: disable=unused-argument
    process = watching("-i", "lo", "-p", PORT, "-a", "127.0.0.2", "--format", "json")
    load(lab.server, "--profile", "100/s:200ms", target=f"127.0.0.1:{PORT}")
    answered = load(lab.server, "--profile", "100/s:300ms", target=f"127.0.0.2:{PORT}")
    assert last_object(process)["responses"] == answered == 30


def test_any_port_finds_http_and_says_what_is_none(lab, watching, serve):  # pylint: disable=unused-argument
    process = watching("-i", "eth1", "--format", "json")
    answered = load(lab.client1, "--profile", "100/s:200ms")
    for opening in (b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x03", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"):
        with lab.client1.socket() as client:
            client.connect((SERVER, PORT))
            client.sendall(opening)
            while client.recv(4096):
                pass
    found = last_object(process)
    assert found["requests"] == answered
    assert (found["losses"]["tls_connections"], found["losses"]["http2_connections"]) == (1, 1)


def test_lines_come_at_each_interval_and_at_the_end(lab, watching, serve):  # pylint: disable=unused-argument
    process = watching("-i", "eth1", "-p", PORT, "--interval", "200ms")
    answered = load(lab.client1, "--profile", "100/s:500ms")
    title = f"HTTP on port {PORT} on eth1"
    wait_until(lambda: process.output().count(title) >= 3, "three prints")
    before = process.output().count(title)
    status, _ = process.end(signal.SIGINT)
    assert status == 0
    text = process.output()
    assert text.count(title) > before
    assert re.search(rf"  requests {answered}  responses {answered}\b", text.split(title)[-1])
    assert "\x1b" not in text


def test_once_prints_once_after_an_interval_and_ends(watching, serve):  # pylint: disable=unused-argument
    process = watching("-i", "eth1", "-p", PORT, "--once", "--interval", "300ms", "--format", "json")
    assert process.wait() == 0
    assert json.loads(process.output())["requests"] == 0
    process = watching("-i", "eth1", "-p", PORT, "--once", "--interval", "1h", "--format", "json")
    assert last_object(process)["requests"] == 0


def test_an_alert_is_raised_and_recovers_once_each_and_does_what_it_is_to_do(lab, watching, serve, diary):  # pylint: disable=unused-argument
    hooks = Web(lab.server, HOOKS, "127.0.0.1")
    command = diary.note("$TIDEGATE_WATCH $TIDEGATE_ALERT $TIDEGATE_STATE $TIDEGATE_WHEN")
    process = watching(
        "-i", "eth1", "-p", PORT, "--interval", "1h", "--alert", "requests >= 5 in total over 3s",
        "--command", command, "--webhook", f"http://127.0.0.1:{HOOKS}/secret",
    )  # fmt: skip
    load(lab.client1, "--profile", "100/s:300ms")
    process.wait_for_output(r"^High traffic generated an alert - hits = \d+ triggered at \d+ \w+ [\d:]{8}$")
    process.wait_for_output(r"^High traffic alert recovered at \d+ \w+ [\d:]{8}$")
    posts = hooks.wait_for_posts(2)
    assert [(post["watch"], post["state"]) for post in posts] == [("http", "raised"), ("http", "recovered")]
    for state in ("raised", "recovered"):
        diary.wait_for(f"http alert-1 {state} requests >= 5 in total")
    status, _ = process.end(signal.SIGINT)
    hooks.close()
    assert status == 0
    assert len(diary.lines()) == 2
    assert process.output().count("alert") == 2, "the alert is said once when it is raised and once when it recovers"


def test_what_an_alert_cannot_do_is_said_without_secrets(lab, watching, serve):  # pylint: disable=unused-argument
    hooks = Web(lab.server, HOOKS, "127.0.0.1")
    hooks.statuses = [400]
    process = watching(
        "-i", "eth1", "-p", PORT, "--format", "json", "--alert", "requests >= 5 in total over 1m",
        "--command", "exit 3", "--webhook", f"http://127.0.0.1:{HOOKS}/secret",
    )  # fmt: skip
    load(lab.client1, "--profile", "100/s:300ms")
    process.wait_for_log(r"High traffic generated an alert - hits = ")
    process.wait_for_log(r"alert alert-1: its command exited 3$")
    process.wait_for_log(rf"post http://127\.0\.0\.1:{HOOKS}: status 400$")
    found = last_object(process)
    hooks.close()
    assert found["alerts"][0]["state"] == "raised"
    assert "secret" not in process.log()


def test_an_interface_that_goes_away_is_said_beside_the_figures(lab, watching):
    process = watching("-i", "eth1", "-p", PORT, "--interval", "200ms")
    lab.server.ip("link set eth1 down")
    process.wait_for_output(r"^the interface is down$")
    lab.server.ip("link set eth1 up")
    told = len(process.output())
    wait_until(lambda: is_well(process.output()[told:]), lambda: f"figures without trouble: {process.output()[-500:]}")


def is_well(text):
    """Some figures, and nothing wrong with the last of them."""
    figures = text.split("HTTP on")
    return len(figures) > 3 and "down" not in figures[-2]


# --- the screen


@pytest.fixture
def shown(lab, screen, tidegate):
    """Starts it on the screen, on the server, and waits until it is there."""

    def start(*flags, env=None):
        run = screen.run(*lab.server.command(tidegate.binary, "http", "-i", "eth1", "-p", PORT, "--interval", "100ms", *flags), env=env)
        screen.wait_for_text(f"HTTP on port {PORT} on eth1", "requests in the last second", "q quit")
        return run

    return start


def test_the_screen_begins_with_that_of_traffic_watch(lab, screen, shown, serve):  # pylint: disable=unused-argument
    run = shown("--alert", "requests >= 5 in total over 3s")
    screen.wait_for_text("MOST POPULAR SECTIONS, 10s", "MOST POPULAR SECTIONS, 10m", "ALERTS", "no alert so far")
    answered = load(lab.client1, "--profile", "100/s:500ms")
    screen.wait_for(lambda text: f"requests {answered}" in text and "/foo" in text and "/zoom" in text, "what was asked for")
    screen.wait_for_text("High traffic generated an alert - hits = ", "High traffic alert recovered at ")
    lines = screen.lines()
    alerts = [line for line in lines if "High traffic" in line]
    assert "recovered" in alerts[0] and "generated" in alerts[1], "the newest first"
    screen.press("q")
    assert run.status() == 0
    run.check_terminal_is_back()
    assert run.log() == ""


def test_keys_switch_windows_and_count_from_zero(lab, screen, shown, serve):  # pylint: disable=unused-argument
    run = shown()
    screen.resize(120, 40)
    load(lab.client1, "--profile", "100/s:200ms")
    screen.wait_for_text("requests 20", "figures of 10s")
    screen.press("w")
    screen.wait_for_text("figures of 10m", CLIENT)
    screen.press("z")
    screen.wait_for(lambda text: re.search(r"requests 0\b", text) and CLIENT not in text, "nothing")
    assert get(lab.client1, "/fish/cod", address=SERVER, port=PORT) == [200]
    screen.wait_for_text("requests 1", "/fish")
    screen.press("C-c")
    assert run.status() == 0
    run.check_terminal_is_back()


def test_it_works_from_80_by_10_and_without_colours(lab, screen, shown, serve):  # pylint: disable=unused-argument
    screen.resize(80, 10)
    run = shown("--alert", "requests >= 5 in total", env={"NO_COLOR": "1", "LC_ALL": "C"})
    load(lab.client1, "--profile", "100/s:200ms")
    text = screen.wait_for_text("/foo", "ALERTS", "High traffic generated")
    assert text.isascii() and len(text.split("\n")) == 10
    run.kill(signal.SIGTERM)
    assert run.status() == 0
    run.check_terminal_is_back()


@pytest.mark.parametrize("name", ["HUP", "SEGV", "ABRT"])
def test_the_terminal_is_left_as_it_was_whatever_ends_it(screen, shown, name):
    run = shown()
    run.kill(getattr(signal, f"SIG{name}"))
    assert (run.status() == 0) == (name == "HUP")
    run.check_terminal_is_back()


def test_the_screen_says_what_is_wrong_and_no_line_of_the_log_stands_in_it(lab, screen, tidegate):
    words = lab.server.command(tidegate.binary, "http", "-i", "eth1", "-p", PORT, "--interval", "100ms")
    screen.press(f"{' '.join(map(str, words))}", "Enter")  # with its standard error on the terminal
    screen.wait_for_text("HTTP on port", "q quit")
    lab.server.ip("link set eth1 down")
    screen.wait_for(lambda text: "down" in text and "warn" not in text.lower(), "that it is down")
    lab.server.ip("link set eth1 up")
    screen.wait_for(lambda text: "down" not in text, "that it is up")
    screen.press("q")
    again_until(lambda: None, lambda: screen.flag("alternate_on") == "0", "the shell's screen")


def test_a_terminal_that_cannot_be_used_gets_lines(screen, lab, tidegate):
    run = screen.run(*lab.server.command(tidegate.binary, "http", "-i", "eth1", "-p", PORT, "--interval", "100ms"), env={"TERM": "dumb"})
    screen.wait_for_text(f"HTTP on port {PORT} on eth1")
    assert "plain lines follow" in run.log()
    run.kill(signal.SIGTERM)
    assert run.status() == 0
    run.check_terminal_is_back()
