"""Many clients at once, none of which tries again: what goes wrong for one of them is seen."""

import functools
import socket
import threading

from .netns import server_address
from .packets import family_of
from .waiting import DEADLINE


class Crowd:
    """A thread for each of some clients; what each came to, in order, or the first trouble raised."""

    def __init__(self, *tasks):
        self.outcomes, self.troubles = [None] * len(tasks), []
        self.threads = [threading.Thread(target=self._run, args=(i, task), daemon=True) for i, task in enumerate(tasks)]
        for thread in self.threads:
            thread.start()

    def _run(self, index, task):
        try:
            self.outcomes[index] = task()
        except Exception as trouble:  # pylint: disable=broad-exception-caught  handed on in join()
            self.troubles.append(trouble)

    def join(self, deadline=2 * DEADLINE):
        for thread in self.threads:
            thread.join(deadline)
            assert not thread.is_alive(), "a client did not come to its end"
        if self.troubles:
            raise self.troubles[0]
        return self.outcomes


def crowd_of(count, ask):
    """So many clients that ask; `ask` is given the client's number."""
    return Crowd(*[functools.partial(ask, number) for number in range(count)])


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
