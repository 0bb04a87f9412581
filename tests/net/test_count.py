"""tidegate count: digests of savefiles without root, and of real traffic on interfaces."""

import collections
import json
import os
import signal
import socket
import struct
import subprocess

import pytest

from support import packets as p
from support.netns import client_address, server_address
from support.proc import has_read_all
from support.tidegate import SANITIZER, binary, environment
from support.tun import Tun
from support.waiting import again_until, wait_until

SECRET = {"PULSO_SECRET": "foo"}
CLIENT, SERVER = client_address(), server_address()


def syn(port, to=80, source=CLIENT):
    return p.ethernet(p.ipv4(p.tcp(port, to), source=source))


def reply(port, flags, to=80, client=CLIENT):
    return p.ethernet(p.ipv4(p.tcp(to, port, flags), source=SERVER, destination=client))


def more(port, flags=p.ACK, to=80, source=CLIENT):
    return p.ethernet(p.ipv4(p.tcp(port, to, flags), source=source))


@pytest.fixture
def count(tmp_path):
    """Runs `tidegate count` on frames, given as (seconds, frame) or one a second, as whoever runs the tests."""
    if not binary().exists():
        pytest.fail(f"{binary()} is not built (or name another one in TIDEGATE_BINARY)")

    def run(frames, *flags, env=None, **options):
        timed = [frame if isinstance(frame, tuple) else (at, frame) for at, frame in enumerate(frames)]
        path = p.savefile(tmp_path / "traffic.pcap", timed)
        return run.words("-r", path, *flags, env=env, **options)

    def words(*flags, env=None, **options):
        options = {"text": True, "timeout": 60} | options
        clean = {name: value for name, value in environment(env).items() if name != "PULSO_SECRET" or env}
        done = subprocess.run([binary(), "count", *map(str, flags)], capture_output=True, env=clean, check=False, **options)
        assert not SANITIZER.search(str(done.stderr)), done.stderr
        return done

    run.words = words
    return run


def digest(done):
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def objects(done):
    return [json.loads(line) for line in digest(done)]


# --- savefiles


def test_a_digest_has_a_line_for_each_source_in_pulsos_format(count):
    frames = [syn(1, 22), syn(2, 443), syn(3, 443), syn(4, 80), syn(1, 80, source="10.0.0.1")]
    assert digest(count(frames, env=SECRET)) == [
        f"{digest(count([syn(1)], env=SECRET))[0].partition(':')[0]}:4 443:2 22:1 80:1",
        "e506c8d69687f534:1 80:1",
    ]
    assert digest(count(frames, "--no-privacy")) == [f"{CLIENT}:4 443:2 22:1 80:1", "10.0.0.1:1 80:1"]


def test_sources_of_equal_sum_are_in_the_order_of_their_hashes(count):
    frames = [syn(port, source=f"10.0.0.{port}") for port in range(1, 20)]
    names = [line.partition(":")[0] for line in digest(count(frames, env=SECRET))]
    assert len(set(names)) == 19
    assert names == sorted(names)


def test_a_syn_sent_again_is_no_connection_unless_packets_are_counted(count):
    frames = [syn(1), syn(1), reply(1, p.SYN | p.ACK), syn(1), more(1), syn(1)]
    assert digest(count(frames, "--no-privacy")) == [f"{CLIENT}:2 80:2"]
    assert digest(count(frames, "--no-privacy", "--syn-packets")) == [f"{CLIENT}:4 80:4"]


def test_outcomes_say_what_became_of_the_connections(count):
    established = [syn(1), reply(1, p.SYN | p.ACK), more(1)]
    refused = [syn(2), reply(2, p.RST | p.ACK)]
    unanswered = [(100, syn(3)), (101, syn(3)), (200, more(9))]
    frames = [*enumerate(established), *enumerate(refused, 10), *unanswered, (201, syn(4))]
    done = count(frames, "--no-privacy", "--outcomes")
    assert digest(done) == [f"{CLIENT}:4 80:4 attempted:4 established:1 refused:1 unanswered:2 retransmitted:1"]
    (found,) = objects(count(frames, "--no-privacy", "--outcomes", "--format", "json"))
    names = ("attempted", "established", "refused", "unanswered", "retransmitted")
    assert [found[name] for name in names] == [4, 1, 1, 2, 1]


