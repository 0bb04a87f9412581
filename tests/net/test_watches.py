"""Watches, tallies, alerts and privacy in the daemon, with real traffic."""

import contextlib
import json
import socket
import threading
import time

import pytest

from support.api import PORT, Api, events_of
from support.clients import knock_udp
from support.netns import client_address, server_address
from support.waiting import DEADLINE, wait_until
from support.web import Web, get

WEB = 80
HOOKS = 8090
CLIENT, OTHER = client_address(1), client_address(2)
SERVER = server_address(1)


def watch(*alerts, name="shop", **keys):
    return {"name": name, "interface": "eth1", "port": WEB, "windows": ["10s", "10m"], "alerts": list(alerts)} | keys


def config(folder, *watches, **keys):
    watched = {"watches": list(watches)} if watches else {}
    return {"store": str(folder / "store.db"), "api": {"port": PORT}} | watched | keys


@pytest.fixture
def web(lab):
    server = Web(lab.server, WEB)
    yield server
    server.close()


@pytest.fixture
def hooks(lab):
    server = Web(lab.server, HOOKS, "127.0.0.1")
    yield server
    server.close()


@pytest.fixture
def api(lab):
    return Api(lab.server)


def ask(lab, *paths):
    """Requests that the watch on eth1 sees."""
    return get(lab.client1, *paths, address=SERVER, port=WEB)


def figures(api, name="shop", **values):
    """The watch's figures, when these of them are so."""
    return wait_until(
        lambda: (now := api.get(f"/api/v1/watches/{name}")) | values == now and now,
        lambda: f"{values} of {name}: {api.get(f'/api/v1/watches/{name}')}",
    )


def metrics(api):
    return set(api.ask("GET", "/metrics")[2].splitlines())


# --- watches and tallies


def test_a_watch_counts_what_passes(lab, tidegate, tmp_path, web, api):  # pylint: disable=unused-argument
    daemon = tidegate.run(config(tmp_path, watch()))
    assert ask(lab, "/fish/cod", "/fish/eel", "/404/x", "/503/y") == [200, 200, 404, 503]
    shop = figures(api, requests=4, responses=4, errors=1)
    assert {section["name"]: section["count"] for section in shop["sections"]} == {"/fish": 2, "/404": 1, "/503": 1}
    assert [client["name"] for client in shop["clients"]] == [CLIENT]
    assert [(status["name"], status["count"]) for status in shop["statuses"]] == [("200", 2), ("404", 1), ("503", 1)]
    assert shop["times"]["known"] == 4 and 0 < shop["times"]["p50"] < DEADLINE
    assert set(shop["losses"].values()) == {0}
    assert api.get("/api/v1/watches/shop?window=10m&top=1")["window"] == 600
    assert len(api.get("/api/v1/watches/shop?top=1")["sections"]) == 1
    assert daemon.ask("watches")[0]["watches"][0]["requests"] == 4
    assert daemon.ask("watch", name="shop", window="10m")[0]["requests"] == 4
    told = metrics(api)
    assert 'tidegate_watch_requests_total{watch="shop"} 4' in told
    assert {
        f'tidegate_watch_responses_total{{watch="shop",class="{status}"}} {count}'
        for status, count in {"other": 0, "1xx": 0, "2xx": 2, "3xx": 0, "4xx": 1, "5xx": 1}.items()
    } <= told
    assert 'tidegate_watch_losses_total{watch="shop",kind="dropped_packets"} 0' in told
    assert any(line.startswith('tidegate_watch_first_byte_seconds{watch="shop",quantile="0.95"} 0.') for line in told)
    assert "pcap on eth1" in [sensor["name"] for sensor in daemon.status()["sensors"]]


