"""Which process holds a lease, and whether that process is surely gone. Both read files: not for an event loop."""

import os
from pathlib import Path

_BOOT = Path("/proc/sys/kernel/random/boot_id")
_NAMESPACE = Path("/proc/self/ns/pid")


def this_process() -> str:
    """`machine:pid:started`. The machine is one boot of it and one namespace of process ids: containers may share a host
    name. Empty where that can't be told (no Linux): then a lease of this process has to run out.
    """
    started = _started(os.getpid())
    try:
        machine = f"{_BOOT.read_text().strip()}/{_NAMESPACE.stat().st_ino}"
    except OSError:
        return ""
    return f"{machine}:{os.getpid()}:{started}" if started else ""


def is_surely_gone(process: str) -> bool:
    """True only for a process of this machine that ended. False wherever that can't be known."""
    machine, _, rest = process.partition(":")
    pid, _, started = rest.partition(":")
    if not pid.isdecimal() or this_process().partition(":")[0] != machine:
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    now = _started(int(pid))
    # Another process may have the number by now; one that was killed and not yet waited for has started "".
    return now is not None and now != started


def _started(pid: int) -> str | None:
    """When a process started, in ticks since the boot; "" for a zombie, None where that can't be read. proc(5)."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return "" if fields[0] in {"Z", "X"} else fields[19]
