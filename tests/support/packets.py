"""Frames as bytes, with right lengths and checksums: what raw sockets send and savefiles hold.

Layers nest: ethernet(ipv4(tcp(…))). RFC 791, 8200, 9293, 768, 792, 4443, 4861; IEEE 802.1Q and 802.1ad.
"""

import socket
import struct

from .netns import client_address, client_mac, server_address, server_mac

FIN, SYN, RST, PSH, ACK = 0x01, 0x02, 0x04, 0x08, 0x10
BROADCAST = "ff:ff:ff:ff:ff:ff"


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def family_of(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def endpoint(address, port):
    """Both as a configuration has them."""
    return f"[{address}]:{port}" if family_of(address) == socket.AF_INET6 else f"{address}:{port}"


def packed(address):
    return socket.inet_pton(family_of(address), address)


def _pseudo_header(source, destination, protocol, length):
    if family_of(source) == socket.AF_INET:
        return packed(source) + packed(destination) + struct.pack("!BBH", 0, protocol, length)
    return packed(source) + packed(destination) + struct.pack("!II", length, protocol)


class Segment:
    """What lies behind the IP header; its checksum waits for the addresses."""

    def __init__(self, protocol, data, checksum_at, pseudo=True):
        self.protocol, self.data, self.checksum_at, self.pseudo = protocol, data, checksum_at, pseudo

    def between(self, source, destination):
        header = _pseudo_header(source, destination, self.protocol, len(self.data)) if self.pseudo else b""
        value = struct.pack("!H", checksum(header + self.data))
        return self.data[: self.checksum_at] + value + self.data[self.checksum_at + 2 :]


def tcp(source_port, destination_port, flags=SYN, payload=b"", sequence=1):
    header = struct.pack("!HHIIBBHHH", source_port, destination_port, sequence, 0, 5 << 4, flags, 64240, 0, 0)
    return Segment(socket.IPPROTO_TCP, header + payload, 16)


def udp(source_port, destination_port, payload=b"hello"):
    header = struct.pack("!HHHH", source_port, destination_port, 8 + len(payload), 0)
    return Segment(socket.IPPROTO_UDP, header + payload, 6)


def icmp_echo():
    return Segment(socket.IPPROTO_ICMP, struct.pack("!BBHHH", 8, 0, 0, 77, 1) + b"ping", 2, pseudo=False)


def icmp6_echo():
    return Segment(socket.IPPROTO_ICMPV6, struct.pack("!BBHHH", 128, 0, 0, 77, 1) + b"ping", 2)


def router_solicitation():
    return Segment(socket.IPPROTO_ICMPV6, struct.pack("!BBHI", 133, 0, 0, 0), 2)


def neighbour_solicitation(target):
    return Segment(socket.IPPROTO_ICMPV6, struct.pack("!BBHI", 135, 0, 0, 0) + packed(target), 2)


def ipv4(segment, source=client_address(), destination=server_address()):
    data = segment.between(source, destination)
    header = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(data), 1, 0, 64, segment.protocol, 0)
    header += packed(source) + packed(destination)
    return 0x0800, header[:10] + struct.pack("!H", checksum(header)) + header[12:] + data


def ipv6(segment, source=client_address(1, socket.AF_INET6), destination=server_address(1, socket.AF_INET6), hop_by_hop=False):
    data = segment.between(source, destination)
    following = segment.protocol
    if hop_by_hop:  # one PadN option of four bytes (RFC 8200, section 4.2)
        data = struct.pack("!BBBBI", following, 0, 1, 4, 0) + data
        following = 0
    return 0x86DD, struct.pack("!IHBB", 6 << 28, len(data), following, 255) + packed(source) + packed(destination) + data


def arp_request(source=client_address(), target=server_address()):
    fixed = struct.pack("!HHBBH", 1, 0x0800, 6, 4, 1)
    return 0x0806, fixed + _mac(client_mac(1)) + packed(source) + bytes(6) + packed(target)


def vlan(number, inner, ethertype=0x8100):
    """The frame's content with a tag before it; nested for QinQ, the outer one with ethertype 0x88A8."""
    following, data = inner
    return ethertype, struct.pack("!HH", number, following) + data


def ethernet(inner, source=client_mac(1), destination=server_mac(1)):
    ethertype, data = inner
    frame = _mac(destination) + _mac(source) + struct.pack("!H", ethertype) + data
    return frame.ljust(60, b"\0")  # the least there is on a wire


def _mac(text):
    return bytes.fromhex(text.replace(":", ""))


def savefile(path, frames):
    """A classic pcap savefile of Ethernet frames, given as (seconds, frame) pairs."""
    with open(path, "wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
        for at, frame in frames:
            seconds = int(at)
            file.write(struct.pack("<IIII", seconds, round((at - seconds) * 1e6), len(frame), len(frame)) + frame)
    return path