def test_a_tally_counts_connections_by_source_and_port(lab, tidegate, tmp_path, web, api):  # pylint: disable=unused-argument
    tally = {"name": "knocks", "interface": "eth1", "ports": ["tcp/22", f"tcp/{WEB}"]}
    daemon = tidegate.run(config(tmp_path, tallies=[tally]))
    for port in (22, 22, WEB, 23):
        with lab.client1.socket() as connection, contextlib.suppress(ConnectionRefusedError):
            connection.connect((SERVER, port))
    found = wait_until(lambda: (now := api.get("/api/v1/tallies/knocks"))["connections"] >= 3 and now, "three connections")
    assert (found["tally"], found["connections"], found["error"]) == ("knocks", 3, 0)
    (source,) = found["sources"]
    ports = [{"port": 22, "connections": 2, "error": 0}, {"port": WEB, "connections": 1, "error": 0}]
    assert source == {"source": CLIENT, "connections": 3, "error": 0, "ports": ports}
    assert daemon.ask("tallies")[0]["tallies"] == api.get("/api/v1/tallies")["tallies"]
    assert {
        'tidegate_tally_connections_total{tally="knocks"} 3',
        f'tidegate_tally_source_connections{{tally="knocks",source="{CLIENT}"}} 3',
        f'tidegate_tally_port_connections{{tally="knocks",source="{CLIENT}",port="22"}} 2',
    } <= metrics(api)


def test_the_stream_tells_figures_when_they_change(lab, tidegate, tmp_path, web, api):  # pylint: disable=unused-argument
    tidegate.run(config(tmp_path, watch()))
    asked = threading.Timer(0.3, ask, [lab, "/fish"])
    asked.start()
    told = [data for kind, data in events_of(api, lambda found: any(data.get("requests") == 1 for kind, data in found if kind == "watch"))
            if kind == "watch"]
    asked.join()
    assert (told[0]["watch"], told[0]["requests"]) == ("shop", 0)
    states = [{name: value for name, value in data.items() if name not in ("at", "covered")} for data in told]
    assert all(before != after for before, after in zip(states, states[1:]))


def test_a_reload_keeps_the_figures_of_what_has_not_changed(lab, tidegate, tmp_path, web, api):  # pylint: disable=unused-argument
    tally = {"name": "knocks", "interface": "eth1", "ports": [f"tcp/{WEB}"]}
    before = config(tmp_path, watch(), watch(name="other"), tallies=[tally])
    daemon = tidegate.run(before)
    ask(lab, "/fish", "/eel")
    figures(api, requests=2)
    figures(api, "other", requests=2)
    after = config(tmp_path, watch(name="fresh"), watch(name="other", windows=["20s"]), watch(), tallies=[tally | {"sources": 7}, tally | {"name": "x"}])
    tidegate.configure(after)
    daemon.ask("reload")
    assert [now["watch"] for now in api.get("/api/v1/watches")["watches"]] == ["fresh", "other", "shop"]
    assert figures(api)["requests"] == 2
    assert figures(api, "other")["requests"] == 0, "what is changed begins anew"
    assert [now["connections"] for now in api.get("/api/v1/tallies")["tallies"]] == [0, 0]
    ask(lab, "/cod")
    for name, requests in (("shop", 3), ("other", 1), ("fresh", 1)):
        figures(api, name, requests=requests)
    wait_until(lambda: [now["connections"] for now in api.get("/api/v1/tallies")["tallies"]] == [1, 1], "a connection each")
    tidegate.configure(config(tmp_path, tallies=[tally]))
    daemon.ask("reload")
    assert api.get("/api/v1/watches") == {"watches": []}
    assert api.json("GET", "/api/v1/watches/shop")[0] == 404


def test_a_reload_that_fails_leaves_everything_as_it_was(lab, tidegate, tmp_path, web, api):  # pylint: disable=unused-argument
    daemon = tidegate.run(config(tmp_path, watch()))
    ask(lab, "/fish")
    figures(api, requests=1)
    tidegate.configure(config(tmp_path, watch(name="other"), privacy={"mode": "hash", "key_file": str(tmp_path / "none.key")}))
    refused = tidegate.ctl("reload")
    assert refused.returncode == 1 and "privacy.key_file: read the key" in refused.stderr, refused
    assert figures(api)["requests"] == 1 and daemon.running()


