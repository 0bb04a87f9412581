"""The HTTP API as its clients see it: traffic-monitor's answers, the native ones held against the document that is
served, forwards at run time, live updates, and who may ask."""

import concurrent.futures
import contextlib
import json
import socket
import threading
import time

import pytest

from support.api import PORT, Api, events_of
from support.openapi import OpenApi
from support.waiting import DEADLINE, wait_until

GIB = 1 << 30


class Target:
    """Sends back what it is sent, over TCP, on the server."""

    def __init__(self, host, port, address="127.0.0.1"):
        self.listener = host.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind((address, port))
        self.listener.listen(64)
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _serve(self):
        with contextlib.suppress(OSError), concurrent.futures.ThreadPoolExecutor(16) as pool:
            while True:
                connection, _ = self.listener.accept()
                pool.submit(self._echo, connection)

    @staticmethod
    def _echo(connection):
        with connection, contextlib.suppress(OSError):
            while data := connection.recv(65536):
                connection.sendall(data)

    def close(self):
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join(DEADLINE)


@pytest.fixture
def target(lab):
    echo = Target(lab.server, 10000)
    yield echo
    echo.close()


def exchange(host, port, data=b"ping", address="127.0.0.1"):
    """Sends the bytes through a forward, and gives what came back of as many."""
    with host.socket() as connection:
        connection.settimeout(DEADLINE)
        connection.connect((address, port))
        connection.sendall(data)
        back = b""
        while len(back) < len(data) and (more := connection.recv(65536)):
            back += more
        return back


def config(folder, api=None, **keys):
    return {
        "store": str(folder / "store.db"),
        "api": {"port": PORT} if api is None else api,
        "services": [{"name": "sleepy", "ports": ["udp/9000"], "start": "true", "stop": "true", "ready": "none", "idle": "1h"}],
        "proxies": [
            {"name": "service1", "listen_port": 10001, "target_host": "127.0.0.1", "target_port": 10000, "limit": "100GB"},
            {"name": "free", "listen_port": 10002, "target_port": 10000, "protocol": "both", "limit": ""},
        ],
        "watches": [
            {"name": "web", "interface": "lo", "port": PORT, "alerts": [{"name": "asked", "when": "requests >= 1 in total", "over": "1m"}]},
        ],
        "tallies": [{"name": "knocks", "interface": "lo"}],
    } | keys


@pytest.fixture
def api(lab, tidegate, tmp_path, target):  # pylint: disable=redefined-outer-name,unused-argument
    tidegate.run(config(tmp_path))
    return Api(lab.server)


# --- as traffic-monitor


def test_stats_are_traffic_monitor_s_field_by_field(lab, api):
    assert api.get("/health") == {"status": "ok"}
    assert exchange(lab.server, 10001, b"x" * 2048) == b"x" * 2048
    stats = wait_until(lambda: (now := api.get("/api/stats"))["proxies"][0]["total"]["download"] == 2048 and now, "the count")
    month = time.strftime("%Y-%m", time.gmtime())
    both = {"upload": 2048, "download": 2048, "upload_human": "2.00 KB", "download_human": "2.00 KB"}
    expected = {
        "name": "service1",
        "protocol": "tcp",
        "listen_port": 10001,
        "target_port": 10000,
        "total": both,
        "monthly": {"month": month} | both,
        "limit": 100 * GIB,
        "limit_human": "100.00 GB",
        "limit_exceeded": False,
        "usage": {
            "used": 4096,
            "used_human": "4.00 KB",
            "remaining": 100 * GIB - 4096,
            "remaining_human": "100.00 GB",
            "percentage": 0,
        },
    }
    assert json.dumps(stats["proxies"][0]) == json.dumps(expected), "the order of the fields counts, too"
    assert [proxy["name"] for proxy in stats["proxies"]] == ["service1", "free"]
    assert "usage" not in stats["proxies"][1] and stats["proxies"][1]["protocol"] == "both"
    assert api.get("/api/stats/service1") == stats["proxies"][0]
    assert api.json("GET", "/api/stats/nobody") == (404, {"error": "proxy not found"})


