"""What carries the traffic in bench/forward, bench/hold and bench/soak: a network namespace of its own, the servers, and
before them tidegate, HAProxy, nginx, or nothing. All of it in the foreground, with its files in a temporary folder, and
ended by its process id."""

import copy
import itertools
import json
import os
import pathlib
import resource
import socket
import subprocess
import sys
import tempfile
import time

import report

sys.path.insert(0, str(report.ROOT / "tests"))
from support.netns import Host  # noqa: E402
from support.tidegate import Daemon, Process  # noqa: E402
from support.waiting import wait_until  # noqa: E402

ADDRESS = "127.0.0.1"
DEADLINE = 10.0
SETTINGS = {
    "ipv4/ip_local_port_range": "10000 65535",  # below them all ports are free: nobody else is here
    "ipv4/tcp_tw_reuse": "1",  # a new connection each time, for seconds
}
NGINX_STREAM = "/usr/lib/nginx/modules/ngx_stream_module.so"


class Trouble(Exception):
    """A generator or a proxy did not do what it should."""


class Place:
    """Where everything runs."""

    def __init__(self, stack, build):
        self.binary, self.tools = build / "src/tidegate", build / "bench"
        self.stack = stack
        self.folder = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tidegate-bench-")))
        self.host = Host(f"tidegate-bench-{os.getpid()}")
        stack.callback(self.host.close)
        with self.host.entered():
            for key, value in SETTINGS.items():
                pathlib.Path("/proc/sys/net", key).write_text(value, encoding="ascii")
        self._ports = itertools.count(2000)
        most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))

    def within(self, stack):
        """The same place, but what is started there ends with this stack."""
        other = copy.copy(self)
        other.stack = stack
        return other

    def port(self):
        return next(self._ports)

    def start(self, *argv, env=None):
        process = Process(self.host, argv, self.folder, env)
        self.stack.callback(process.close)
        return process

    def tool(self, name, *words):
        return [str(word) for word in (self.tools / name, *words)]

    def server(self, name, port, *words):
        self.start(*self.tool(name, ADDRESS, port, *words)).wait_for_output("^listening$", DEADLINE)
        return port

    def generate(self, name, *words, seconds):
        """Runs a load generator to its end; what it says. `seconds`: how long it may take."""
        argv = self.host.command(*self.tool(name, ADDRESS, *words))
        with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True) as process:
            try:
                answer, complaint = process.communicate(timeout=seconds + 2 * DEADLINE)
            except subprocess.TimeoutExpired:
                raise Trouble(f"{name} {' '.join(map(str, words))}: no end after {seconds + 2 * DEADLINE:g} s") from None
            finally:
                process.kill()
        if process.returncode != 0:
            raise Trouble(f"{name} {' '.join(map(str, words))}: {complaint.strip()}")
        return json.loads(answer)

    def listens(self, port):
        with self.host.socket() as client:
            client.settimeout(DEADLINE)
            return client.connect_ex((ADDRESS, port)) == 0

    def tidegate(self, name, config, env=None):
        """`tidegate run` with this configuration, its store and its control socket here."""
        folder = self.folder / name
        folder.mkdir()
        control = folder / "control.sock"
        file = folder / "tidegate.yaml"
        file.write_text(json.dumps({"store": str(folder / "tidegate.db"), "control": str(control)} | config), encoding="utf-8")
        daemon = Daemon(self.host, [self.binary, "run", "-c", file], folder, control, env)
        self.stack.callback(daemon.close)
        wait_until(daemon.answers, lambda: f"tidegate's answer:\n{daemon.log()}", DEADLINE)
        return daemon


class Servers:
    """The targets: TCP and UDP on one port; on another UDP with merged datagrams (GRO in, GSO out)."""

    def __init__(self, place):
        self.port, self.merged = place.port(), place.port()
        place.server("tcp_server", self.port)
        place.server("udp_server", self.port, "plain")
        place.server("udp_server", self.merged, "segment")


class Proxy:
    """Two ports, like those of the servers behind them, and the process that has them, if any."""

    def __init__(self, port, merged, process=None):
        self.port, self.merged, self.process = port, merged, process

    def pids(self):
        """The process and its children."""
        if self.process is None:
            return []
        pid = self.process.pid
        children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii")
        return [pid, *map(int, children.split())]

    def cpu(self):
        """Seconds of processor time so far; None where there is no process."""
        if self.process is None:
            return None
        if not self.process.running():
            raise Trouble(f"{self.process.argv[0]} ended with {self.process.process.returncode}: {self.process.log()[-500:]}")
        return sum(map(report.cpu_seconds, self.pids()))

    def memory(self):
        """Bytes of user memory of its own: what is Anonymous in smaps_rollup."""
        total = 0
        for pid in self.pids():
            for line in pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines():
                if line.startswith("Anonymous:"):
                    total += int(line.split()[1]) * 1024
        return total


def direct(place, servers, name):
    del place, name
    return Proxy(servers.port, servers.merged)