def test_an_interface_that_is_missing_is_waited_for(lab, tidegate, tmp_path, web, api):  # pylint: disable=unused-argument
    daemon = tidegate.run(config(tmp_path, watch(interface="later0")))
    assert daemon.status()["sensors"][0]["listening"] is False
    lab.server.ip("link add later0 type veth peer name later1", "link set later0 up")
    wait_until(lambda: daemon.status()["sensors"][0]["listening"], "the interface")


# --- alerts


def busy(*actions, **keys):
    """Raised by five requests in two seconds, and recovered when they are over."""
    return {"name": "busy", "when": "requests >= 5 in total", "over": "2s", "do": list(actions)} | keys


def raise_it(lab, daemon, count=1):
    ask(lab, *["/fish"] * 6)
    return daemon.wait_for_event("alert raised", count=count)


def test_an_alert_is_raised_and_recovers_once_each_and_does_what_it_is_to_do(lab, tidegate, tmp_path, web, hooks, api, diary):  # pylint: disable=unused-argument
    command = diary.note("$TIDEGATE_WATCH $TIDEGATE_ALERT $TIDEGATE_STATE")
    hooks.statuses = [503]  # taken at the second try
    alert = busy({"command": command}, {"webhook": f"http://127.0.0.1:{HOOKS}/secret"}, {"start": "spare"})
    daemon = tidegate.run(config(tmp_path, watch(alert), services=[diary.service("spare")]))
    assert 'tidegate_alert_raised{watch="shop",alert="busy"} 0' in metrics(api)
    raised = raise_it(lab, daemon)
    assert raised["service"] == "shop" and raised["text"].startswith("High traffic generated an alert - hits = 6 triggered at ")
    recovered = daemon.wait_for_event("alert recovered")
    assert recovered["text"].startswith("High traffic alert recovered at ")
    diary.wait_for("shop busy raised")
    diary.wait_for("shop busy recovered")
    bodies = hooks.wait_for_posts(3)
    assert [body["state"] for body in bodies] == ["raised", "raised", "recovered"], "the first was not taken"
    assert (bodies[0]["watch"], bodies[0]["alert"], bodies[0]["requests"]) == ("shop", "busy", 6)
    assert {path for path, _ in hooks.posted} == {"/secret"}
    assert daemon.wait_for_event("woke", "spare")["text"] == "started by alert shop/busy"
    assert daemon.wait_for_state("awake", "spare")["cause"] == "alert"
    assert diary.count("start spare") == 1
    assert [event["event"] for event in daemon.events() if event["event"].startswith("alert")] == ["alert raised", "alert recovered"]
    assert 'tidegate_alert_raised{watch="shop",alert="busy"} 0' in metrics(api)
    wait_until(
        lambda: {
            'tidegate_alert_actions_total{action="command",outcome="done"} 2',
            'tidegate_alert_actions_total{action="webhook",outcome="done"} 2',
            'tidegate_alert_actions_total{action="webhook",outcome="failed"} 0',
        }
        <= metrics(api),
        "the counts of what was done",
    )
    (told,) = figures(api)["alerts"]
    assert told["state"] == "clear" and [change["state"] for change in told["history"]] == ["raised", "recovered"]


def test_what_an_alert_cannot_do_is_told_without_secrets(lab, tidegate, tmp_path, web, hooks, api):  # pylint: disable=unused-argument
    hooks.statuses = [400] * 8
    alert = busy({"command": "echo said; exit 3"}, {"webhook": f"http://127.0.0.1:{HOOKS}/secret"}, min_raised="1h")
    daemon = tidegate.run(config(tmp_path, watch(alert)))
    raise_it(lab, daemon)
    texts = wait_until(
        lambda: len(found := [event["text"] for event in daemon.events(kind="trouble")]) == 2 and found, lambda: daemon.events()
    )
    assert sorted(texts) == ["alert busy: its command exited 3", f"post http://127.0.0.1:{HOOKS}: status 400"], texts
    assert 'tidegate_alert_raised{watch="shop",alert="busy"} 1' in metrics(api)
    assert 'tidegate_alert_actions_total{action="webhook",outcome="failed"} 1' in metrics(api)
    daemon.wait_for_log("alert shop/busy: said")
    assert "secret" not in daemon.log()