def test_a_token_is_asked_for_below_api_and_not_for_health(lab, tidegate, tmp_path):
    tidegate.run(config(tmp_path, api={"port": PORT, "token": "s3cret"}))
    api = Api(lab.server)
    assert api.json("GET", "/health") == (200, {"status": "ok"})
    assert api.json("GET", "/health/sleepy")[0] == 200
    for path in ("/api/stats", "/api/stats/service1", "/api/v1/forwards", "/api/v1/stream", "/api/v1/openapi.json", "/metrics"):
        assert api.json("GET", path) == (401, {"error": "missing authorization header"}), path
        assert api.json("GET", path, token="s3cre") == (401, {"error": "invalid token"}), path
    assert api.json("GET", "/api/stats", headers={"Authorization": "Basic s3cret"}) == (401, {"error": "invalid token"})
    assert api.json("POST", "/api/v1/forwards", {})[0] == 401
    assert api.json("GET", "/api/stats", token="s3cret")[0] == 200
    assert api.json("GET", "/api/nothing")[0] == 401, "what there is is not told either"


@pytest.mark.parametrize("source", ["file", "environment"])
def test_the_token_may_come_from_a_file_or_the_environment(lab, tidegate, tmp_path, source):
    (tmp_path / "token").write_text("from elsewhere\nnot this\n")
    given = {"port": PORT} | ({"token_file": str(tmp_path / "token")} if source == "file" else {})
    tidegate.run(config(tmp_path, api=given), env={"TIDEGATE_TOKEN": "from elsewhere"} if source == "environment" else None)
    api = Api(lab.server)
    assert api.json("GET", "/api/stats")[0] == 401
    assert api.json("GET", "/api/stats", token="from elsewhere")[0] == 200


# --- who may ask


def test_without_a_token_it_does_not_start_where_others_reach_it(lab, tidegate, tmp_path):
    tidegate.configure(config(tmp_path, api={"listen": f"0.0.0.0:{PORT}"}))
    refused = tidegate.ctl("run", "-c", tidegate.config)
    assert refused.returncode in (1, 2) and "token" in refused.stderr and "insecure: true" in refused.stderr, refused
    tidegate.run(config(tmp_path, api={"listen": f"0.0.0.0:{PORT}", "insecure": True}))
    assert Api(lab.client1, "10.77.1.1").get("/health") == {"status": "ok"}


def test_it_listens_on_loopback_unless_told_otherwise(lab, api):
    assert api.get("/health")
    with pytest.raises(ConnectionRefusedError):
        Api(lab.client1, "10.77.1.1").get("/health")


def test_a_web_page_of_another_site_reaches_nothing(api):
    assert api.json("GET", "/api/stats", headers={"Host": "evil.example"})[0] == 403
    assert api.json("POST", "/api/v1/quotas/service1/limit/reset", headers={"Origin": "http://evil.example"})[0] == 403


# --- native


