"""How much memory this process holds, and has held at most, in megabytes.

On Linux both are read from the kernel's account of the process itself: `getrusage` tells the most
of whoever started it, if that was more. Elsewhere `getrusage` has to do. For `cohort_exports.py`
and `openbis_memory.py`.
"""

from __future__ import annotations

import resource
from pathlib import Path

STATUS = Path("/proc/self/status")


def peak() -> float:
    """Return the most memory that was held so far."""
    return _status("VmHWM")


def resident() -> float:
    """Return the memory that is held now; elsewhere than on Linux, the most so far."""
    return _status("VmRSS")


def _status(name: str) -> float:
    if not STATUS.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    line = next(each for each in STATUS.read_text().splitlines() if each.startswith(name))
    return float(line.split()[1]) / 1024
