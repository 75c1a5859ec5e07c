"""The amount of memory that this process may use."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

#: Files in which Linux states the memory limit of the process's control group, for versions 2 and 1.
GROUP_LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))
#: Bytes of memory that are assumed if the system does not tell.
ASSUMED = 2**34


def usable_memory() -> int:
    """The smallest of the machine's memory, the limit of the process's group, and its own limit, in bytes."""
    limits = [ASSUMED]
    with suppress(AttributeError, OSError, ValueError):
        limits = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    for path in GROUP_LIMITS:
        with suppress(OSError, ValueError):  # "max" is no number
            limits.append(int(path.read_text()))
    with suppress(ImportError, OSError, ValueError):  # exists on Unix only
        import resource

        own, _ = resource.getrlimit(resource.RLIMIT_AS)
        limits += [own] if own != resource.RLIM_INFINITY else []
    return min(limits)
