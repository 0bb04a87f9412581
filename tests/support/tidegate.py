"""The program under test, inside a host: its daemon, its commands, its log.

The binary is $TIDEGATE_BINARY, else build/asan/src/tidegate.
"""

import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import time

from .waiting import DEADLINE, wait_until

ROOT = pathlib.Path(__file__).resolve().parents[2]
SANITIZER = re.compile(r"ERROR: \w+Sanitizer|runtime error:|LeakSanitizer")


def binary():
    return pathlib.Path(os.environ.get("TIDEGATE_BINARY", ROOT / "build/asan/src/tidegate")).resolve()


def environment(extra=None):
    """The tests' own, without what would change the program's ways."""
    inherited = {name: value for name, value in os.environ.items() if name not in ("NOTIFY_SOCKET", "WATCHDOG_USEC", "JOURNAL_STREAM")}
    return inherited | {"LC_ALL": "C.UTF-8", "TZ": "UTC", "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1"} | (extra or {})


class Process:
    """A program that runs on, its standard output and standard error each in a file."""

    def __init__(self, host, argv, folder, env=None):
        self.argv = [str(word) for word in argv]
        number = len(list(folder.glob("log-*")))
        self.log_path = folder / f"log-{number}"
        self.output_path = folder / f"output-{number}"
        with open(self.log_path, "wb") as log, open(self.output_path, "wb") as output:
            self.process = subprocess.Popen(  # pylint: disable=consider-using-with
                host.command(*self.argv), stdin=subprocess.DEVNULL, stdout=output, stderr=log, env=environment(env), cwd=folder
            )

    @property
    def pid(self):
        return self.process.pid

    def log(self):
        return self.log_path.read_text(errors="surrogateescape")

    def output(self):
        return self.output_path.read_text(errors="surrogateescape")

    def running(self):
        return self.process.poll() is None

    def _wait_for(self, read, pattern, deadline):
        def found():
            ended = not self.running()  # asked first, so that its last words are read
            match = re.search(pattern, read(), re.MULTILINE)
            assert match or not ended, f"ended with {self.process.returncode} before {pattern!r} came:\n{self.log()}\n{self.output()}"
            return match

        return wait_until(found, lambda: f"{pattern!r} in:\n{self.log()}\n{self.output()}", deadline)

    def wait_for_log(self, pattern, deadline=DEADLINE):
        return self._wait_for(self.log, pattern, deadline)

    def wait_for_output(self, pattern, deadline=DEADLINE):
        return self._wait_for(self.output, pattern, deadline)

    def send_signal(self, number):
        self.process.send_signal(number)

    def wait(self, deadline=DEADLINE):
        """Its exit status, when it has ended by itself."""
        status = self.process.wait(deadline)
        self.check_sanitizers()
        return status

    def end(self, number=signal.SIGTERM):
        """Signals it and gives its exit status and how many seconds it took."""
        began = time.monotonic()
        self.send_signal(number)
        return self.wait(), time.monotonic() - began

    def kill(self):
        """As kill -9 does it: no time for last words."""
        self.process.kill()
        self.process.wait()
        self.check_sanitizers()

    def memory(self):
        """In bytes, as it is resident."""
        with open(f"/proc/{self.pid}/status", encoding="ascii") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("VmRSS:")) << 10

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def check_sanitizers(self):
        text = self.log()
        assert not SANITIZER.search(text), f"a sanitizer complains:\n{text}"

    def close(self):
        """For the end of a test: it must still end as it should."""
        if self.running():
            self.send_signal(signal.SIGTERM)
            try:
                self.process.wait(DEADLINE)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                raise
        self.check_sanitizers()


