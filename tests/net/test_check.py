"""`tidegate check`: all errors at once, each with file, line, column, what is wrong and what is allowed."""

import re

from support.tidegate import ROOT

MANY = """\
log: {level: loud}
servces: []
services:
  - name: palworld
    ports: [udp/8211, tcp/99999]
    start: systemctl start palworld
    stop: systemctl stop palworld
    idle: 15 mins
  - name: wiki
    prots: [tcp/80]
    script: /etc/toggle.sh
    process: [/usr/bin/wiki]
    wake: {not_from: [192.0.2.300], packets: three}
    on_exit: explode
    idle: 1m
    idle: 2m
  - name: palworld
    ports: udp/8000-9000
    start: "true"
"""


def place_of(text, fragment, occurrence=1):
    """Line and column where the fragment stands."""
    at = -1
    for _ in range(occurrence):
        at = text.index(fragment, at + 1)
    return text.count("\n", 0, at) + 1, at - text.rfind("\n", 0, at)


def test_every_error_is_told_at_once_with_its_place(tidegate):
    tidegate.configure(MANY)
    done = tidegate.command("check", "-c", "tidegate.yaml")
    assert done.returncode == 2 and done.stdout == ""
    expected = {
        "loud": '"loud" is not a log level (allowed: debug, info, warn or error)',
        "servces": 'unknown key "servces" (did you mean "services"?)',
        "tcp/99999": "services[0].ports",
        "15 mins": 'services[0].idle: "15 mins" is not a duration (try 15m, 90s, 1h30m)',
        "prots": 'services[1]: unknown key "prots" (did you mean "ports"?)',
        "192.0.2.300": "services[1].wake.not_from",
        "three": "services[1].wake.packets",
        "explode": "services[1].on_exit",
    }
    for fragment, words in expected.items():
        line, column = place_of(MANY, fragment)
        told = [error for error in done.stderr.splitlines() if error.startswith(f"tidegate.yaml:{line}:{column}: ")]
        assert any(words in error for error in told), (fragment, line, column, done.stderr)
    errors = done.stderr.splitlines()
    assert any("process" in error and "script" in error for error in errors), "two ways to start"
    assert any("idle" in error and "16:" in error for error in errors), "a key given twice"
    assert any("palworld" in error and "name" in error for error in errors), "a name given twice"
    places = [tuple(map(int, re.match(r"tidegate\.yaml:(\d+):(\d+): ", error).groups())) for error in errors]
    assert places == sorted(places), "in the order of the file"


def test_nothing_starts_when_anything_is_wrong(tidegate, diary):
    good = f"services:\n  - {{name: good, ports: udp/1, start: '{diary.note('started')}', schedule: {{awake: [daily 00:00-24:00]}}}}\n"
    tidegate.configure(good + "  - {name: bad}\n")
    done = tidegate.command("run", "-c", "tidegate.yaml", "--control", tidegate.control)
    assert done.returncode == 2
    assert "tidegate.yaml:3:5: services[1]" in done.stderr
    assert diary.lines() == [] and not tidegate.control.exists()


def test_a_right_configuration_is_said_to_be_right(tidegate, diary):
    tidegate.configure([diary.service("a"), diary.service("b", ["udp/9001"])])
    done = tidegate.command("check")
    assert (done.returncode, done.stdout, done.stderr) == (0, "tidegate.yaml: right, 2 services\n", "")


def test_all_parts_of_a_right_configuration_are_counted(tidegate):
    tidegate.configure(
        "forwards: [{name: f, listen: 127.0.0.1:10001, targets: ['127.0.0.1:10000']}]\n"
        "watches: [{name: web, interface: lo, port: 80}, {name: other, interface: lo, port: 81}]\n"
        "tallies: [{name: knocks, interface: lo}]\n"
    )
    done = tidegate.command("check")
    assert (done.stdout, done.stderr) == ("tidegate.yaml: right, 1 forward, 2 watches and 1 tally\n", "")


def test_a_filter_is_checked_with_libpcaps_own_words_and_its_place(tidegate):
    text = "services:\n  - name: x\n    start: 'true'\n    sensors:\n      - pcap: {interface: eth0, filter: tcp prot 80}\n"
    tidegate.configure(text)
    done = tidegate.command("check")
    assert done.returncode == 2
    line, column = place_of(text, "tcp prot 80")
    assert f"tidegate.yaml:{line}:{column}: services[0].sensors[0].pcap.filter" in done.stderr
    assert "syntax error" in done.stderr


def test_keys_of_parts_that_are_not_built_yet_are_unknown_and_said_to_be(tidegate):
    tidegate.configure("services:\n  - {name: x, ports: udp/1, start: 'true', systemd: y.service, depends: [y]}\n")
    done = tidegate.command("check")
    assert done.returncode == 2
    assert 'unknown key "depends"' in done.stderr
    assert 'unknown key "systemd"' in done.stderr


def test_two_services_may_not_share_a_port(tidegate):
    tidegate.configure("services:\n  - {name: a, ports: tcp/80, start: 'true'}\n  - {name: b, ports: tcp/1-100, start: 'true'}\n")
    done = tidegate.command("check")
    assert done.returncode == 2 and 'services "a" and "b" share tcp/1-100' in done.stderr
    assert done.stderr.startswith("tidegate.yaml:3:")


def test_what_is_no_yaml_is_an_error_with_its_place(tidegate):
    tidegate.configure("services:\n  - name: [unclosed\n")
    done = tidegate.command("check")
    assert done.returncode == 2 and re.match(r"tidegate\.yaml:\d+:\d+: ", done.stderr), done.stderr


def test_an_empty_file_and_a_missing_one_are_errors(tidegate, tmp_path):
    tidegate.configure("")
    done = tidegate.command("check")
    assert done.returncode == 2 and "tidegate.yaml: is empty" in done.stderr
    tidegate.config.unlink()
    done = tidegate.command("check")
    assert done.returncode == 2 and "./tidegate.yaml" in done.stderr and "/etc/tidegate/tidegate.yaml" in done.stderr
    done = tidegate.command("check", "-c", tmp_path)
    assert done.returncode == 2 and str(tmp_path) in done.stderr


def test_the_examples_are_right(tidegate):
    examples = sorted((ROOT / "examples").glob("*.yaml"))
    assert examples, "there is one at least"
    for example in examples:
        done = tidegate.command("check", "-c", example)
        assert done.returncode == 0, done.stderr
