"""Traffic through a forward: configurations, servers behind it, clients before it, and what each of them received.

A server has a thread for each connection; what a handler returns, a number of bytes as a rule, is in `results`. Ports
are fixed: every test has its own network namespaces."""

import contextlib
import socket
import threading

from .packets import family_of
from .waiting import DEADLINE, wait_until

LISTEN, TARGET = 7000, 7001
CHUNK = 65536


def forward(name="web", listen=LISTEN, target=TARGET, **keys):
    return {"name": name, "listen_port": listen, "target_port": target} | keys


def forwarding(folder, *forwards, **keys):
    """A configuration with a store, so that what was counted is there after a restart."""
    return {"store": str(folder / "store.db"), "data_threads": 2, "forwards": list(forwards)} | keys


# --- handlers of a connection


def echo(connection):
    """Sends back what comes, until its end."""
    count = 0
    while data := connection.recv(CHUNK):
        count += len(data)
        connection.sendall(data)
    return count


def drain(connection):
    """Reads until the end, whichever it is, and gives how much came."""
    buffer, count = bytearray(1 << 20), 0
    with contextlib.suppress(OSError):
        while got := connection.recv_into(buffer):
            count += got
    return count


def pour(connection, most=1 << 50):
    """Sends so much, or until nobody takes any more."""
    block = bytes(CHUNK)
    with contextlib.suppress(OSError):
        while most > 0:
            connection.sendall(block[: min(most, CHUNK)])
            most -= CHUNK
        connection.shutdown(socket.SHUT_WR)
    return 0


def either_way(connection):
    """Is told by its first byte whether it is sent to ("u") or sends ("d"); gives what it received."""
    way = connection.recv(1)
    return len(way) + (drain(connection) if way == b"u" else pour(connection))


class TcpServer:
    """Listens on a host at an address and port, or a UNIX path, until it is closed."""

    def __init__(self, host, handler, port=TARGET, address="127.0.0.1", path=None):
        self.handler, self.results, self.peers, self.open = handler, [], [], set()
        self.listener = host.socket(socket.AF_UNIX if path else family_of(address))
        if path:
            self.listener.bind(str(path))
        else:
            self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self.listener.bind((address, port))
        self.listener.listen(4096)
        self.threads = [threading.Thread(target=self._accept, daemon=True)]
        self.threads[0].start()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                connection, peer = self.listener.accept()
                connection.settimeout(DEADLINE * 2)
                self.peers.append(peer)
                self.open.add(connection)
                self.threads.append(threading.Thread(target=self._serve, args=(connection,), daemon=True))
                self.threads[-1].start()

    def _serve(self, connection):
        result = None
        with contextlib.suppress(OSError), connection:
            result = self.handler(connection)
        self.open.discard(connection)
        self.results.append(result)

    def wait_for_results(self, count=1):
        """What so many connections came to, when they have ended."""
        wait_until(lambda: len(self.results) >= count, lambda: f"{count} ended connections: {self.results}")
        return self.results

    def close(self):
        for connection in [self.listener, *self.open]:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for thread in self.threads:
            thread.join(DEADLINE)


class UdpEcho:
    """Sends every datagram back to where it came from, and remembers them all."""

    def __init__(self, host, port=TARGET, address="127.0.0.1"):
        self.received, self.peers = [], []
        self.socket = host.socket(family_of(address), socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        self.socket.bind((address, port))
        self.socket.settimeout(0.1)
        self.ending = False
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _serve(self):
        while not self.ending:
            with contextlib.suppress(OSError):
                data, peer = self.socket.recvfrom(65536)
                self.received.append(data)
                self.peers.append(peer)
                self.socket.sendto(data, peer)

    def close(self):
        self.ending = True
        self.thread.join(DEADLINE)
        self.socket.close()


# --- clients


def connect(host, address="127.0.0.1", port=LISTEN, timeout=DEADLINE):
    connection = host.socket(family_of(address))
    connection.settimeout(timeout)
    connection.connect((address, port))
    return connection


def udp_client(host, address="127.0.0.1", port=LISTEN, timeout=DEADLINE):
    """Connected: it hears only what comes from the address it sends to."""
    client = host.socket(family_of(address), socket.SOCK_DGRAM)
    client.settimeout(timeout)
    client.connect((address, port))
    return client


def read(connection, count):
    """So many bytes, or fewer where the end comes before."""
    data = b""
    while len(data) < count and (more := connection.recv(count - len(data))):
        data += more
    return data


def exchange(connection, data=b"ping"):
    """Sends it, and gives as many bytes of the answer."""
    connection.sendall(data)
    return read(connection, len(data))


def answer_of(connection, request=b""):
    """All that comes until the end: b"…", or "reset"."""
    try:
        if request:
            connection.sendall(request)
        return b"".join(iter(lambda: connection.recv(CHUNK), b""))
    except ConnectionResetError:
        return "reset"


def fate(host, address="127.0.0.1", port=LISTEN, request=b""):
    """answer_of() a new connection, which may be reset before it knows that it is one."""
    try:
        connection = connect(host, address, port)
    except ConnectionResetError:
        return "reset"
    with connection:
        return answer_of(connection, request)


def upload(host, address="127.0.0.1", port=LISTEN, when=None):
    """Sends for as long as it is let, to a server of either_way(), after the event `when`; gives what it received."""
    with contextlib.suppress(ConnectionError), connect(host, address, port) as connection:
        connection.sendall(b"u")
        assert when is None or when.wait(DEADLINE)
        pour(connection)
        return drain(connection)
    return 0


def download(host, address="127.0.0.1", port=LISTEN, when=None):  # pylint: disable=unused-argument  the server begins
    """Reads to the end what a server of either_way() sends; gives how much."""
    with contextlib.suppress(ConnectionError), connect(host, address, port) as connection:
        connection.sendall(b"d")
        return drain(connection)
    return 0