def test_a_dry_run_only_says_what_alerts_would_do(lab, tidegate, tmp_path, web, hooks, diary):  # pylint: disable=unused-argument
    alert = busy({"command": diary.note("done")}, {"webhook": f"http://127.0.0.1:{HOOKS}/secret"}, min_raised="1h")
    daemon = tidegate.run(config(tmp_path, watch(alert)), "--dry-run")
    raise_it(lab, daemon)
    daemon.wait_for_log("alert shop/busy: dry run: would run: ")
    daemon.wait_for_log(f"alert shop/busy: dry run: would post to http://127.0.0.1:{HOOKS}$")
    assert not hooks.posted and not diary.lines()


class Sink:
    """Takes all that is sent to it, on the server."""

    def __init__(self, host, port):
        self.listener = host.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind(("127.0.0.1", port))
        self.listener.listen(8)
        self.received = 0
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=self._take, args=self.listener.accept()[:1], daemon=True).start()

    def _take(self, connection):
        with connection, contextlib.suppress(OSError):
            while data := connection.recv(1 << 16):
                self.received += len(data)

    def close(self):
        self.listener.close()


@pytest.fixture
def sink(lab):
    target = Sink(lab.server, 10000)
    yield target
    target.close()


def test_an_alert_slows_a_forward_with_its_open_connections_until_it_recovers(lab, tidegate, tmp_path, web, api, sink):  # pylint: disable=unused-argument
    throttle = {"throttle": {"forward": "bulk", "to": "800kbit/s"}}
    bulk = {"name": "bulk", "listen": "0.0.0.0:10001", "target_port": 10000}
    raised = watch(busy(throttle, min_raised="1h"), busy({"throttle": {"forward": "bulk", "to": "8Gbit/s"}}, name="mild", min_raised="1h"))
    daemon = tidegate.run(config(tmp_path, raised, forwards=[bulk]))
    with lab.client1.socket() as connection:
        connection.settimeout(DEADLINE)
        connection.connect((SERVER, 10001))
        connection.sendall(b"x")
        wait_until(lambda: sink.received == 1, "the first byte")
        assert daemon.forward("bulk")["state"] == "open"
        raise_it(lab, daemon, count=2)
        wait_until(lambda: daemon.forward("bulk")["state"] == "throttled", "the throttle")

        # At 100,000 bytes a second, after a burst of 64 KiB, 300,000 bytes more take over two seconds.
        began = time.monotonic()
        connection.sendall(bytes(300_000))
        wait_until(lambda: sink.received == 300_001, lambda: f"{sink.received} bytes")
        assert time.monotonic() - began > 2

        # Other settings of the forward: its connection stays under the old ones, and is slow all the same.
        tidegate.configure(config(tmp_path, raised, forwards=[bulk | {"connections": {"all": 100}}]))
        daemon.ask("reload")
        assert daemon.forward("bulk")["state"] == "throttled"
        began = time.monotonic()
        connection.sendall(bytes(300_000))
        wait_until(lambda: sink.received == 600_001, lambda: f"{sink.received} bytes")
        assert time.monotonic() - began > 2

        # The watch is another now, so its alerts hold no more; slow, this would take a hundred seconds.
        tidegate.configure(config(tmp_path, watch(), forwards=[bulk | {"connections": {"all": 100}}]))
        daemon.ask("reload")
        assert daemon.forward("bulk")["state"] == "open"
        connection.sendall(bytes(10_000_000))
        wait_until(lambda: sink.received == 10_600_001, lambda: f"{sink.received} bytes")