def test_connections_are_seen_behind_vlan_tags_and_ipv6_extension_headers(count):
    inner = p.ipv4(p.tcp(1, 80))
    frames = [
        p.ethernet(p.vlan(5, inner)),
        p.ethernet(p.vlan(5, p.vlan(6, p.ipv4(p.tcp(2, 80))), 0x88A8)),
        p.ethernet(p.ipv6(p.tcp(3, 443), source="2001:db8::1", hop_by_hop=True)),
        p.ethernet(p.vlan(5, p.ipv6(p.tcp(4, 443), source="2001:db8::1", hop_by_hop=True))),
    ]
    assert digest(count(frames, "--no-privacy")) == ["10.77.1.2:2 80:2", "2001:db8::1:2 443:2"]
    assert digest(count(frames, env=SECRET))[1] == "98f50e20c68ce0c7:2 443:2"


@pytest.mark.parametrize(
    ("flags", "ports"),
    [
        (["--ports", "22"], {22}),
        (["--ports", "22,tcp/1000-2000"], {22, 1500}),
        (["--ports", "22", "--ports", "443"], {22, 443}),
        (["--filter", "dst port 443"], {443}),
        (["--filter", "dst port 443 or dst port 22", "--ports", "22-100"], {22}),
    ],
)
def test_only_the_ports_and_packets_asked_for_count(count, flags, ports):
    frames = [syn(number, port) for number, port in enumerate((22, 443, 1500, 2001), 1)]
    (found,) = objects(count(frames, "--no-privacy", "--format", "json", *flags))
    assert {port["port"] for port in found["ports"]} == ports


def test_json_is_an_object_on_a_line_for_each_source(count):
    found = objects(count([(5.25, syn(1, 22)), (6.5, syn(2, 22)), (7, syn(3, 80, "10.0.0.1"))], "--no-privacy", "--format", "json"))
    assert found == [
        {"at": "1970-01-01T00:00:07.000Z", "source": CLIENT, "connections": 2, "error": 0, "ports": [{"port": 22, "connections": 2, "error": 0}]},
        {"at": "1970-01-01T00:00:07.000Z", "source": "10.0.0.1", "connections": 1, "error": 0, "ports": [{"port": 80, "connections": 1, "error": 0}]},
    ]


def test_prometheus_text_has_a_sample_for_each_source_port_and_outcome(count):
    lines = digest(count([syn(1), more(1)], "--no-privacy", "--outcomes", "--format", "prometheus"))
    assert 'tidegate_tally_connections_total{tally="count"} 1' in lines
    assert f'tidegate_tally_source_connections{{tally="count",source="{CLIENT}"}} 1' in lines
    assert f'tidegate_tally_port_connections{{tally="count",source="{CLIENT}",port="80"}} 1' in lines
    assert 'tidegate_tally_outcomes_total{tally="count",outcome="established"} 1' in lines
    assert "# TYPE tidegate_tally_connections_total counter" in lines


def test_a_connection_limit_ends_it_exactly_there(count):
    frames = [syn(1), syn(1), syn(2), syn(3), syn(4)]
    assert digest(count(frames, "--no-privacy", "-c", 3)) == [f"{CLIENT}:3 80:3"]
    assert digest(count(frames, "--no-privacy", "--connection-limit", 3, "--syn-packets")) == [f"{CLIENT}:3 80:3"]
    assert digest(count(frames, "--no-privacy", "-c", 30)) == [f"{CLIENT}:4 80:4"]


def test_time_limit_and_interval_are_those_of_the_packets(count):
    frames = [(100, syn(1)), (101.5, syn(2)), (103.9, syn(3)), (104, syn(4)), (110, syn(5))]
    assert digest(count(frames, "--no-privacy", "-t", 4)) == [f"{CLIENT}:3 80:3"]
    assert digest(count(frames, "--no-privacy", "--interval", "2s")) == [
        f"{CLIENT}:2 80:2", "", f"{CLIENT}:3 80:3", "", f"{CLIENT}:4 80:4", "", f"{CLIENT}:5 80:5"
    ]  # fmt: skip
    times = [found["at"][17:19] for found in objects(count(frames, "--no-privacy", "--interval", 2, "--format", "json"))]
    assert times == ["42", "44", "50", "50"]


