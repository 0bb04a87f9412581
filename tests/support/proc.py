"""What proc(5) says of a process."""

import fcntl
import struct
import termios


def state_of(pid):
    """A letter: S where it sleeps, T where it is stopped."""
    with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
        return stat.read().rpartition(")")[2].split()[0]


def has_read_all(process):
    """The pipe to it is empty, and it sleeps: it waits for more."""
    unread = struct.unpack("i", fcntl.ioctl(process.stdin, termios.FIONREAD, b"\0" * 4))[0]
    return unread == 0 and state_of(process.pid) == "S"
