"""A VPN daemon as far as its device is concerned: takes a tun or tap device and writes down the length of each packet.

    vpn.py start PIDFILE DEVICE MODE LOG    in the background; returns when it has the device, fails when it cannot have it
    vpn.py stop PIDFILE                     returns when it has ended
    vpn.py try DEVICE MODE                  says whether it could have the device: "free", or the error

Run with -I -S: quick to start.
"""

import fcntl
import os
import shlex
import signal
import struct
import sys
import time

PYTHON = ["/usr/bin/python3", "-I", "-S", os.path.abspath(__file__)]
TUNSETIFF = 0x400454CA
MODES = {"tun": 0x0001, "tap": 0x0002}
IFF_NO_PI = 0x1000


def start_stop(folder, device, mode="tun"):
    """A pair of shell lines, and where the lengths are written."""
    pid_file, log = folder / f"{device}.pid", folder / f"{device}.packets"
    return shlex.join([*PYTHON, "start", str(pid_file), device, mode, str(log)]), shlex.join([*PYTHON, "stop", str(pid_file)]), log


def trying(device, mode="tun"):
    return shlex.join([*PYTHON, "try", device, mode])


def _take(device, mode):
    descriptor = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(descriptor, TUNSETIFF, struct.pack("16sH22x", device.encode(), MODES[mode] | IFF_NO_PI))
    return descriptor


def _start(pid_file, device, mode, log):
    descriptor = _take(device, mode)
    child = os.fork()
    if child > 0:
        with open(pid_file, "w", encoding="ascii") as file:
            file.write(str(child))
        return
    os.setsid()
    null = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(null, standard)
    with open(log, "a", encoding="ascii", buffering=1) as file:
        while True:
            file.write(f"{len(os.read(descriptor, 65536))}\n")


def _stop(pid_file):
    with open(pid_file, encoding="ascii") as file:
        pid = int(file.read())
    os.unlink(pid_file)
    try:
        os.kill(pid, signal.SIGTERM)
        while True:
            with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
                if stat.read().rsplit(")", 1)[1].split()[0] == "Z":
                    return
            time.sleep(0.01)
    except (ProcessLookupError, FileNotFoundError):
        pass


def _try(device, mode):
    try:
        _take(device, mode)
        print("free")
    except OSError as error:
        print(error.strerror)


if __name__ == "__main__":
    {"start": _start, "stop": _stop, "try": _try}[sys.argv[1]](*sys.argv[2:])