def test_every_answer_is_as_the_document_says(lab, api):
    document = OpenApi(api.get("/api/v1/openapi.json"))
    assert exchange(lab.server, 10001) == b"ping"
    wait_until(lambda: api.get("/api/v1/watches/web")["alerts"][0]["history"], "a watch of which all is there")
    wait_until(lambda: api.get("/api/v1/tallies/knocks")["sources"], "a tally of which all is there")
    settings = {"name": "added", "listen": "127.0.0.1:10003", "targets": ["127.0.0.1:10000"]}
    asked = [
        ("GET", "/health", None, 200),
        ("GET", "/health/sleepy", None, 200),
        ("GET", "/health/service1", None, 200),
        ("GET", "/health/nobody", None, 404),
        ("GET", "/api/stats", None, 200),
        ("GET", "/api/stats/service1", None, 200),
        ("GET", "/api/stats/nobody", None, 404),
        ("GET", "/api/v1/services", None, 200),
        ("GET", "/api/v1/services/sleepy", None, 200),
        ("GET", "/api/v1/services/sleppy", None, 404),
        ("POST", "/api/v1/services/sleepy/start", None, 200),
        ("POST", "/api/v1/services/sleepy/keep", {"for_seconds": 60}, 200),
        ("POST", "/api/v1/services/sleepy/keep", {"for_seconds": "long"}, 400),
        ("POST", "/api/v1/services/sleepy/keep", {"for_seconds": 1, "more": 2}, 400),
        ("POST", "/api/v1/services/sleepy/stop", None, 200),
        ("POST", "/api/v1/services/nobody/stop", None, 404),
        ("GET", "/api/v1/forwards", None, 200),
        ("POST", "/api/v1/forwards", settings, 201),
        ("POST", "/api/v1/forwards", settings, 409),
        ("GET", "/api/v1/forwards/added", None, 200),
        ("PUT", "/api/v1/forwards/added", settings | {"limit": "1GB"}, 200),
        ("DELETE", "/api/v1/forwards/added", None, 204),
        ("DELETE", "/api/v1/forwards/added", None, 404),
        ("DELETE", "/api/v1/forwards/service1", None, 409),
        ("PUT", "/api/v1/forwards/service1", settings, 409),
        ("GET", "/api/v1/forwards/service1/usage", None, 200),
        ("GET", "/api/v1/forwards/service1/usage?by=day&last=3", None, 200),
        ("GET", "/api/v1/forwards/service1/usage?by=month", None, 200),
        ("GET", "/api/v1/forwards/service1/usage?by=year", None, 400),
        ("GET", "/api/v1/forwards/service1/usage?last=0", None, 400),
        ("GET", "/api/v1/forwards/nobody/usage", None, 404),
        ("GET", "/api/v1/forwards/service1/clients?top=3", None, 200),
        ("GET", "/api/v1/quotas", None, 200),
        ("GET", "/api/v1/quotas/service1%2Flimit", None, 200),
        ("GET", "/api/v1/quotas/nobody%2Flimit", None, 404),
        ("POST", "/api/v1/quotas/service1%2Flimit/raise", {"bytes": 1024}, 200),
        ("POST", "/api/v1/quotas/service1%2Flimit/raise", {"bytes": "10GB"}, 200),
        ("POST", "/api/v1/quotas/service1%2Flimit/raise", {"bytes": "10 lots"}, 400),
        ("POST", "/api/v1/quotas/service1%2Flimit/raise", {"bytes": -1}, 400),
        ("POST", "/api/v1/quotas/service1%2Flimit/raise", "not JSON", 400),
        ("POST", "/api/v1/quotas/service1%2Flimit/reset", None, 200),
        ("GET", "/api/v1/clients", None, 200),
        ("GET", "/api/v1/watches", None, 200),
        ("GET", "/api/v1/watches/web", None, 200),
        ("GET", "/api/v1/watches/web?window=10m&top=1", None, 200),
        ("GET", "/api/v1/watches/web?window=11m", None, 400),
        ("GET", "/api/v1/watches/web?window=soon", None, 400),
        ("GET", "/api/v1/watches/nobody", None, 404),
        ("GET", "/api/v1/tallies", None, 200),
        ("GET", "/api/v1/tallies/knocks?top=1", None, 200),
        ("GET", "/api/v1/tallies/nobody", None, 404),
        ("GET", "/api/v1/events?last=5", None, 200),
        ("GET", "/api/v1/events?service=sleepy", None, 200),
        ("GET", "/api/v1/events?last=many", None, 400),
    ]
    for method, path, body, expected in asked:
        status, answer = api.json(method, path, body)
        assert status == expected, (method, path, status, answer)
        document.check_answer(method, path, status, answer)
        if isinstance(body, dict) and status < 400:
            document.check_body(method, path, body)
    told = {(method, pattern) for pattern, methods in document.document["paths"].items() for method in methods}
    tried = {
        (method.lower(), pattern)
        for method, path, *_ in asked
        for pattern in document.document["paths"]
        if method.lower() in document.document["paths"][pattern]
        and document.operation(method, path) is document.document["paths"][pattern][method.lower()]
    }
    assert told - tried == {("get", path) for path in ("/metrics", "/api/v1/stream", "/api/v1/openapi.json")}


