"""The README's promise: `make run`, and the one request that wakes the demo service."""

import json
import re

import pytest

from support.tidegate import ROOT
from support.waiting import wait_until

RELEASE = ROOT / "build" / "tidegate"


def readme_requests():
    """The two curl lines that the README gives: the page, and what it took."""
    lines = re.findall(r"^curl .*$", (ROOT / "README.md").read_text(), re.MULTILINE)
    assert len(lines) == 2, lines
    return lines


@pytest.fixture
def demo(lab, tidegate, tmp_path):
    if not RELEASE.exists():
        pytest.skip("build/tidegate is not built (make build)")
    return tidegate.start(RELEASE, "run", "-c", ROOT / "examples" / "demo.yaml", "--control", tmp_path / "demo.sock")


def test_one_plain_request_wakes_the_demo_is_answered_and_counted(demo, lab):
    # The demo's program serves a folder relative to where `make run` stands; here it stands elsewhere, so it answers 404.
    page, stats = readme_requests()
    demo.wait_for_log("watches over 1 service")
    answer = lab.server.run("sh", "-c", page + " -sS -o /dev/null -w '%{http_code} %{size_download}'")
    assert answer.returncode == 0, answer.stderr
    status, body = answer.stdout.split()
    assert status in ("200", "404")
    counted = json.loads(lab.server.run("sh", "-c", stats + " -sS").stdout)["proxies"]
    assert [proxy["name"] for proxy in counted] == ["web"]
    assert counted[0]["total"]["download"] > int(body) and counted[0]["total"]["upload"] > 0
    for step in ("demo: woke: TCP 127.0.0.1", "demo: ready: after", "demo: stopping: idle for", "demo: slept"):
        demo.wait_for_log(re.escape(step))
    status, seconds = demo.end()
    assert status == 0
    assert seconds < 5


def test_the_configuration_that_the_readme_shows_is_valid(tidegate):
    (shown,) = re.findall(r"```yaml\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    tidegate.configure(shown)
    done = tidegate.command("check")
    assert done.returncode == 0, done.stderr


def test_the_release_binary_gives_usage_for_every_command(lab):
    if not RELEASE.exists():
        pytest.skip("build/tidegate is not built (make build)")
    for command in ("run", "check", "wake", "status", "why", "events", "start", "stop", "keep", "reload", "forward", "quota", "count", "http", "top", "demo serve", "demo load"):
        told = lab.server.run(RELEASE, *command.split(), "--help")
        assert told.returncode == 0, told.stderr
        assert told.stdout.count(f"  tidegate {command}") >= 2, f"two examples of {command}:\n{told.stdout}"


def test_the_screens_that_the_readme_shows_are_those_of_the_program():
    """The golden tests of observe/ and cli/ hold the files to what is drawn."""
    readme = (ROOT / "README.md").read_text()
    for name in ("http_80x24", "board_80x24"):
        screen = (ROOT / f"tests/golden/console/{name}.txt").read_text().rstrip("\n")
        assert f"```\n{screen}\n```" in readme, name
