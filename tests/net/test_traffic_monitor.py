"""traffic-monitor by its name: the document's configuration, commands and answers; its state file; its limits."""

import contextlib
import json
import os
import re
import socket

import pytest

from support.flows import TcpServer, UdpEcho, answer_of, connect, echo, exchange
from support.netns import server_address
from support.tidegate import environment
from support.waiting import wait_until

ADDRESS = server_address()
TOKEN = "your-secret-token"

# As it stands in the document.
DOCUMENT = """
api:
  port: 8080
  token: "your-secret-token"

data_file: "./data/traffic_data.json"

proxies:
  - name: "service1"
    listen_port: 10001
    target_host: "127.0.0.1"
    target_port: 10000
    protocol: "tcp"
    limit: "100GB"

  - name: "dns-proxy"
    listen_port: 5353
    target_host: "8.8.8.8"
    target_port: 53
    protocol: "udp"
    limit: "10GB"

  - name: "game-server"
    listen_port: 27015
    target_host: "192.168.1.100"
    target_port: 27015
    protocol: "both"
    limit: ""  # unlimited
"""


def through(host, data, port=10001):
    """What comes back of what a client sends."""
    with connect(host, ADDRESS, port) as connection:
        return exchange(connection, data)


def spend(host, count, port=10001):
    """A client that sends and gets so many bytes, or fewer where it is cut."""
    with contextlib.suppress(ConnectionError), connect(host, ADDRESS, port) as connection:
        while count > 0 and len(exchange(connection, b"x" * 50_000)) == 50_000:
            count -= 50_000


class Monitor:
    def __init__(self, lab, tidegate, folder, tool):
        self.lab, self.tidegate, self.folder, self.curl = lab, tidegate, folder, tool("curl")
        self.path = folder / "traffic-monitor"
        self.path.symlink_to(tidegate.binary)

    def configure(self, config, name="config.yaml"):
        path = self.folder / name
        path.write_text(config if isinstance(config, str) else json.dumps(config))
        return path

    def start(self, *words):
        tool = self.tidegate.start("./traffic-monitor", *words)
        tool.wait_for_log(r"\[API\] listening on ")
        return tool

    def run(self, *words):
        return self.lab.server.run("./traffic-monitor", *words, cwd=self.folder, env=environment(None))

    def get(self, path, token=TOKEN):
        """`curl` as the document calls it: the status and the answer."""
        header = ["-H", f"Authorization: Bearer {token}"] if token else []
        done = self.lab.server.run(
            self.curl, "-sS", "-m", 30, "-w", "\n%{http_code}", *header, f"http://localhost:8080{path}"
        )
        assert done.returncode == 0, done.stderr
        body, _, status = done.stdout.rpartition("\n")
        return int(status), json.loads(body)

    def stats(self, name="service1"):
        status, answer = self.get(f"/api/stats/{name}")
        assert status == 200, answer
        return answer

    def wait_for_total(self, upload, download, name="service1"):
        def reached():
            total = self.stats(name)["total"]
            return (total["upload"], total["download"]) == (upload, download)

        wait_until(reached, lambda: f"{upload} up and {download} down: {self.stats(name)}")


@pytest.fixture
def monitor(lab, tidegate, tmp_path, tool):
    return Monitor(lab, tidegate, tmp_path, tool)


@pytest.fixture
def target(lab):
    server = TcpServer(lab.server, echo, 10000)
    yield server
    server.close()


def one(**keys):
    """A configuration with one proxy."""
    proxy = {"name": "service1", "listen_port": 10001, "target_port": 10000}
    return {"api": {"port": 8080, "token": TOKEN}, "proxies": [proxy | keys]}


def test_the_documents_configuration_runs_unchanged_and_answers_as_documented(lab, monitor, target):
    monitor.configure(DOCUMENT)
    tool = monitor.start()
    for line in (
        r"\[service1\] Traffic limit: 100 GB$",
        r"\[TCP\] service1: listening on :10001 -> 127\.0\.0\.1:10000$",
        r"\[UDP\] dns-proxy: listening on :5353 -> 8\.8\.8\.8:53$",
        r"\[TCP\] game-server: listening on :27015 -> 192\.168\.1\.100:27015$",
        r"\[UDP\] game-server: listening on :27015 -> 192\.168\.1\.100:27015$",
        r"\[API\] listening on 127\.0\.0\.1:8080, for this host only",
    ):
        assert re.search(line, tool.log(), re.MULTILINE), tool.log()
    assert through(lab.client1, b"x" * 1536) == b"x" * 1536
    monitor.wait_for_total(1536, 1536)
    assert monitor.get("/health", token=None) == (200, {"status": "ok"})
    status, answer = monitor.get("/api/stats")
    assert status == 200 and [proxy["name"] for proxy in answer["proxies"]] == ["service1", "dns-proxy", "game-server"]
    proxy = answer["proxies"][0]
    assert proxy["total"] == {"upload": 1536, "download": 1536, "upload_human": "1.50 KB", "download_human": "1.50 KB"}
    assert re.fullmatch(r"\d{4}-\d\d", proxy["monthly"]["month"]) and proxy["monthly"]["upload"] == 1536
    assert (proxy["limit"], proxy["limit_human"], proxy["limit_exceeded"]) == (100 << 30, "100.00 GB", False)
    assert proxy["usage"]["used"] == 3072 and proxy["usage"]["remaining"] == (100 << 30) - 3072
    assert "usage" not in answer["proxies"][2]
    assert tool.end()[0] == 0
    assert "Shutdown complete" in tool.log()