def test_usage_clients_and_quotas_say_what_was_carried(lab, api):
    assert exchange(lab.server, 10001, b"y" * 1000) == b"y" * 1000
    forward = wait_until(lambda: (now := api.get("/api/v1/forwards/service1"))["download"] == 1000 and now, "the count")
    assert (forward["upload"], forward["connections"], forward["origin"], forward["state"]) == (1000, 1, "file", "open")
    for by, form in (("hour", "%Y-%m-%dT%H:00:00.000Z"), ("day", "%Y-%m-%dT00:00:00.000Z"), ("month", "%Y-%m-01T00:00:00.000Z")):
        usage = api.get(f"/api/v1/forwards/service1/usage?by={by}")
        assert usage["total"]["upload"] == 1000
        assert sum(period["download"] for period in usage["periods"]) == 1000
        assert usage["periods"][-1]["start"] in (time.strftime(form, time.gmtime(time.time() - ago)) for ago in (0, 60))
    (client,) = api.get("/api/v1/clients")["clients"]
    assert (client["forward"], client["client"], client["upload"]) == ("service1", "127.0.0.1", 1000)
    assert api.get("/api/v1/forwards/free/clients") == {"clients": []}
    quota = api.get("/api/v1/quotas/service1/limit")
    assert quota == api.get("/api/v1/quotas/service1%2Flimit"), "a key's slash may be written either way"
    assert (quota["used"], quota["left"], quota["forwards"]) == (2000, 100 * GIB - 2000, ["service1"])
    assert api.json("POST", "/api/v1/quotas/service1/limit/raise", {"bytes": "1GB"})[1]["bytes"] == 101 * GIB
    assert api.json("POST", "/api/v1/quotas/service1/limit/reset")[1]["used"] == 0


def test_an_order_answers_when_it_is_done(lab, tidegate, tmp_path):
    good = {"name": "good", "ports": ["udp/9000"], "start": "sleep 0.5", "stop": "true", "ready": "none"}
    bad = {"name": "bad", "ports": ["udp/9001"], "start": "exit 3", "stop": "true", "ready": "none"}
    tidegate.run(config(tmp_path, services=[good, bad]))
    api = Api(lab.server)
    status, service = api.json("POST", "/api/v1/services/good/start")
    assert (status, service["state"]) == (200, "awake")
    assert api.json("POST", "/api/v1/services/good/stop")[1]["state"] == "asleep"
    status, answer = api.json("POST", "/api/v1/services/bad/start")
    assert status == 503 and answer["error"].startswith("bad: "), answer
    assert api.json("GET", "/health/good") == (200, {"status": "ok", "service": "good", "state": "asleep"})
    status, health = api.json("GET", "/health/bad")
    assert (status, health["status"], health["state"]) == (503, "failed", "failed") and health["error"]
    told = [(event["service"], event["event"]) for event in api.get("/api/v1/events")["events"]]
    assert told[:2] == [("good", "woke"), ("good", "ready")] and ("bad", "start failed") in told
    numbers = [event["id"] for event in api.get("/api/v1/events?service=good")["events"]]
    assert numbers == sorted(set(numbers)) and numbers


# --- forwards at run time


def test_a_forward_added_at_run_time_serves_and_survives_a_restart(lab, tidegate, tmp_path, target):  # pylint: disable=unused-argument
    daemon = tidegate.run(config(tmp_path))
    api = Api(lab.server)
    settings = {"name": "added", "listen": "127.0.0.1:10005", "targets": ["127.0.0.1:10000"], "limit": "1MB"}
    status, headers, _ = api.ask("POST", "/api/v1/forwards", settings)
    assert (status, headers["Location"]) == (201, "/api/v1/forwards/added")
    assert exchange(lab.server, 10005, b"hello") == b"hello"
    wait_until(lambda: api.get("/api/v1/forwards/added")["download"] == 5, "the count")
    assert daemon.end()[0] == 0

    tidegate.daemon("run", "-c", tidegate.config)
    assert [(f["name"], f["origin"]) for f in api.get("/api/v1/forwards")["forwards"]] == [
        ("service1", "file"),
        ("free", "file"),
        ("added", "api"),
    ]
    assert exchange(lab.server, 10005, b"again") == b"again"
    wait_until(lambda: api.get("/api/v1/forwards/added")["upload"] == 10, "the count to go on")
    assert [proxy["name"] for proxy in api.get("/api/stats")["proxies"]] == ["service1", "free", "added"]
    assert api.get("/api/v1/quotas/added/limit")["used"] == 20

    assert api.json("PUT", "/api/v1/forwards/added", {"listen": "127.0.0.1:10006", "targets": ["127.0.0.1:10000"]})[0] == 200
    assert exchange(lab.server, 10006) == b"ping"
    with pytest.raises(ConnectionRefusedError):
        exchange(lab.server, 10005)
    assert api.json("DELETE", "/api/v1/forwards/added") == (204, None)
    with pytest.raises(ConnectionRefusedError):
        exchange(lab.server, 10006)
    assert api.json("GET", "/api/v1/forwards/added")[0] == 404


