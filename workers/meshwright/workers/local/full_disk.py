"""Detecting a disk that is full, or was.

Problem: when its disk is full, nats-server disables every stream that it could not write, and refuses all messages for
it until it is restarted, even when there is room again; it still accepts connections and answers reads. Invariant: a
server is restarted for this only when its own log reports it, and never while there is no room.
"""

import re
import shutil
from pathlib import Path

from meshwright.core.machine import processes

ROOM = 16 * 2**20
"""bytes that must be free before a write is tried again, and before anything is started"""
_TOLD = re.compile(r"^\[(\d+)\] .*\[(?:ERR|WRN|FTL)\] .*(?:no space left on device|will be DISABLED)", re.MULTILINE)
_LOOKED_AT = 2000  # lines at the end of the log


def has_room(folder: Path) -> bool:
    """Whether the disk of a folder has room for a running stack."""
    return shutil.disk_usage(folder).free >= ROOM


def restart_reason(record: processes.Record, log: Path, store: Path) -> str:
    """The reason why this nats-server must be restarted: its disk was full and has room again.

    Empty when it need not be.
    """
    is_logged = any(int(match[1]) == record.pid for match in _TOLD.finditer(processes.tail(log, _LOOKED_AT)))
    return "has stored nothing since the disk was full; restarting it" if is_logged and has_room(store) else ""
