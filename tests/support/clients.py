"""Clients that try again, as people's programs do: curl --retry-connrefused in a few lines."""

import socket
import time

from .netns import server_address
from .waiting import DEADLINE


def ask_tcp(host, port, address=server_address(), deadline=DEADLINE):
    """The body of the first answer over TCP; a refusal, a reset or a silence is tried again."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    end = time.monotonic() + deadline
    while True:
        try:
            with host.socket(family) as connection:
                connection.settimeout(2)
                connection.connect((address, port))
                connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
                answer = b"".join(iter(lambda: connection.recv(4096), b""))
                if answer:
                    return answer.partition(b"\r\n\r\n")[2].decode()
        except OSError as error:
            trouble = error
        else:
            trouble = "an empty answer"
        if time.monotonic() >= end:
            raise AssertionError(f"tcp {address}:{port}: no answer within {deadline:g} s: {trouble}")
        time.sleep(0.05)


def ask_udp(host, port, address=server_address(), deadline=DEADLINE):
    """Sends a datagram again and again until it comes back; its port stays the same."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    end = time.monotonic() + deadline
    with host.socket(family, socket.SOCK_DGRAM) as client:
        client.settimeout(0.1)
        client.connect((address, port))
        while True:
            try:
                client.send(b"ping")
                return client.recv(4096).decode()
            except TimeoutError:
                pass
            except ConnectionRefusedError:
                time.sleep(0.05)
            if time.monotonic() >= end:
                raise AssertionError(f"udp {address}:{port}: no answer within {deadline:g} s")


def knock_udp(host, port, address=server_address(), source_port=0, payload=b"knock"):
    """One datagram; nobody waits for an answer. Gives the port it left from."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with host.socket(family, socket.SOCK_DGRAM) as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        client.bind(("", source_port))
        client.sendto(payload, (address, port))
        return client.getsockname()[1]


def knock_tcp(host, port, address=server_address()):
    """One attempt to connect; True where somebody accepted it."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with host.socket(family) as client:
        client.settimeout(2)
        return client.connect_ex((address, port)) == 0