def test_several_savefiles_are_one_count(count, tmp_path):
    one = p.savefile(tmp_path / "one.pcap", [(0, syn(1)), (1, syn(2))])
    two = p.savefile(tmp_path / "two.pcap", [(2, syn(2)), (3, syn(3))])
    assert digest(count.words("-r", one, "-r", two, "--no-privacy")) == [f"{CLIENT}:3 80:3"]
    with open(two, "rb") as stdin:
        assert digest(count.words("-r", one, "-r", "-", "--no-privacy", stdin=stdin)) == [f"{CLIENT}:3 80:3"]


def test_a_limit_and_a_signal_end_a_savefile_that_does_not(count, tmp_path):
    whole = p.savefile(tmp_path / "whole.pcap", [(at, syn(at)) for at in range(1, 11)]).read_bytes()
    for end in (["-c", "10"], signal.SIGINT, signal.SIGTERM):
        flags = end if isinstance(end, list) else []
        with subprocess.Popen(
            [binary(), "count", "-r", "-", "--no-privacy", *flags],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment(), text=False,
        ) as process:  # fmt: skip
            process.stdin.write(whole)
            process.stdin.flush()
            if not flags:
                wait_until(lambda: has_read_all(process), "the end of what there is to read")
                process.send_signal(end)
            assert process.stdout.read().decode() == f"{CLIENT}:10 80:10\n"
            process.stdin.close()
            assert process.wait(30) == 0, process.stderr.read()


def test_bounded_sources_keep_the_biggest_and_show_the_error(count):
    big = [syn(port, source="10.9.9.9") for port in range(1, 101)]
    small = [syn(1, source=f"10.0.{number // 250}.{number % 250 + 1}") for number in range(400)]
    frames = [frame for pair in zip(small, big * 4) for frame in pair]
    done = count([(0, frame) for frame in frames], "--no-privacy", "--syn-packets", "--sources", 20)
    lines = digest(done)
    assert len(lines) == 20
    assert lines[0].startswith("10.9.9.9:400 80:400")
    assert "(-" in lines[1]
    assert "one that is not shown has" in done.stderr


def test_a_savefile_that_is_cut_short_gives_what_it_has_and_says_so(count, tmp_path):
    path = p.savefile(tmp_path / "cut.pcap", [(0, syn(1)), (1, syn(2)), (2, syn(3))])
    path.write_bytes(path.read_bytes()[:-10])
    done = count.words("-r", path, "--no-privacy")
    assert digest(done) == [f"{CLIENT}:2 80:2"]
    assert "cut.pcap" in done.stderr


def test_what_is_not_understood_is_told_on_standard_error(count):
    broken = p.ethernet((0x0800, b"\x45" + b"\0" * 3))
    done = count([syn(1), broken[:20], broken[:20]], "--no-privacy")
    assert digest(done) == [f"{CLIENT}:1 80:1"]
    assert "2 packets not understood" in done.stderr


@pytest.mark.parametrize(
    "flags",
    [
        [],
        ["-d", "lo", "-r", "FILE"],
        ["-r", "FILE", "-c", "0"],
        ["-r", "FILE", "-c", "many"],
        ["-r", "FILE", "-t", "0"],
        ["-r", "FILE", "--interval", "1ms"],
        ["-r", "FILE", "--ports", "udp/53"],
        ["-r", "FILE", "--ports", ""],
        ["-r", "FILE", "--ports", "22,"],
        ["-r", "FILE", "--ports", "70000"],
        ["-r", "FILE", "--sources", "0"],
        ["-r", "FILE", "--format", "xml"],
        ["-r", "FILE", "--privacy", "rot13"],
        ["-r", "FILE", "--privacy", "hash", "--no-privacy"],
        ["-r", "FILE", "--outcomes", "--syn-packets"],
        ["-r", "FILE", "--nonsense"],
    ],
    ids=" ".join,
)
def test_wrong_arguments_are_refused_with_status_2_and_nothing_on_standard_output(count, tmp_path, flags):
    path = p.savefile(tmp_path / "some.pcap", [(0, syn(1))])
    done = count.words(*[path if flag == "FILE" else flag for flag in flags], env=SECRET)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr


@pytest.mark.parametrize("flags", [["-r", "/nonexistent.pcap"], ["-r", "FILE", "--filter", "portly 1"]], ids=" ".join)
def test_what_cannot_be_read_fails_with_status_1_and_nothing_on_standard_output(count, tmp_path, flags):
    path = p.savefile(tmp_path / "some.pcap", [(0, syn(1))])
    done = count.words(*[path if flag == "FILE" else flag for flag in flags], env=SECRET)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("tidegate: count: ")


def test_what_can_be_read_of_several_is_counted_and_what_cannot_is_status_1(count, tmp_path):
    path = p.savefile(tmp_path / "some.pcap", [(0, syn(1))])
    (tmp_path / "empty.pcap").touch()
    done = count.words("-r", path, "-r", tmp_path / "empty.pcap", "-r", path, "--no-privacy")
    assert (done.returncode, done.stdout) == (1, f"{CLIENT}:1 80:1\n")
    assert "empty.pcap" in done.stderr


def test_a_name_cannot_write_to_the_terminal_through_a_complaint(count, tmp_path):
    done = count.words("-r", tmp_path / "a\x1b[31mb", "--no-privacy")
    assert done.returncode == 1
    assert "\x1b" not in done.stderr and "\\x1b" in done.stderr


def test_a_full_disk_is_called_so(tmp_path):
    path = p.savefile(tmp_path / "some.pcap", [(0, syn(1))])
    with open("/dev/full", "w", encoding="ascii") as full:
        done = subprocess.run([binary(), "count", "-r", path, "--no-privacy"], stdout=full, stderr=subprocess.PIPE, text=True, timeout=60, env=environment(), check=False)
    assert done.returncode == 1
    assert done.stderr == "tidegate: count: print the digest: No space left on device\n"


def test_a_flood_that_is_not_answered_says_that_connections_may_count_again(count):
    frames = [syn(1 + at % 60000, source=f"10.{at >> 16}.{at >> 8 & 255}.{at & 255}") for at in range(66_000)]
    done = count([(0, frame) for frame in frames], "--no-privacy")
    assert "464 connections were forgotten before they were answered" in done.stderr


# --- privacy


@pytest.mark.parametrize("env", [None, {"PULSO_SECRET": ""}], ids=["missing", "empty"])
def test_a_hash_without_a_key_is_refused_unless_it_is_switched_off(count, env):
    done = count([syn(1)], env=env)
    assert (done.returncode, done.stdout) == (2, "")
    assert "PULSO_SECRET" in done.stderr
    for switch in (["--no-privacy"], ["--privacy", "none"]):
        assert digest(count([syn(1)], *switch, env=env)) == [f"{CLIENT}:1 80:1"]


def test_a_key_file_gives_pseudonyms_that_keep_prefixes(count, tmp_path):
    key = tmp_path / "key"
    key.write_bytes(bytes([21, 34, 23, 141, 51, 164, 207, 128, 19, 10, 91, 22, 73, 144, 125, 16]
                          + [216, 152, 143, 131, 121, 121, 101, 39, 98, 87, 76, 45, 42, 132, 34, 2]))  # fmt: skip
    key.chmod(0o600)
    frames = [syn(1, source="128.11.68.132"), p.ethernet(p.ipv6(p.tcp(1, 80), source="2001:db8::1"))]
    wanted = ["135.242.180.132:1 80:1", "4401:2bc:603f:d91d:27f:ff8e:e6f1:dc1e:1 80:1"]
    assert digest(count(frames, "--privacy", "prefix", "--key-file", key)) == wanted
    key.write_text(key.read_bytes().hex() + "\n")
    assert digest(count(frames, "--privacy", "prefix", "--key-file", key)) == wanted
    hashed = digest(count(frames, "--key-file", key))
    assert hashed != digest(count(frames, env=SECRET))


