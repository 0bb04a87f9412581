"""Many clients at once, none of which tries again: what goes wrong for one of them is seen."""

import concurrent.futures
import socket

from .netns import server_address
from .waiting import DEADLINE


def family_of(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def ask_tcp_once(host, port, address=server_address(), deadline=DEADLINE):
    """The body of the answer to one request over one connection."""
    with host.socket(family_of(address)) as client:
        client.settimeout(deadline)
        client.connect((address, port))
        client.sendall(b"GET / HTTP/1.0\r\n\r\n")
        answer = b"".join(iter(lambda: client.recv(4096), b""))
    return answer.partition(b"\r\n\r\n")[2].decode()


def ask_udp_once(host, port, address=server_address(), payload=b"ping", deadline=DEADLINE):
    """What comes back for one datagram; a refusal by ICMP is an error."""
    with host.socket(family_of(address), socket.SOCK_DGRAM) as client:
        client.settimeout(deadline)
        client.connect((address, port))
        client.send(payload)
        return client.recv(65535)


class Crowd:
    """`count` clients that ask, each in a thread of its own; `ask` is given the client's number."""

    def __init__(self, ask, count):
        self.pool = concurrent.futures.ThreadPoolExecutor(count)
        self.answers = [self.pool.submit(ask, number) for number in range(count)]

    def all(self, deadline=2 * DEADLINE):
        """Every answer, in order; the first error of any is raised."""
        try:
            return [answer.result(deadline) for answer in self.answers]
        finally:
            self.pool.shutdown(wait=True)
