"""tuninetd by its name, on a wire on which nobody speaks but the test."""

import os

import pytest

from .tun import Tun


class Tuninetd:
    def __init__(self, lab, tidegate, diary, folder):
        self.lab, self.tidegate, self.diary, self.folder = lab, tidegate, diary, folder
        self.path = folder / "tuninetd"
        self.path.symlink_to(tidegate.binary)
        self.launcher = self.script("launcher", diary.note("$1"))
        self.devices = []

    def script(self, name, body):
        """An executable that tuninetd calls with start and stop."""
        path = self.folder / name
        path.write_text(f"#!/bin/sh\n{body}\n")
        path.chmod(0o755)
        return path

    def wire(self, name):
        """Gives the server's end of the first link another name, and silences both ends."""
        self.lab.server.ip("link set eth1 down", f"link set eth1 name {name}")
        self.lab.server.quiet(name)
        self.lab.client1.quiet("eth0")
        self.lab.server.ip(f"link set {name} up")

    def device(self, name, tap=False):
        device = Tun(self.lab.server, name, tap)
        self.devices.append(device)
        return device

    def start(self, *words):
        """Runs it in the foreground; ready when it says so."""
        tool = self.tidegate.start(self.path, *words)
        tool.wait_for_log("Success! Tuninetd has been started with PID: ")
        tool.wait_for_log("Binding to interface |Start listening nflog-group ")
        return tool

    def run(self, *words):
        return self.lab.server.run(self.path, *words, cwd=self.folder, env=os.environ | {"LC_ALL": "C.UTF-8"})

    def close(self):
        for device in self.devices:
            device.close()


@pytest.fixture
def tuninetd(lab, tidegate, diary, tmp_path):
    tool = Tuninetd(lab, tidegate, diary, tmp_path)
    yield tool
    tool.close()
