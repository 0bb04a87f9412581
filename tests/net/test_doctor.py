"""`tidegate doctor`, as root and as somebody who may do little."""

import json

WORDS = {
    "sensor kernel", "sensor pcap", "sensor nflog", "hold queue", "hold device", "engine kernel", "capabilities", "ports below 1024", "conntrack",
    "receive buffers", "pipes", "open files", "store",
}  # fmt: skip


def findings(answer):
    assert answer.returncode == 0, answer.stderr
    return {finding["what"]: finding for finding in json.loads(answer.stdout)["findings"]}


def test_tells_of_each_part_whether_it_works(tidegate):
    found = findings(tidegate.command("doctor", "--json"))
    assert WORDS <= set(found)
    for what, finding in found.items():
        assert finding["verdict"] in ("yes", "partly", "no"), finding
        assert finding["detail"], what
        assert finding["verdict"] == "yes" or finding["remedy"], f"{what}: what is to be done?"
    assert found["sensor pcap"]["verdict"] == "yes", "the other tests capture"


def test_prints_a_table_and_what_to_do(tidegate):
    lines = tidegate.command("doctor").stdout.splitlines()
    assert lines[0].split() == ["WHAT", "WORKS", "HOW,", "OR", "WHY", "NOT"]
    for word in WORDS:
        assert any(line.startswith(word) for line in lines), word


def test_leaves_no_trace(lab, tidegate):
    before = lab.server.run("ip", "link").stdout
    tidegate.command("doctor")
    assert lab.server.run("ip", "link").stdout == before
    assert "clsact" not in lab.server.run("tc", "qdisc").stdout


def test_an_unprivileged_user_is_told_what_is_missing(lab, tidegate, tool):
    words = [tool("setpriv"), "--reuid=65534", "--regid=65534", "--clear-groups", "--bounding-set=-all", "--inh-caps=-all"]
    found = findings(lab.server.run(*words, tidegate.binary, "doctor", "--json", cwd="/"))
    for what, capability in (("sensor kernel", "CAP_BPF"), ("sensor pcap", "CAP_NET_RAW"), ("sensor nflog", "CAP_NET_ADMIN"), ("hold queue", "CAP_NET_ADMIN")):
        assert found[what]["verdict"] == "no" and capability in found[what]["remedy"], found[what]
    assert found["capabilities"]["verdict"] == "no"
    assert found["ports below 1024"]["verdict"] in ("no", "partly") or "can be" in found["ports below 1024"]["detail"]