@pytest.mark.parametrize(
    ("contents", "mode", "said"),
    [(b"k" * 32, 0o604, "others may use it"), (b"k" * 31, 0o600, "31 bytes"), (b"k" * 5000, 0o600, "longer than"), (None, 0, "No such file")],
    ids=["open_to_others", "short", "long", "missing"],
)
def test_a_bad_key_file_is_refused(count, tmp_path, contents, mode, said):
    key = tmp_path / "key"
    if contents is not None:
        key.write_bytes(contents)
        key.chmod(mode)
    done = count([syn(1)], "--key-file", key)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr


def test_prefixes_want_a_key_file(count):
    assert count([syn(1)], "--privacy", "prefix", env=SECRET).returncode == 2


# --- live


def live(tidegate, *flags, env=None):
    """Counting on the server, and listening."""
    process = tidegate.start(tidegate.binary, "count", *flags, env=env)
    process.wait_for_log("counting on ")
    return process


def end(process, number=signal.SIGINT):
    status, _ = process.end(number)
    assert status == 0, process.log()
    return process.output().splitlines()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_with_the_digest_of_all_that_came(lab, tidegate, number):
    counting = live(tidegate, "-d", "eth1", "--no-privacy")
    lab.client1.send_frames("eth0", *[syn(port, 9000 + port % 2) for port in range(1, 8)])
    assert end(counting, number) == [f"{CLIENT}:7 9001:4 9000:3"]


def test_tags_and_extension_headers_are_seen_live(lab, tidegate):
    counting = live(tidegate, "-i", "eth1", "--no-privacy", "--syn-packets")
    frames = [
        p.ethernet(p.vlan(5, p.ipv4(p.tcp(1, 80)))),
        p.ethernet(p.vlan(5, p.vlan(6, p.ipv4(p.tcp(2, 80))), 0x88A8)),
        p.ethernet(p.ipv6(p.tcp(3, 443), hop_by_hop=True)),
        p.ethernet(p.ipv6(p.tcp(4, 443))),
        p.ethernet(p.vlan(5, p.ipv6(p.tcp(5, 443), hop_by_hop=True))),
        more(6),
        p.ethernet(p.ipv6(p.tcp(7, 443, p.SYN | p.ACK))),
    ]
    lab.client1.send_frames("eth0", *frames)
    assert end(counting) == ["fd77:1::2:3 443:3", f"{CLIENT}:2 80:2"]


@pytest.mark.parametrize("flags", [[], ["--outcomes"], ["--syn-packets"]], ids=["plain", "outcomes", "syn_packets"])
@pytest.mark.parametrize("interface", ["eth1", "any"])
def test_what_goes_out_does_not_count(lab, tidegate, interface, flags):
    counting = live(tidegate, "--device", interface, "--no-privacy", "--ports", "9000-9099", *flags)
    with lab.server.socket() as outgoing:  # refused at once by the client
        assert outgoing.connect_ex((CLIENT, 9001)) != 0
    with lab.client1.socket() as incoming:
        assert incoming.connect_ex((SERVER, 9002)) != 0
    (line,) = end(counting)
    assert line.startswith(f"{CLIENT}:1 9002:1")


def test_outcomes_of_real_connections(lab, tidegate):
    counting = live(tidegate, "-d", "eth1", "--no-privacy", "--outcomes", "--ports", "9000-9099")
    with lab.server.socket() as listener:
        listener.bind((SERVER, 9000))
        listener.listen()
        for port in (9000, 9000, 9001):
            with lab.client1.socket() as client:
                client.connect_ex((SERVER, port))
        lab.client1.send_frames("eth0", syn(1, 9050, source="10.77.1.9"))  # its answer finds nobody
    assert end(counting) == [
        f"{CLIENT}:3 9000:2 9001:1 attempted:3 established:2 refused:1 unanswered:0 retransmitted:0",
        "10.77.1.9:1 9050:1 attempted:1 established:0 refused:0 unanswered:1 retransmitted:0",
    ]


