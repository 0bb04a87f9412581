"""Hosts for a test: network namespaces joined by veth pairs (ip-netns(8), veth(4)).

    client1 eth0 ────── eth1 server eth2 ────── eth0 client2

The server has 10.77.N.1 and fd77:N::1 on ethN, client N has 10.77.N.2 and fd77:N::2. Inside a namespace nothing is
shared with anybody, so ports and names are fixed there. Nothing speaks by itself: no duplicate address detection, no
router solicitations, no multicast listener reports beyond what the kernel insists on.
"""

import contextlib
import ctypes
import itertools
import os
import signal
import socket
import subprocess

from .waiting import wait_until

CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)
_numbers = itertools.count(1)


def _setns(descriptor):
    if _libc.setns(descriptor, CLONE_NEWNET) != 0:
        error = ctypes.get_errno()
        raise OSError(error, f"setns: {os.strerror(error)}")


class Host:
    """One network namespace."""

    def __init__(self, name):
        self.name = name
        self.path = f"/run/netns/{name}"
        subprocess.run(["ip", "netns", "add", name], check=True)
        with self.entered():
            for key, value in {
                "ipv6/conf/all/accept_dad": 0,
                "ipv6/conf/default/accept_dad": 0,
                "ipv6/conf/all/router_solicitations": 0,
                "ipv6/conf/default/router_solicitations": 0,
                "ipv6/conf/default/accept_ra": 0,
                "ipv4/ping_group_range": "0 0",
            }.items():
                with open(f"/proc/sys/net/{key}", "w", encoding="ascii") as file:
                    file.write(str(value))
        self.ip("link set lo up")

    @contextlib.contextmanager
    def entered(self):
        """This thread is in the namespace meanwhile; a socket made there stays there."""
        with open("/proc/thread-self/ns/net", "rb") as home, open(self.path, "rb") as there:
            _setns(there.fileno())
            try:
                yield self
            finally:
                _setns(home.fileno())

    def ip(self, *lines):
        """Commands of ip(8), all in one call."""
        subprocess.run(["ip", "-n", self.name, "-batch", "-"], input="\n".join(lines) + "\n", text=True, check=True)

    def command(self, *argv):
        """`argv` so that it runs here, under the same process id."""
        return ["nsenter", f"--net={self.path}", "--", *map(str, argv)]

    def run(self, *argv, **options):
        """Runs a command to its end, its output captured as text."""
        options = {"capture_output": True, "text": True, "timeout": 60} | options
        return subprocess.run(self.command(*argv), **options)

    def socket(self, family=socket.AF_INET, kind=socket.SOCK_STREAM, protocol=0):
        with self.entered():
            return socket.socket(family, kind, protocol)

    def send_frames(self, interface, *frames):
        """Puts whole Ethernet frames on the wire, in order."""
        with self.socket(socket.AF_PACKET, socket.SOCK_RAW) as raw:
            raw.bind((interface, 0))
            for frame in frames:
                raw.send(frame)

    def quiet(self, interface):
        """No IPv6 there, so that the kernel says nothing of its own accord."""
        with self.entered():
            with open(f"/proc/sys/net/ipv6/conf/{interface}/disable_ipv6", "w", encoding="ascii") as file:
                file.write("1")

    def processes(self):
        listed = subprocess.run(["ip", "netns", "pids", self.name], capture_output=True, text=True, check=False)
        return [int(pid) for pid in listed.stdout.split()]

    def close(self):
        """Ends what still runs in the namespace, which only this test can have started, and removes it."""

        def all_ended():
            left = self.processes()
            for pid in left:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            return not left

        try:
            wait_until(all_ended, f"the end of what runs in {self.name}")
        finally:
            subprocess.run(["ip", "netns", "delete", self.name], check=False)


class Lab:
    """A server and two clients, each on a link of its own."""

    def __init__(self):
        self.hosts = []
        self.prefix = f"tg{os.getpid()}-{next(_numbers)}"
        try:
            self.server = self.add_host("server")
            self.client1 = self.add_host("client1")
            self.client2 = self.add_host("client2")
            self.join(1, self.client1)
            self.join(2, self.client2)
        except BaseException:
            self.close()
            raise

    def add_host(self, name):
        """One more, joined to nobody yet; removed with the others."""
        host = Host(f"{self.prefix}-{name}")
        self.hosts.append(host)
        return host

    def join(self, number, client):
        """The link between the server's eth`number` and the client's eth0, up and ready."""
        self.server.ip(
            f"link add eth{number} address {server_mac(number)} type veth "
            f"peer name eth0 address {client_mac(number)} netns {client.name}"
        )
        for host, device, end in ((self.server, f"eth{number}", 1), (client, "eth0", 2)):
            host.ip(
                f"addr add 10.77.{number}.{end}/24 dev {device}",
                f"addr add fd77:{number}::{end}/64 dev {device} nodad",
                f"link set {device} up",
            )

    def route_clients(self):
        """Each client finds what is not on its own link through the server."""
        for number, client in ((1, self.client1), (2, self.client2)):
            client.ip(*(f"route add default via {server_address(number, family)}" for family in (socket.AF_INET, socket.AF_INET6)))

    def close(self):
        with contextlib.ExitStack() as stack:
            for host in self.hosts:
                stack.callback(host.close)


def server_mac(number):
    return f"02:77:00:00:0{number}:01"


def client_mac(number):
    return f"02:77:00:00:0{number}:02"


def server_address(number=1, family=socket.AF_INET):
    return f"10.77.{number}.1" if family == socket.AF_INET else f"fd77:{number}::1"


def client_address(number=1, family=socket.AF_INET):
    return f"10.77.{number}.2" if family == socket.AF_INET else f"fd77:{number}::2"
