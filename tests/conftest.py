"""What tests in net/ and e2e/ ask for by name."""

import os
import shutil

import pytest

from support.bpf import kernel_sensor  # noqa: F401  a fixture
from support.netns import Lab
from support.screen import screen  # noqa: F401  a fixture
from support.syslog import in_background, syslog  # noqa: F401  fixtures
from support.tidegate import Diary, Tidegate, binary
from support.tuninetd import tuninetd  # noqa: F401  a fixture

TOOLS = ("ip", "nsenter", "unshare")


@pytest.fixture(scope="session")
def able():
    """Real traffic wants root, a few tools and a binary; the last of these has no excuse."""
    if os.geteuid() != 0:
        pytest.skip("network namespaces want root")
    for tool in TOOLS:
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not installed")
    if not binary().exists():
        pytest.fail(f"{binary()} is not built (or name another one in TIDEGATE_BINARY)")


@pytest.fixture
def lab(able):
    hosts = Lab()
    yield hosts
    hosts.close()


@pytest.fixture
def tidegate(lab, tmp_path):
    program = Tidegate(lab, tmp_path)
    yield program
    program.close()


@pytest.fixture
def diary(tmp_path):
    return Diary(tmp_path / "diary")


@pytest.fixture(scope="session")
def tool():
    """Skips where a tool that only some tests want is missing."""

    def found(name):
        path = shutil.which(name)
        if path is None:
            pytest.skip(f"{name} is not installed")
        return path

    return found


@pytest.fixture
def queue_here(lab):
    """Skips where packets cannot be queued: there is neither the expression of nf_tables nor the target of xtables."""
    nft = lab.server.run("nft", "-f", "-", input="table ip trial {\n chain c {\n  queue num 1 bypass\n }\n}\n")
    lab.server.run("nft", "delete", "table", "ip", "trial")
    if nft.returncode == 0:
        return
    lab.server.run("iptables-nft", "-N", "trial")
    target = lab.server.run("iptables-nft", "-A", "trial", "-j", "NFQUEUE", "--queue-num", 1, "--queue-bypass")
    lab.server.run("iptables-nft", "-F", "trial")
    lab.server.run("iptables-nft", "-X", "trial")
    if target.returncode != 0:
        pytest.skip(f"no packet can be queued here: {nft.stderr.strip()} {target.stderr.strip()}")