def test_outcomes_on_a_tunnel_without_link_layer_addresses(lab, tidegate):
    tun = Tun(lab.server, "tun0")
    lab.server.ip("addr add 10.99.0.1/24 dev tun0")
    counting = live(tidegate, "-d", "tun0", "--no-privacy", "--outcomes")
    with lab.server.socket() as outgoing:
        outgoing.setblocking(False)
        outgoing.connect_ex(("10.99.0.2", 80))
        tun.send(p.ipv4(p.tcp(1, 9001), source="10.99.0.2", destination="10.99.0.1")[1])
        (line,) = end(counting)
    tun.close()
    assert line == "10.99.0.2:1 9001:1 attempted:1 established:0 refused:1 unanswered:0 retransmitted:0"


def test_loopback_shows_each_connection_once(lab, tidegate):
    counting = live(tidegate, "-d", "lo", "--no-privacy", "--outcomes")
    for family, address in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
        with lab.server.socket(family) as listener, lab.server.socket(family) as client:
            listener.bind((address, 0))
            listener.listen()
            client.connect(listener.getsockname()[:2])
    lines = [line.split() for line in end(counting)]
    assert sorted(line[0] for line in lines) == ["127.0.0.1:1", "::1:1"]
    assert all("established:1" in line for line in lines)


def test_a_user_signal_and_an_interval_print_a_digest_and_it_goes_on(lab, tidegate):
    counting = live(tidegate, "-d", "eth1", "--no-privacy")
    lab.client1.send_frames("eth0", syn(1))
    counting.send_signal(signal.SIGUSR1)
    counting.wait_for_output(rf"^{CLIENT}:1 80:1$")
    lab.client1.send_frames("eth0", syn(2))
    assert end(counting) == [f"{CLIENT}:1 80:1", "", f"{CLIENT}:2 80:2"]
    counting = live(tidegate, "-d", "eth1", "--no-privacy", "--interval", "200ms")
    again_until(lambda: lab.client1.send_frames("eth0", syn(3)), lambda: CLIENT in counting.output(), "a digest")
    assert counting.running()
    end(counting)


def test_limits_end_it_by_themselves(lab, tidegate):
    counting = live(tidegate, "-d", "eth1", "--no-privacy", "-c", "5")
    lab.client1.send_frames("eth0", *[syn(port) for port in range(1, 20)])
    assert counting.wait() == 0
    assert counting.output() == f"{CLIENT}:5 80:5\n"
    counting = live(tidegate, "-d", "eth1", "--no-privacy", "-t", "1")
    lab.client1.send_frames("eth0", syn(1))
    assert counting.wait() == 0
    assert counting.output() == f"{CLIENT}:1 80:1\n"


def test_a_device_that_does_not_exist_is_status_1(tidegate):
    done = tidegate.command("count", "-d", "nonesuch0", "--no-privacy")
    assert (done.returncode, done.stdout) == (1, "")
    assert "nonesuch0" in done.stderr


# --- a flood


def test_memory_stays_flat_under_a_flood_of_random_sources(tmp_path):
    """Two millions here; the number does not matter once the tables are full."""
    flood = tmp_path / "flood.pcap"
    frame = bytearray(syn(1))
    with open(flood, "wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
        random = os.urandom(1 << 16)
        for number in range(1_000_000):
            at = number * 4 % (len(random) - 4)
            frame[26:30] = bytes(a ^ b for a, b in zip(random[at : at + 4], struct.pack("<I", number)))
            file.write(struct.pack("<IIII", number // 100000, 0, 54, 60) + frame[:54])
    peaks = collections.Counter()
    for limit in (200_000, 1_000_000):
        words = [binary(), "count", "-r", flood, "--no-privacy", "--syn-packets", "-c", limit, "--sources", 1000]
        with subprocess.Popen([str(word) for word in words], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
            process.stderr.read()
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        assert process.returncode == 0
        peaks[limit] = usage.ru_maxrss
    assert peaks[1_000_000] < peaks[200_000] * 1.1
