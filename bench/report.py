"""What the measurements have in common: where they ran, percentiles, and tables in Markdown that also read as text."""

import ctypes
import datetime
import json
import math
import os
import pathlib
import platform
import re
import statistics
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
IDLE_BELOW = 0.1


def where():
    """Date, machine and how busy it was: figures mean little without."""
    model = re.search(r"^model name\s*: (.*)$", pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8"), re.MULTILINE)
    return {
        "date": datetime.date.today().isoformat(),
        "kernel": platform.release(),
        "cores": os.cpu_count(),
        "processor": model.group(1) if model else platform.machine(),
        "busy_before": busy_share(),
    }


def busy_share():
    """What others make of this machine: the share of its processor time that was not idle, over a second."""

    def times():  # user nice system idle iowait …, proc_stat(5)
        line = pathlib.Path("/proc/stat").read_text(encoding="ascii").splitlines()[0]
        return [int(ticks) for ticks in line.split()[1:9]]

    before = times()
    time.sleep(1)
    spent = [now - then for now, then in zip(times(), before)]
    return 1 - (spent[3] + spent[4]) / max(1, sum(spent))


def where_line(host):
    shared = "otherwise idle" if host["busy_before"] < IDLE_BELOW else "**shared with other work**"
    return "{date}, kernel {kernel}, {cores} cores ({processor}), {shared}: {busy_before:.0%} busy before it began.".format(shared=shared, **host)


def cpu_seconds(pid):
    """Of all threads, in the nanoseconds that /proc/PID/stat rounds to ticks: clock_getcpuclockid(3)."""
    clock = ctypes.c_int()
    if ctypes.CDLL(None).clock_getcpuclockid(pid, ctypes.byref(clock)) != 0:
        raise RuntimeError(f"no processor clock of process {pid}")
    return time.clock_gettime_ns(clock.value) / 1e9


def percentile(sorted_values, percent):
    """By nearest rank: a value that was measured."""
    return sorted_values[max(0, math.ceil(len(sorted_values) * percent / 100) - 1)]


def summary(values):
    values = sorted(values)
    return {
        "count": len(values),
        "min": values[0],
        "median": statistics.median(values),
        "p90": percentile(values, 90),
        "p99": percentile(values, 99),
        "max": values[-1],
    }


def table(head, rows):
    """Markdown; the first column to the left, figures to the right."""
    lines = [head, *rows]
    widths = [max(len(str(line[column])) for line in lines) for column in range(len(head))]

    def drawn(cells):
        padded = [str(cell).ljust(width) if i == 0 else str(cell).rjust(width) for i, (cell, width) in enumerate(zip(cells, widths))]
        return "| " + " | ".join(padded) + " |"

    rule = "| " + " | ".join("-" * width if i == 0 else "-" * (width - 1) + ":" for i, width in enumerate(widths)) + " |"
    return "\n".join([drawn(head), rule, *map(drawn, rows)])


def verdict(what, met):
    return f"- {what}: {'met' if met else '**missed**'}"


def keep(name, text, result, json_path, document):
    """Writes the result as JSON, and the text between the marks of `name` in the document; each only where asked for."""
    if json_path:
        pathlib.Path(json_path).write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    if document:
        path = pathlib.Path(document)
        begin, end = f"<!-- bench/{name}: begin -->", f"<!-- bench/{name}: end -->"
        before, rest = path.read_text(encoding="utf-8").split(begin)
        after = rest.split(end)[1]
        path.write_text(f"{before}{begin}\n{text}\n{end}{after}", encoding="utf-8")