class Daemon(Process):
    """`tidegate run` or `tidegate wake`, with a control socket."""

    def __init__(self, host, argv, folder, control, env=None):
        super().__init__(host, argv, folder, env)
        self.control = control

    def ask(self, command, **fields):
        """What the control socket answers, in its own words and without a process for each question."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(DEADLINE)
            connection.connect(str(self.control))
            connection.sendall(json.dumps({"command": command, **fields}).encode() + b"\n")
            text = b"".join(iter(lambda: connection.recv(65536), b""))
        answers = [json.loads(line) for line in text.splitlines()]
        for answer in answers:
            assert answer["ok"], answer
        return [answer["result"] for answer in answers]

    def answers(self):
        try:
            return self.running() and bool(self.ask("status"))
        except (ConnectionError, FileNotFoundError):
            assert self.running(), f"ended with {self.process.returncode}:\n{self.log()}"
            return False

    def status(self):
        return self.ask("status")[0]

    def service(self, name="service"):
        return next(service for service in self.status()["services"] if service["name"] == name)

    def state(self, name="service"):
        return self.service(name)["state"]

    def why(self, name="service"):
        return self.ask("why", name=name)[0]

    def events(self, name=None, kind=None):
        fields = {"name": name} if name else {}
        return [event for event in self.ask("events", **fields) if kind in (None, event["event"])]

    def kinds(self, name=None):
        return [event["event"] for event in self.events(name)]

    def wait_for_state(self, state, name="service", deadline=DEADLINE):
        return wait_until(
            lambda: (now := self.service(name))["state"] == state and now,
            lambda: f"{name} to be {state}: {self.service(name)}\n{self.log()}",
            deadline,
        )

    def wait_for_event(self, kind, name=None, count=1, deadline=DEADLINE):
        """The `count`th event of this kind."""
        return wait_until(
            lambda: len(found := self.events(name, kind)) >= count and found[count - 1],
            lambda: f"{count} × {kind} of {name}: {self.events(name)}\n{self.log()}",
            deadline,
        )

    def forward(self, name="web"):
        """A forward, its counts up to this moment."""
        return self.ask("forward", name=name)[0]

    def quota(self, key="web/limit"):
        return next(quota for quota in self.ask("quotas")[0]["quotas"] if quota["key"] == key)

    def wait_for_forward(self, name="web", deadline=DEADLINE, **values):
        """The forward, once each of these fields of it has this value."""
        return wait_until(
            lambda: (now := self.forward(name)) | values == now and now,
            lambda: f"{values} of {name}: {self.forward(name)}\n{self.log()}",
            deadline,
        )

    def wait_for_packets(self, more_than, deadline=DEADLINE):
        """The sensors' packets together, when they are more than that."""
        return wait_until(lambda: (count := self.packets()) > more_than and count, f"more than {more_than} packets", deadline)

    def packets(self):
        return sum(sensor["packets"] for sensor in self.status()["sensors"])


class Tidegate:
    """Starts the program in the server (or another host) and cleans up behind it."""

    def __init__(self, lab, folder):
        self.lab, self.folder = lab, folder
        self.binary = binary()
        self.config = folder / "tidegate.yaml"
        self.control = folder / "control.sock"
        self.running = []

    def _started(self, process):
        self.running.append(process)
        return process

    def configure(self, config):
        """Writes the configuration: text as it is, else a dictionary or a list of services."""
        if isinstance(config, list):
            config = {"services": config}
        self.config.write_text(config if isinstance(config, str) else json.dumps(config, indent=2))
        return self.config

    def run(self, config, *flags, env=None, control=None):
        """`tidegate run` with this configuration, ready."""
        self.configure(config)
        return self.daemon("run", "-c", self.config, *flags, env=env, control=control)

    def wake(self, *flags, env=None):
        """`tidegate wake` with these flags, ready."""
        return self.daemon("wake", *flags, env=env)

    def daemon(self, *words, env=None, control=None):
        control = control or self.control
        argv = [self.binary, *words, "--control", control]
        daemon = self._started(Daemon(self.lab.server, argv, self.folder, control, env))
        wait_until(daemon.answers, lambda: f"an answer of the daemon:\n{daemon.log()}")
        return daemon

    def start(self, *words, env=None, host=None):
        """Any other way to call the program (or another), running on."""
        return self._started(Process(host or self.lab.server, words, self.folder, env))

    def command(self, *words, env=None, **options):
        """Runs `tidegate WORDS…` to its end: status, standard output and standard error."""
        done = self.lab.server.run(self.binary, *words, env=environment(env), cwd=self.folder, **options)
        assert not SANITIZER.search(done.stderr or ""), done.stderr
        return done

    def ctl(self, *words, **options):
        """A command that speaks to the daemon."""
        return self.command(*words, "--control", self.control, **options)

    def close(self):
        first_trouble = None
        for process in reversed(self.running):
            try:
                process.close()
            except (AssertionError, subprocess.TimeoutExpired) as trouble:
                first_trouble = first_trouble or trouble
        if first_trouble:
            raise first_trouble


class Diary:
    """Where the commands of a service write what they did."""

    def __init__(self, path):
        self.path = path

    def note(self, words):
        """A shell line that writes these words; the shell's variables count."""
        return f'echo "{words}" >> {self.path}'

    def service(self, name="service", ports=("udp/9000",), **keys):
        """A service of a configuration whose commands only write that they ran: "start NAME", "stop NAME"."""
        told = {"start": self.note(f"start {name}"), "stop": self.note(f"stop {name}")}
        return {"name": name, "ports": list(ports), "ready": "none", "idle": "30s"} | told | keys

    def lines(self):
        return self.path.read_text().splitlines() if self.path.exists() else []

    def count(self, line):
        return self.lines().count(line)

    def wait_for(self, line, count=1, deadline=DEADLINE):
        wait_until(lambda: self.count(line) >= count, lambda: f"{count} × {line!r} in {self.lines()}", deadline)