@pytest.mark.parametrize(
    "settings, status, words",
    [
        ({"name": "x", "listen": "127.0.0.1:10007"}, 400, "target"),
        ({"name": "x", "listen": "127.0.0.1:10007", "targets": ["127.0.0.1:1"], "lisen": 1}, 400, 'did you mean "listen"?'),
        ({"name": "x", "listen": "127.0.0.1:10007", "targets": ["127.0.0.1:1"], "limit": "lots"}, 400, "limit"),
        ({"name": "x", "listen": "127.0.0.1:10007", "targets": ["127.0.0.1:1"], "service": "nobody"}, 400, "nobody"),
        ({"name": "service1", "listen": "127.0.0.1:10007", "targets": ["127.0.0.1:1"]}, 409, "configuration file"),
        ({"name": "x", "listen": f"127.0.0.1:{PORT}", "targets": ["127.0.0.1:1"]}, 400, "where the API listens"),
        ([1], 400, "object"),
        ("{", 400, "JSON"),
    ],
)
def test_what_is_wrong_with_a_forward_is_said_and_nothing_changes(api, settings, status, words):
    before = api.get("/api/v1/forwards")
    refused, answer = api.json("POST", "/api/v1/forwards", settings)
    assert refused == status and words in answer["error"], answer
    assert api.get("/api/v1/forwards") == before


def test_a_forward_whose_listener_is_taken_is_refused(lab, api):
    before = api.get("/api/v1/forwards")
    with lab.server.socket() as taken:
        taken.bind(("127.0.0.1", 10007))
        taken.listen()
        status, answer = api.json("POST", "/api/v1/forwards", {"name": "x", "listen": "127.0.0.1:10007", "targets": ["127.0.0.1:1"]})
    assert status == 400 and "127.0.0.1:10007: Address already in use" in answer["error"], answer
    assert api.get("/api/v1/forwards") == before


# --- live updates, metrics


def test_the_stream_tells_events_states_and_counters_as_they_change(lab, api):
    with concurrent.futures.ThreadPoolExecutor() as pool:

        def all_told(found):
            kinds = [(kind, data.get("event") or data.get("state")) for kind, data in found]
            carried = any(kind == "forward" and data.get("download") == 3 for kind, data in found)
            return ("event", "ready") in kinds and ("service", "awake") in kinds and carried

        reader = pool.submit(events_of, api, all_told)
        assert exchange(lab.server, 10001, b"abc") == b"abc"
        assert api.json("POST", "/api/v1/services/sleepy/start")[0] == 200
        found = reader.result(DEADLINE)
    assert [data["name"] for kind, data in found if kind == "service"][0] == "sleepy"
    free = [data for kind, data in found if kind == "forward" and data["name"] == "free"]
    assert len(free) == 1, "what does not change is told once"


def test_a_stream_goes_on_where_the_client_left_it_and_no_event_comes_twice(lab, api):
    def events(found):
        return [data for kind, data in found if kind == "event"]

    assert api.json("POST", "/api/v1/services/sleepy/start")[0] == 200

    def until_ready():
        """Everything told so far, once that has the service's start; the alert of the configuration may be told before or after."""
        told = api.get("/api/v1/events")["events"]
        return any(event["event"] == "ready" for event in told) and told

    all_of_them = wait_until(until_ready, "ready")
    numbers = [event["id"] for event in all_of_them]
    assert numbers == sorted(set(numbers)) and numbers[0] > 0
    missed = events(events_of(api, lambda found: len(events(found)) >= len(numbers) - 1, since=numbers[0]))
    assert missed[: len(numbers) - 1] == all_of_them[1:]
    with concurrent.futures.ThreadPoolExecutor() as pool:
        reader = pool.submit(events_of, api, lambda found: any(data["event"] == "slept" for data in events(found)), since=numbers[-1])
        assert api.json("POST", "/api/v1/services/sleepy/stop")[0] == 200
        later = events(reader.result(DEADLINE))
    assert all(event["id"] > numbers[-1] for event in later)


