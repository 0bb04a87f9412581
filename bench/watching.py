"""A veth pair between two network namespaces, tidegate at one end and a sender at the other: what bench/wake and bench/sensors share."""

import contextlib
import json
import os
import pathlib
import select
import socket
import subprocess
import sys
import tempfile

import report

sys.path.insert(0, str(report.ROOT / "tests"))
from support.netns import Lab, server_address  # noqa: E402
from support.tidegate import Daemon, Process  # noqa: E402
from support.waiting import wait_until  # noqa: E402

INTERFACE = "eth1"  # the server's end
PORT, PEER_PORT, SOCKET_PORT = 9001, 9002, 9004
SENSORS = ("kernel", "pcap", "nflog")
DEADLINE = 5.0  # for anything that takes milliseconds


class Watching:
    """The namespaces, the programs in them, and how to end them all."""

    def __init__(self, stack, build):
        self.binary, self.tools = build / "src/tidegate", build / "bench"
        self.folder = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tidegate-bench-")))
        self.lab = Lab()
        stack.callback(self.lab.close)
        self.stamps = self.folder / "stamps"
        os.mkfifo(self.stamps)
        self.fifo = os.open(self.stamps, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        stack.callback(os.close, self.fifo)
        self.env = {"STAMP_TO": str(self.stamps)}

    def tool(self, name):
        return str(self.tools / name)

    @contextlib.contextmanager
    def nflog(self, ports):
        """Rules that hand the datagrams for each port to the group of its number; there only while nflog is measured."""
        lines = "\n".join(f"udp dport {port} log group {port}" for port in ports)
        table = f"t{ports[0]}"
        made = self.lab.server.run("nft", "-f", "-", input=f"table inet {table} {{ chain in {{ type filter hook input priority 0;\n{lines}\n}}; }}\n")
        if made.returncode != 0:
            raise RuntimeError(f"nft cannot log to a group here: {made.stderr}")
        try:
            yield
        finally:
            self.lab.server.run("nft", "delete", "table", "inet", table)

    @contextlib.contextmanager
    def daemon(self, sensor="pcap", **ports):
        """tidegate with services of these names and UDP ports, watched by that sensor, whose start command is `stamp`."""
        names = "-".join(ports)
        config, control = self.folder / f"{sensor}-{names}.yaml", self.folder / f"{sensor}-{names}.sock"
        watched = {
            port: {"sensors": [{"nflog": {"group": port}}]} if sensor == "nflog" else {"ports": [f"udp/{port}"], "interface": INTERFACE, "sensor": sensor}
            for port in ports.values()
        }
        services = [
            {"name": name, "start": [self.tool("stamp")], "ready": "none", "found": "ignore"} | watched[port] for name, port in ports.items()
        ]
        config.write_text(json.dumps({"services": services}), encoding="utf-8")
        argv = [self.binary, "run", "-c", config, "--control", control]
        with contextlib.ExitStack() as stack:
            if sensor == "nflog":
                stack.enter_context(self.nflog(list(ports.values())))
            daemon = stack.enter_context(contextlib.closing(Daemon(self.lab.server, argv, self.folder, control, self.env)))
            wait_until(daemon.answers, "tidegate's answer", DEADLINE)
            yield daemon

    @contextlib.contextmanager
    def peer(self, name, *words):
        """One of bench/peer_*.c, which wakes `stamp` its way."""
        peer = Process(self.lab.server, [self.tool(name), *words, self.tool("stamp")], self.folder, self.env)
        with contextlib.closing(peer):
            peer.wait_for_output("^listening$", DEADLINE)
            yield peer

    @contextlib.contextmanager
    def knocker(self):
        """Gives a function that sends one datagram to a port and says when."""
        argv = self.lab.client1.command(self.tool("knock"), server_address())
        with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0) as process:

            def knock(port):
                process.stdin.write(f"{port}\n".encode())
                return int(read_within(process.stdout.fileno(), "knock's answer"))

            try:
                yield knock
            finally:
                process.kill()

    def stamped(self, after):
        """Milliseconds from `after` until the start command ran."""
        stamp = int(read_within(self.fifo, "the start command's stamp"))
        if stamp < after:
            raise AssertionError("a start command ran before there was a packet")
        return (stamp - after) / 1e6

    @contextlib.contextmanager
    def sink(self):
        """A socket that takes what is flooded and reads nothing, so that the kernel answers nothing either."""
        with self.lab.server.socket(kind=socket.SOCK_DGRAM) as sink:
            sink.bind((server_address(), PORT))
            yield

    def flood(self, rate, seconds, meanwhile=lambda: None):
        argv = self.lab.client1.command(self.tool("flood"), server_address(), PORT, rate, seconds)
        with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as process:
            try:
                meanwhile()
                answer, _ = process.communicate(timeout=seconds + DEADLINE)
            finally:
                process.kill()
        return json.loads(answer)

    def lost_on_the_wire(self):
        """What never got as far as the server's sensor: the backlog of the receiving core was full."""
        link = json.loads(self.lab.server.run("ip", "-j", "-s", "link", "show", INTERFACE).stdout)[0]
        return link["stats64"]["rx"]["dropped"]


def read_within(descriptor, what):
    if not select.select([descriptor], [], [], DEADLINE)[0]:
        raise AssertionError(f"not within {DEADLINE:g} s: {what}")
    return os.read(descriptor, 100)