def test_a_forward_is_as_before_when_the_alert_has_recovered(lab, tidegate, tmp_path, web, api, sink):  # pylint: disable=unused-argument
    throttle = {"throttle": {"forward": "bulk", "to": "800kbit/s"}}
    bulk = {"name": "bulk", "listen_port": 10001, "target_port": 10000}
    daemon = tidegate.run(config(tmp_path, watch(busy(throttle)), forwards=[bulk]))
    for count in (1, 2):
        raise_it(lab, daemon, count)
        daemon.wait_for_event("alert recovered", count=count)
        assert daemon.forward("bulk")["state"] == "open"
        assert len(daemon.events(kind="alert raised")) == count


# --- privacy


def run_everything(lab, tidegate, tmp_path, hooks, diary, privacy):
    """A daemon to which clients come in every way that there is; the daemon, and all it ever said."""
    key = tmp_path / "privacy.key"
    key.write_text("5a" * 32)
    key.chmod(0o600)
    woken = diary.note("woken by $TIDEGATE_SOURCE_ADDRESS") + '; echo "for $TIDEGATE_SOURCE_ADDRESS"'
    service = diary.service("knocked", ["udp/9000"]) | {"start": woken}
    forwards = [
        {"name": "bulk", "listen": "0.0.0.0:10001", "target_port": 10000},
        {"name": "held", "listen": "0.0.0.0:10002", "target_port": 10000, "service": "wanted"},
        {"name": "proxied", "listen": "0.0.0.0:10003", "target_port": 10000, "proxy_protocol": {"accept_from": ["any"]}},
    ]
    wanted = {"name": "wanted", "start": diary.note("start wanted"), "ready": "none"}
    alert = busy({"webhook": f"http://127.0.0.1:{HOOKS}/"}, {"command": diary.note("$TIDEGATE_TEXT")}, min_raised="1h")
    everything = config(
        tmp_path,
        watch(alert),
        services=[service, wanted],
        forwards=forwards,
        tallies=[{"name": "knocks", "interface": "eth1"}],
        api={"listen": f"0.0.0.0:{PORT}", "token": "t"},
        log={"level": "debug", "format": "text"},
        privacy=privacy | {"key_file": str(key)},
    )
    daemon = tidegate.run(everything)
    api = Api(lab.server, token="t")
    knock_udp(lab.client1, 9000)
    daemon.wait_for_event("ready", "knocked")
    with contextlib.ExitStack() as stack:
        for port in (10001, 10002):
            connection = stack.enter_context(lab.client1.socket())
            connection.connect((SERVER, port))
            connection.sendall(b"hello")
        rude = stack.enter_context(lab.client1.socket())
        rude.connect((SERVER, 10003))
        rude.sendall(b"GET / HTTP/1.0\r\n\r\n")
        broken = stack.enter_context(lab.client1.socket())
        broken.connect((SERVER, PORT))
        broken.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
        broken.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        broken.close()
        daemon.wait_for_event("ready", "wanted")
        daemon.wait_for_event("trouble")
        raise_it(lab, daemon)
        hooks.wait_for_posts(1)
        wait_until(lambda: len(api.get("/api/v1/clients")["clients"]) >= 2, "the clients of the forwards")
        wait_until(lambda: api.get("/api/v1/tallies/knocks")["connections"] >= 4, "the tally")
        paths = ["/metrics", "/api/stats", *(path for path in api.get("/api/v1/openapi.json")["paths"] if "{" not in path)]
        paths.remove("/api/v1/stream")
        paths += [f"/api/v1/{what}" for what in ("watches/shop", "tallies/knocks", "services/knocked", "forwards/bulk/clients")]
        said = {path: api.ask("GET", path)[2] for path in paths}
        seen = ("watch", "service", "forward")
        said["stream"] = json.dumps(events_of(api, lambda found: set(seen) <= {kind for kind, _ in found}, since=0))
        for command in ("status", "events", "clients", "watches", "tallies", "forwards"):
            said[command] = json.dumps(daemon.ask(command))
        for name in ("knocked", "wanted"):
            said[f"why {name}"] = json.dumps(daemon.why(name))
        for words in (["status"], ["why", "knocked"], ["why", "wanted"], ["events"], ["top", "--once"], ["top", "--once", "--format", "json"]):
            said[" ".join(words)] = tidegate.ctl(*words).stdout
    diary.wait_for("start wanted")
    return daemon, said