def test_metrics_count_what_flows(lab, api):
    assert exchange(lab.server, 10001, b"z" * 10) == b"z" * 10

    def metrics():
        status, headers, text = api.ask("GET", "/metrics")
        assert status == 200 and headers["Content-Type"].startswith("text/plain; version=0.0.4")
        return text

    wait_until(lambda: 'tidegate_forward_bytes_total{forward="service1",direction="download"} 10\n' in metrics(), "the count")
    text = metrics()
    for line in (
        'tidegate_service_state{service="sleepy",state="asleep"} 1',
        'tidegate_forward_connections_total{forward="service1"} 1',
        'tidegate_quota_used_bytes{quota="service1/limit"} 20',
        'tidegate_target_up{forward="service1",target="127.0.0.1:10000"} 1',
    ):
        assert line + "\n" in text, line
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    names = [line.rpartition(" ")[0] for line in lines]
    assert len(names) == len(set(names)), "no sample comes twice"


# --- a client of the API never touches the data path


def test_slow_clients_of_the_api_do_not_disturb_the_traffic(lab, api):
    with contextlib.ExitStack() as stack:
        for begun in (b"GET /api/stats HTTP/1.1\r\nHost: localhost\r\nX: ", b"", b"POST /api/v1/forwards HTTP/1.1\r\nContent-Length: 9999\r\n\r\n{"):
            for _ in range(15):
                slow = stack.enter_context(lab.server.socket())
                slow.connect(("127.0.0.1", PORT))
                slow.sendall(begun)
        for _ in range(20):
            assert exchange(lab.server, 10001, b"w" * 100_000) == b"w" * 100_000
        assert api.get("/health") == {"status": "ok"}


# --- reload, and the control socket


def test_a_reload_moves_the_api_and_leaves_it_where_it_cannot(lab, tidegate, tmp_path):
    tidegate.run(config(tmp_path))
    api, moved = Api(lab.server), Api(lab.server, port=PORT + 1, token="new")
    tidegate.configure(config(tmp_path, api={"port": PORT + 1, "token": "new"}))
    assert tidegate.ctl("reload").returncode == 0
    assert moved.get("/api/stats")["proxies"]
    with pytest.raises(ConnectionRefusedError):
        api.get("/health")
    tidegate.configure(config(tmp_path, api={"port": PORT + 1, "token": "newer"}))
    assert tidegate.ctl("reload").returncode == 0
    assert moved.json("GET", "/api/stats")[0] == 401 and moved.json("GET", "/api/stats", token="newer")[0] == 200

    with lab.server.socket() as taken:
        taken.bind(("127.0.0.1", PORT + 2))
        taken.listen()
        tidegate.configure(config(tmp_path, api={"port": PORT + 2}))
        failed = tidegate.ctl("reload")
    assert failed.returncode == 1 and "Address already in use" in failed.stderr
    assert moved.json("GET", "/api/stats", token="newer")[0] == 200, "everything is as it was"


def test_the_control_socket_tells_and_does_the_same(lab, tidegate, tmp_path, target):  # pylint: disable=unused-argument
    daemon = tidegate.run(config(tmp_path))
    api = Api(lab.server)
    assert daemon.ask("forwards") == [api.get("/api/v1/forwards")]
    settings = {"name": "added", "listen": "127.0.0.1:10005", "targets": ["127.0.0.1:10000"], "limit": 1000}
    assert daemon.ask("forward_add", json=json.dumps(settings))[0]["origin"] == "api"
    assert exchange(lab.server, 10005) == b"ping"
    wait_until(lambda: daemon.ask("forward", name="added")[0]["download"] == 4, "the count")
    assert daemon.ask("usage", name="added", by="day", last=1)[0]["total"]["upload"] == 4
    assert daemon.ask("clients", top=5)[0]["clients"][0]["forward"] == "added"
    assert [quota["key"] for quota in daemon.ask("quotas")[0]["quotas"]] == ["added/limit", "service1/limit"]
    assert daemon.ask("quota_raise", key="added/limit", bytes="1KB")[0]["bytes"] == 2024
    assert daemon.ask("quota_reset", key="added/limit")[0]["used"] == 0
    assert daemon.ask("forward_change", name="added", json=json.dumps(settings | {"limit": 5000}))[0]["quotas"] == ["added/limit"]
    assert daemon.ask("forward_remove", name="added") == [{"removed": "added"}]
    assert api.json("GET", "/api/v1/forwards/added")[0] == 404
