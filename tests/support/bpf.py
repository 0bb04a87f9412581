"""The sensor `kernel` as the tests see it: what it hooked, and whether it can be had here at all."""

import ctypes
import json
import os
import platform
import shutil
import socket
import struct

import pytest

BPF_PROG_QUERY, BPF_TCX_INGRESS, BPF_TCX_EGRESS = 16, 46, 47  # linux/bpf.h
MOST_PROGRAMS = 16
_libc = ctypes.CDLL(None, use_errno=True)
_bpf_number = {"x86_64": 321, "aarch64": 280}.get(platform.machine())


def _by_tcx(index, way):
    """How many programs sit on that way of the interface of this namespace: bpf(2)."""
    ids = (ctypes.c_uint32 * MOST_PROGRAMS)()
    query = ctypes.create_string_buffer(struct.pack("IIIIQI", index, way, 0, 0, ctypes.addressof(ids), MOST_PROGRAMS), 64)
    if _libc.syscall(_bpf_number, BPF_PROG_QUERY, query, 64) != 0:
        return 0  # a kernel without tcx
    return struct.unpack_from("I", query, 24)[0]


def hooked(host):
    """(interface, direction) of every eBPF program on the interfaces of a host of the test's own, by tcx or clsact, sorted."""
    with host.entered():
        found = [
            (name, way)
            for index, name in socket.if_nameindex()
            for way, number in (("ingress", BPF_TCX_INGRESS), ("egress", BPF_TCX_EGRESS))
            for _ in range(_by_tcx(index, number))
        ]
    listed = json.loads(host.run(shutil.which("bpftool") or "/usr/sbin/bpftool", "-j", "net", "show").stdout)[0]["tc"]
    found += [(hook["devname"], hook["kind"].rpartition("/")[2]) for hook in listed if hook["kind"].startswith("clsact")]
    return sorted(found)


@pytest.fixture
def kernel_sensor(lab, tidegate):
    """Skips where the kernel does not let the sensor in, with the doctor's words."""
    findings = json.loads(tidegate.command("doctor", "--json").stdout)["findings"]
    finding = next(finding for finding in findings if finding["what"] == "sensor kernel")
    if finding["verdict"] == "no":
        pytest.skip(f"sensor kernel: {finding['detail']}")


def voluntary_switches(pid):
    """How often the process has gone to sleep of its own accord: once for each time it was woken."""
    total = 0
    for thread in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{thread}/status", encoding="ascii") as status:
            total += next(int(line.split()[1]) for line in status if line.startswith("voluntary_ctxt_switches"))
    return total
