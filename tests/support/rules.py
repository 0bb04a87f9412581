"""Rules that hand packets to groups of nflog, as people write them: nft(8), iptables(8) and ip6tables(8)."""

import re
import shutil

import pytest

WAYS = ("nft", "iptables", "ip6tables")


def log_to_group(host, group, match="udp dport 9000", hook="input", way="nft", options=""):
    """Packets that match (as nft says it: PROTOCOL [dport N]) go to that group. Skips where the host cannot."""
    if shutil.which(way) is None:
        pytest.skip(f"{way} is not installed")
    if way == "nft":
        rules = (
            f"table inet tide {{\n chain {hook} {{\n  type filter hook {hook} priority 0;\n"
            f"  {match if ' ' in match else 'meta l4proto ' + match} log group {group} {options}\n }}\n}}\n"
        )
        done = host.run(way, "-f", "-", input=rules)
    else:
        protocol, *rest = match.split()
        ports = ["--dport", rest[1]] if rest else []
        done = host.run(way, "-A", hook.upper(), "-p", protocol, *ports, "-j", "NFLOG", "--nflog-group", group, *options.split())
    if done.returncode != 0:
        pytest.skip(f"no rule by {way} here: {done.stderr.strip()}")


def logged(host):
    """How many packets rules with `counter` (of nft) handed over."""
    listed = host.run("nft", "list", "ruleset").stdout
    return sum(int(number) for number in re.findall(r"counter packets (\d+)", listed))


def netlink_drops(host):
    """How often the kernel found no room in the receive buffer of a netlink socket of netfilter's."""
    rows = [line.split() for line in host.run("cat", "/proc/net/netlink").stdout.splitlines()[1:]]
    return sum(int(row[8]) for row in rows if row[1] == "12")


def groups(host):
    """The groups that somebody listens to in the host, each with what the kernel was told of it."""
    listed = host.run("cat", "/proc/net/netfilter/nfnetlink_log")
    if listed.returncode != 0:
        pytest.skip(f"this kernel does not log to programs: {listed.stderr.strip()}")
    names = ("port", "queued", "mode", "copy_range", "timeout", "references")
    rows = [[int(word) for word in line.split()] for line in listed.stdout.splitlines()]
    return {row[0]: dict(zip(names, row[1:])) for row in rows}
