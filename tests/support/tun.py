"""A tun or tap device and the program that holds it open, which is the test itself (the kernel's tuntap.rst)."""

import fcntl
import os
import struct

TUNSETIFF = 0x400454CA
IFF_TUN, IFF_TAP, IFF_NO_PI = 0x0001, 0x0002, 0x1000


class Tun:
    """What is written to it arrives at the host on the device, as if from the other end."""

    def __init__(self, host, name, tap=False):
        with host.entered():
            self.descriptor = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
        fcntl.ioctl(self.descriptor, TUNSETIFF, struct.pack("16sH22x", name.encode(), (IFF_TAP if tap else IFF_TUN) | IFF_NO_PI))
        host.quiet(name)
        host.ip(f"link set {name} up")

    def send(self, packet):
        os.write(self.descriptor, packet)

    def close(self):
        os.close(self.descriptor)
