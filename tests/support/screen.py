"""A terminal for a test: a pane of a tmux server of its own (tmux(1)), with a shell in it.

What the program does to the terminal shows: its characters, its colours, whether it is back on the shell's own screen,
and the settings of the line before and after.
"""

import contextlib
import os
import shlex
import shutil
import signal
import subprocess

import pytest

from .tidegate import environment
from .waiting import wait_until


class Screen:
    def __init__(self, folder, columns=80, rows=24, env=None):
        self.folder = folder
        self._tmux = [shutil.which("tmux"), "-S", str(folder / "tmux.sock"), "-f", "/dev/null"]
        # The prompt is empty, so that all that is seen was written by a program; a shell of few ways.
        self._env = environment({"PS1": "", "ENV": "", "TERM": "xterm-256color", "TMUX": ""} | (env or {}))
        self.tmux("new-session", "-d", "-x", columns, "-y", rows, "env PS1= sh -i")
        self.tmux("set-option", "-g", "remain-on-exit", "on")
        self._runs = 0

    def tmux(self, *words):
        done = subprocess.run([*self._tmux, *map(str, words)], capture_output=True, text=True, env=self._env, check=False, timeout=30)
        assert done.returncode == 0, f"tmux {words}: {done.stderr}"
        return done.stdout

    def text(self):
        """What is to be seen, without the spaces at the ends of lines."""
        return "\n".join(line.rstrip() for line in self.tmux("capture-pane", "-p").split("\n")).rstrip("\n")

    def lines(self):
        return self.text().split("\n")

    def styled(self):
        """The same with the escape sequences of its colours."""
        return self.tmux("capture-pane", "-p", "-e")

    def flag(self, name):
        """One of tmux's formats: alternate_on, cursor_flag, pane_dead …"""
        return self.tmux("display-message", "-p", "#{" + name + "}").strip()

    def press(self, *keys):
        """Keys by tmux's names (Down, Enter, C-z), or text that is typed."""
        self.tmux("send-keys", *keys)

    def resize(self, columns, rows):
        self.tmux("resize-window", "-x", columns, "-y", rows)

    def wait_for(self, predicate, what):
        """The screen's text, once `predicate` of it is true."""
        return wait_until(lambda: predicate(text := self.text()) and text, lambda: f"{what} on the screen:\n{self.text()}")

    def wait_for_text(self, *wanted):
        return self.wait_for(lambda text: all(word in text for word in wanted), wanted)

    def run(self, *argv, env=None):
        """Starts a program in the shell's foreground; what it leaves is kept."""
        self._runs += 1
        return Run(self, self.folder / f"screen-{self._runs}", argv, env or {})

    def close(self):
        with contextlib.suppress(AssertionError):  # the last window may have closed it already
            self.tmux("kill-server")


class Run:
    """A program on a screen."""

    def __init__(self, screen, path, argv, env):
        self.screen, self.path = screen, path
        assignments = [f"{name}={value}" for name, value in env.items()]
        script = path.with_suffix(".sh")
        program = shlex.join(map(str, argv))
        # stty -g before and after, and the exit status last, so that all is there when that is.
        script.write_text(
            f"stty -g > {path}.before\n"
            f"echo the shell was here\n"
            f"{shlex.join(['env', *assignments])} sh -c 'echo $$ > {path}.pid; exec \"$@\"' sh {program} 2> {path}.log\n"
            f"status=$?\n"
            f"stty -g > {path}.after\n"
            f"echo $status > {path}.status\n"
        )
        screen.press(f". {script}", "Enter")

    def _read(self, suffix):
        file = self.path.with_name(f"{self.path.name}{suffix}")
        return file.read_text().strip() if file.exists() else ""

    @property
    def pid(self):
        return int(wait_until(lambda: self._read(".pid"), "the start of the program"))

    def log(self):
        return self._read(".log")

    def kill(self, number=signal.SIGTERM):
        os.kill(self.pid, number)

    def status(self):
        """Its exit status as the shell has it, when it has ended."""
        return int(wait_until(lambda: self._read(".status"), lambda: f"the end of the program:\n{self.screen.text()}\n{self.log()}"))

    def check_line_is_back(self):
        """The settings of the line are as they were."""
        assert self._read(".after") == self._read(".before") != ""

    def check_terminal_is_back(self):
        """The line, the shell's own screen and its cursor."""
        self.check_line_is_back()
        assert self.screen.flag("alternate_on") == "0"
        assert self.screen.flag("cursor_flag") == "1"
        assert self.screen.flag("keypad_cursor_flag") == "0"
        self.screen.wait_for_text("the shell was here")


@pytest.fixture
def screen(tool, tmp_path):
    tool("tmux")
    pane = Screen(tmp_path)
    yield pane
    pane.close()