def tidegate_forward(name, listen, target, protocol="both"):
    return {"name": name, "listen": f"{ADDRESS}:{listen}", "targets": [f"{ADDRESS}:{target}"], "protocol": protocol}


def tidegate(place, servers, name, threads=1):
    port, merged = place.port(), place.port()
    forwards = [tidegate_forward("plain", port, servers.port), tidegate_forward("merged", merged, servers.merged, "udp")]
    return Proxy(port, merged, place.tidegate(name, {"data_threads": threads, "forwards": forwards}))


def tidegate_2(place, servers, name):
    return tidegate(place, servers, name, threads=2)


def tidegate_kernel(place, servers, name):
    """By engine kernel: rules of nf_tables, in the same namespace. Tracked connections and rules cost whoever is there,
    so they are there only while it has its turn (see TURNS)."""
    _forget_connections_after(place)
    port, merged = place.port(), place.port()
    forwards = [tidegate_forward("plain", port, servers.port), tidegate_forward("merged", merged, servers.merged, "udp")]
    config = {"data_threads": 1, "forwards": [forward | {"engine": "kernel"} for forward in forwards]}
    return Proxy(port, merged, place.tidegate(f"{name}-{port}", config))


def dnat(place, servers, name):
    """The least that the kernel takes to lead a port elsewhere: one rule for each, by hand, which counts nothing."""
    del name
    _forget_connections_after(place)
    port, merged = place.port(), place.port()
    ways = {port: ("{ tcp, udp }", servers.port), merged: ("udp", servers.merged)}
    rules = [f"meta l4proto {protocol} th dport {own} dnat to {ADDRESS}:{target}" for own, (protocol, target) in ways.items()]
    chains = [f"chain {hook} {{ type nat hook {hook} priority -100; {'; '.join(rules)}; }}\n" for hook in ("prerouting", "output")]
    place.host.run("nft", "-f", "-", input="table ip bench {\n" + "".join(chains) + "}\n", check=True)
    place.stack.callback(place.host.run, "nft", "delete table ip bench")
    return Proxy(port, merged)


def _forget_connections_after(place):
    """The kernel remembers closed connections for two minutes: those of one turn would slow the next."""
    place.stack.callback(place.host.run, "conntrack", "-F", check=True)


def haproxy(place, servers, name, options=""):
    """One thread; buffers and all else as Debian has it. No UDP: HAProxy has none."""
    port = place.port()
    file = place.folder / f"{name}.cfg"
    file.write_text(
        f"""global
    nbthread 1
    maxconn 8000
defaults
    mode tcp
    {options}
    timeout connect 5s
    timeout client 1m
    timeout server 1m
listen bench
    bind {ADDRESS}:{port}
    server target {ADDRESS}:{servers.port}
""",
        encoding="ascii",
    )
    return _listening(place, Proxy(port, None, place.start("haproxy", "-db", "-f", file)))


def haproxy_splice(place, servers, name):
    return haproxy(place, servers, name, "option splice-auto")


def nginx(place, servers, name):
    """One worker; buffers and all else as Debian has it, but with the room for datagrams that tidegate has."""
    port, merged = place.port(), place.port()
    folder = place.folder / name
    folder.mkdir()
    file = folder / "nginx.conf"
    file.write_text(
        f"""load_module {NGINX_STREAM};
daemon off;
worker_processes 1;
worker_rlimit_nofile {resource.getrlimit(resource.RLIMIT_NOFILE)[0]};
pid {folder}/pid;
events {{ worker_connections 16384; }}
stream {{
    access_log off;
    proxy_timeout 60s;
    server {{ listen {ADDRESS}:{port}; proxy_pass {ADDRESS}:{servers.port}; }}
    server {{ listen {ADDRESS}:{port} udp rcvbuf=4m; proxy_pass {ADDRESS}:{servers.port}; }}
    server {{ listen {ADDRESS}:{merged} udp rcvbuf=4m; proxy_pass {ADDRESS}:{servers.merged}; }}
}}
""",
        encoding="ascii",
    )
    return _listening(place, Proxy(port, merged, place.start("nginx", "-p", folder, "-e", "stderr", "-c", file)))


def _listening(place, proxy):
    def ready():
        if not proxy.process.running():
            raise Trouble(f"{proxy.process.argv[0]} ended:\n{proxy.process.log()}")
        return place.listens(proxy.port)

    wait_until(ready, lambda: f"{proxy.process.argv[0]} to listen:\n{proxy.process.log()}", DEADLINE)
    return proxy


MAKERS = {
    "direct": direct,
    "tidegate": tidegate,
    "tidegate-2": tidegate_2,
    "tidegate-kernel": tidegate_kernel,
    "dnat": dnat,
    "haproxy": haproxy,
    "haproxy-splice": haproxy_splice,
    "nginx": nginx,
}

TURNS = ("tidegate-kernel", "dnat")  # started for each turn, and ended with it