def test_the_api_wants_the_token_as_documented(monitor, target):
    monitor.configure(one())
    monitor.start()
    assert monitor.get("/api/stats", token=None) == (401, {"error": "missing authorization header"})
    assert monitor.get("/api/stats", token="wrong") == (401, {"error": "invalid token"})
    assert monitor.get("/api/stats/nobody") == (404, {"error": "proxy not found"})


@pytest.mark.parametrize("words", [["-config", "{}"], ["-config={}"], ["--config", "{}"], ["--config={}"]])
def test_the_flag_is_read_as_go_reads_it(monitor, target, words):
    path = monitor.configure(one(), "other.yaml")
    tool = monitor.start(*[word.format(path) for word in words])
    assert tool.end()[0] == 0


def test_without_an_api_section_the_api_is_on_all_the_same(monitor, target):
    monitor.configure({"proxies": one()["proxies"]})
    monitor.start()
    assert monitor.get("/api/stats", token=None)[0] == 200


def test_help_and_wrong_flags(monitor):
    for flag in ("-h", "-help", "--help"):
        done = monitor.run(flag)
        assert done.returncode == 0 and "-config string" in done.stderr
    for words, complaint in ((["-x"], "flag provided but not defined: -x"), (["-config"], "flag needs an argument: -config")):
        done = monitor.run(*words)
        assert done.returncode == 2 and complaint in done.stderr


@pytest.mark.parametrize(
    "config, complaint",
    [
        (None, "Failed to load config: open config.yaml: No such file"),
        ("proxies:\n  - name: a\n    listen_port: 1\n    target_prot: 2\n", "config.yaml:4:5: "),
        ("proxies:\n  - name: a\n    listen_port: 1\n    target_port: 2\n    limit: lots\n", "config.yaml:5:12: "),
        ("proxies:\n  - {name: a, listen_port: 8080, target_port: 2}\n", "where the API listens"),
    ],
)
def test_a_configuration_that_is_wrong_ends_it_with_status_1(monitor, config, complaint):
    if config:
        monitor.configure(config)
    done = monitor.run()
    assert done.returncode == 1 and complaint in done.stderr, done.stderr


def test_a_port_that_is_taken_ends_it_with_status_1(lab, monitor, target):
    monitor.configure(one(listen_port=10000, target_port=9999))
    done = monitor.run()
    assert done.returncode == 1 and "10000" in done.stderr and "in use" in done.stderr, done.stderr


def test_the_state_file_is_imported_once_and_a_restart_keeps_the_counts(lab, monitor, target):
    state = {"service1": {"name": "service1", "total_upload": 1000, "total_download": 2000,
                          "monthly_upload": 10, "monthly_download": 20, "current_month": "2024-12"}}  # fmt: skip
    (monitor.folder / "traffic_data.json").write_text(json.dumps(state))
    monitor.configure(one())
    tool = monitor.start()
    monitor.wait_for_total(1000, 2000)
    through(lab.client1, b"12345")
    monitor.wait_for_total(1005, 2005)
    assert tool.end()[0] == 0
    assert os.path.exists(monitor.folder / "traffic_data.db")
    tool = monitor.start()
    monitor.wait_for_total(1005, 2005)
    os.kill(tool.pid, 9)
    tool.process.wait()
    monitor.start()
    monitor.wait_for_total(1005, 2005)


def test_over_the_limit_an_open_connection_goes_on_and_a_new_one_is_accepted_and_closed(lab, monitor, target):
    monitor.configure(one(limit="100KB"))
    monitor.start()
    with connect(lab.client1, ADDRESS, 10001) as connection:
        for _ in range(4):
            assert len(exchange(connection, b"x" * 50_000)) == 50_000, "cut, where the original goes on"
    wait_until(lambda: monitor.stats()["limit_exceeded"], lambda: f"the limit: {monitor.stats()}")
    assert monitor.stats()["usage"]["percentage"] == 100
    with connect(lab.client1, ADDRESS, 10001) as connection:  # accepted
        assert answer_of(connection) == b""


def test_over_the_limit_datagrams_are_dropped_both_ways(lab, monitor):
    target = UdpEcho(lab.server, 10000)
    monitor.configure(one(limit="1KB", protocol="udp"))
    monitor.start()
    with lab.client1.socket(kind=socket.SOCK_DGRAM) as client:
        client.settimeout(30)
        client.connect((ADDRESS, 10001))
        client.send(b"x" * 500)
        assert client.recv(1024) == b"x" * 500
        client.send(b"x" * 500)
        wait_until(lambda: monitor.stats()["limit_exceeded"], lambda: f"the limit: {monitor.stats()}")
        received = len(target.received)
        client.settimeout(1)
        for _ in range(5):
            client.send(b"late")
        with pytest.raises(TimeoutError):
            while client.recv(1024) != b"late":
                pass
        assert len(target.received) == received
    target.close()


def test_limit_action_cut_is_there_for_who_wants_it(lab, monitor, target):
    monitor.configure(one(limit="100KB", limit_action="cut"))
    monitor.start()
    spend(lab.client1, 500_000)
    wait_until(lambda: monitor.stats()["limit_exceeded"], lambda: f"the limit: {monitor.stats()}")
    total = monitor.stats()["total"]
    assert total["upload"] + total["download"] <= 100 * 1024
