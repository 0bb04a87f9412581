"""A service to be woken: answers every TCP connection with an HTTP response and every datagram with itself.

    service.py serve NAME [--tcp PORT] [--udp PORT] [--deaf] [--greets]
                                                                in the foreground; --deaf ignores SIGTERM, --greets speaks first
    service.py start PIDFILE NAME …                             in the background, as systemctl does
    service.py stop PIDFILE                                     returns when it has ended

Also a module: the command lines of these for configurations (`serving`, `start_stop`). Run with -I -S: quick to start.
"""

import os
import selectors
import shlex
import signal
import socket
import sys
import time

PYTHON = ["/usr/bin/python3", "-I", "-S", os.path.abspath(__file__)]


def serving(name="service", tcp=None, udp=None, deaf=False, greets=False):
    """The argument list of the service in the foreground."""
    words = [*PYTHON, "serve", name]
    words += ["--tcp", str(tcp)] if tcp else []
    words += ["--udp", str(udp)] if udp else []
    return words + (["--deaf"] if deaf else []) + (["--greets"] if greets else [])


def start_stop(pid_file, name="service", tcp=None, udp=None):
    """A pair of shell lines that start it in the background and stop it."""
    start = [*PYTHON, "start", str(pid_file), *serving(name, tcp, udp)[len(PYTHON) + 1 :]]
    return shlex.join(start), shlex.join([*PYTHON, "stop", str(pid_file)])


def answering(folder, name="service", tcp=None, udp=None, **keys):
    """A service of a configuration that is really there when it was started."""
    start, stop = start_stop(folder / f"{name}.pid", name, tcp, udp)
    ports = ([f"tcp/{tcp}"] if tcp else []) + ([f"udp/{udp}"] if udp else [])
    return {"name": name, "ports": ports, "start": start, "stop": stop, "idle": "30s"} | keys


def _bound(kind, port):
    listener = socket.socket(socket.AF_INET6, kind)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    listener.bind(("::", port))
    if kind == socket.SOCK_STREAM:
        listener.listen(128)
    return listener


def _greet_connection(listener, name):
    connection, _ = listener.accept()
    with connection:
        try:
            connection.sendall(f"220 {name}\r\n".encode())
        except OSError:
            pass  # a probe that went away


def _answer_connection(listener, name):
    connection, _ = listener.accept()
    with connection:
        connection.settimeout(5)
        body = f"hello from {name}\n"
        try:
            connection.recv(4096)
            connection.sendall(f"HTTP/1.0 200 OK\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode())
        except OSError:
            pass  # a client, or a probe, that went away


def _answer_datagram(listener, _name):
    data, sender = listener.recvfrom(65535)
    listener.sendto(data, sender)


def _serve(name, options):
    if "--deaf" in options:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    watched = selectors.DefaultSelector()
    on_connection = _greet_connection if "--greets" in options else _answer_connection
    for flag, kind, answer in (("--tcp", socket.SOCK_STREAM, on_connection), ("--udp", socket.SOCK_DGRAM, _answer_datagram)):
        if flag in options:
            watched.register(_bound(kind, int(options[options.index(flag) + 1])), selectors.EVENT_READ, answer)
    print(f"{name} serves", flush=True)
    while True:
        for key, _ in watched.select():
            key.data(key.fileobj, name)


def _start(pid_file, words):
    child = os.fork()
    if child > 0:
        with open(pid_file, "w", encoding="ascii") as file:
            file.write(str(child))
        return
    os.setsid()
    null = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(null, standard)
    _serve(words[0], words[1:])


def _stop(pid_file):
    with open(pid_file, encoding="ascii") as file:
        pid = int(file.read())
    os.unlink(pid_file)
    try:
        os.kill(pid, signal.SIGTERM)
        while True:
            os.kill(pid, 0)
            with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
                if stat.read().rsplit(")", 1)[1].split()[0] == "Z":
                    return
            time.sleep(0.01)
    except (ProcessLookupError, FileNotFoundError):
        pass


if __name__ == "__main__":
    verb, *words = sys.argv[1:]
    if verb == "serve":
        _serve(words[0], words[1:])
    elif verb == "start":
        _start(words[0], words[1:])
    elif verb == "stop":
        _stop(words[0])
