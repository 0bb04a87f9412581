"""The README's promise: `make run`, and the one request that wakes the demo service."""

import re

import pytest

from support.tidegate import ROOT
from support.waiting import wait_until

RELEASE = ROOT / "build" / "tidegate"


def readme_request():
    """The one curl line that the README gives."""
    lines = re.findall(r"^curl .*$", (ROOT / "README.md").read_text(), re.MULTILINE)
    assert len(lines) == 1, lines
    return lines[0]


@pytest.fixture
def demo(lab, tidegate, tmp_path):
    if not RELEASE.exists():
        pytest.skip("build/tidegate is not built (make build)")
    return tidegate.start(RELEASE, "run", "-c", ROOT / "examples" / "demo.yaml", "--control", tmp_path / "demo.sock")


def test_one_request_wakes_the_demo_is_answered_and_each_step_is_printed(demo, lab):
    # The demo's program serves a folder relative to where `make run` stands; here it stands elsewhere, so it answers 404.
    demo.wait_for_log("watches over 1 service")
    answer = lab.server.run("sh", "-c", readme_request() + " -sS -o /dev/null -w '%{http_code}'")
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout in ("200", "404")
    for step in ("demo: woke: TCP 127.0.0.1", "demo: ready: after", "demo: stopping: idle for", "demo: slept"):
        demo.wait_for_log(re.escape(step))
    status, seconds = demo.end()
    assert status == 0
    assert seconds < 5


def test_the_release_binary_gives_usage_for_every_command(lab):
    if not RELEASE.exists():
        pytest.skip("build/tidegate is not built (make build)")
    for command in ("run", "check", "wake", "status", "why", "events", "start", "stop", "keep", "reload"):
        told = lab.server.run(RELEASE, command, "--help")
        assert told.returncode == 0, told.stderr
        assert told.stdout.count(f"  tidegate {command}") >= 2, f"two examples of {command}:\n{told.stdout}"
