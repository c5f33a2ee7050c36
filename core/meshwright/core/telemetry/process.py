"""The numbers of a process that Prometheus' boards expect of every one, under their usual names.

Invariant: they are read when they are asked for, from /proc; where a system has none, they are left out.

https://prometheus.io/docs/instrumenting/writing_clientlibs/#process-metrics
"""

import os
import resource
import time
from pathlib import Path

from meshwright.core.telemetry.metrics import Counter, Gauge

_STARTED = time.time()
_SELF = Path("/proc/self")


def text() -> str:
    """Processor time, memory, open files and start of this process, in Prometheus' text format."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    cpu = Counter("process_cpu_seconds_total", "Processor time, user and system", ())
    cpu.add(by=used.ru_utime + used.ru_stime)
    numbers: list[Counter] = [cpu, _gauge("process_start_time_seconds", "Start, in seconds since 1970", _STARTED)]
    try:
        pages = int((_SELF / "statm").read_text().split()[1])
        memory = pages * os.sysconf("SC_PAGE_SIZE")
        files = sum(1 for _ in (_SELF / "fd").iterdir())
    except OSError:
        pass
    else:
        numbers.append(_gauge("process_resident_memory_bytes", "Memory in RAM", memory))
        numbers.append(_gauge("process_open_fds", "Open files and connections", files))
    lines = []
    for each in numbers:
        lines += [f"# HELP {each.name} {each.help}", f"# TYPE {each.name} {each.kind}", *each.lines()]
    return "\n".join(lines) + "\n"


def _gauge(name: str, help: str, value: float) -> Gauge:
    made = Gauge(name, help, ())
    made.set(to=value)
    return made