def outputs(daemon, said, tmp_path, hooks, diary):
    """All that the daemon said and wrote, as bytes by where."""
    said = said | {"log": daemon.log(), "output": daemon.output(), "webhooks": json.dumps(hooks.posted), "commands": "\n".join(diary.lines())}
    stores = {path.name: path.read_bytes() for path in tmp_path.glob("store.db*") if path.is_file()}
    assert "store.db" in stores
    return {where: text.encode() for where, text in said.items()} | stores


@pytest.mark.parametrize(("mode", "name"), [("none", CLIENT), ("hash", None), ("prefix", None)])
def test_no_output_shows_the_address_of_a_client_where_it_is_to_be_hidden(lab, tidegate, tmp_path, web, hooks, diary, sink, mode, name):  # pylint: disable=unused-argument
    daemon, said = run_everything(lab, tidegate, tmp_path, hooks, diary, {"mode": mode})
    assert daemon.end()[0] == 0
    everything = outputs(daemon, said, tmp_path, hooks, diary)
    name = name or json.loads(said["/api/v1/tallies/knocks"])["sources"][0]["source"]
    shows = {where for where, text in everything.items() if CLIENT.encode() in text}
    if mode != "none":
        assert not shows, {where: everything[where][:2000] for where in shows}
    named = {where for where, text in everything.items() if name.encode() in text}
    expected = {
        "log", "commands", "events", "status", "why knocked", "why wanted", "clients", "watches", "tallies", "stream", "store.db", "/metrics",
        "/api/v1/clients", "/api/v1/events", "/api/v1/services", "/api/v1/watches", "/api/v1/watches/shop", "/api/v1/tallies/knocks",
        "/api/v1/forwards/bulk/clients",
    }  # fmt: skip
    assert expected <= named, (name, expected - named)


def test_a_tally_may_be_more_private_than_the_rest(lab, tidegate, tmp_path, web, api):  # pylint: disable=unused-argument
    key = tmp_path / "privacy.key"
    key.write_text("5a" * 32)
    key.chmod(0o600)
    tallies = [{"name": "plain", "interface": "eth1"}, {"name": "hidden", "interface": "eth1", "privacy": "hash"}]
    daemon = tidegate.run(config(tmp_path, tallies=tallies, privacy={"key_file": str(key)}))
    with lab.client1.socket() as connection:
        connection.connect((SERVER, WEB))
    wait_until(lambda: [tally["connections"] for tally in api.get("/api/v1/tallies")["tallies"]] == [1, 1], "the connection")
    plain, hidden = (tally["sources"][0]["source"] for tally in api.get("/api/v1/tallies")["tallies"])
    assert plain == CLIENT and len(hidden) == 16
    key.write_text("a5" * 32)
    daemon.ask("reload")
    (other,) = api.get("/api/v1/tallies/hidden")["sources"]
    assert other["connections"] == 1 and other["source"] != hidden, "the key is read again, and the count goes on"


@pytest.mark.parametrize(
    ("contents", "mode", "fault"), [(None, 0o600, "No such file"), ("short", 0o600, "5 bytes (at least 32 are needed"), ("5a" * 32, 0o644, "others may use it")]
)
def test_a_key_that_cannot_be_used_is_an_error_of_the_configuration(tidegate, tmp_path, contents, mode, fault):
    key = tmp_path / "privacy.key"
    if contents is not None:
        key.write_text(contents)
        key.chmod(mode)
    tidegate.configure(config(tmp_path, watch(), privacy={"mode": "hash", "key_file": str(key)}))
    refused = tidegate.ctl("run", "-c", tidegate.config)
    assert refused.returncode in (1, 2) and "privacy.key_file: read the key" in refused.stderr and fault in refused.stderr, refused
