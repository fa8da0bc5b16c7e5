"""What is built and how: version, checksum, compiler flags, and the key of the result.

The key names everything a wheel depends on, so a cached wheel is taken only where it fits. Used by
`build.py` and `cache.py`; no process is started and nothing is written here.
"""

from __future__ import annotations

import hashlib
import platform
import sysconfig
from importlib import resources
from pathlib import Path

VERSION = "3.6.5"
PROJECT = "zeroc-ice"
SOURCE_SHA256 = "4235ffeb605bcd4e22e716577f7d61e4aa1bc82f65276bb542701a81b7933356"

# setup.py of 2019 and the parallel compilation both stand on distutils as setuptools 80 carries it.
BUILD_TOOL = "setuptools>=77,<81"

# -O1 keeps the compilation short; most time at run time goes into Python, not into Ice. The flags
# replace CPython's own, so NDEBUG (or Ice asserts at every step) and -fwrapv are told again.
FLAGS = ("-O1", "-g0", "-DNDEBUG", "-fwrapv")

HEADERS = ("eval.h", "removed_from_python.h")


def headers() -> dict[str, str]:
    """The compatibility headers by file name."""
    folder = resources.files(__package__).joinpath("compatibility")
    return {name: folder.joinpath(name).read_text("utf-8") for name in HEADERS}


def compiler_environment(include: Path) -> dict[str, str]:
    """The variables by which the compiler and setuptools find the headers in `include`.

    CPLUS_INCLUDE_PATH makes `#include <eval.h>` work. The other header is included by name, so that
    a path with a blank in it does no harm.
    """
    flags = " ".join(FLAGS)
    return {
        "CPLUS_INCLUDE_PATH": str(include),
        "CFLAGS": flags,
        "CXXFLAGS": f"{flags} -include removed_from_python.h",
    }


def key() -> str:
    """Where a wheel fits: interpreter, processor and C library, and the recipe it was made by."""
    recipe = repr((VERSION, SOURCE_SHA256, FLAGS, sorted(headers().items())))
    digest = hashlib.sha256(recipe.encode()).hexdigest()[:8]
    interpreter = sysconfig.get_config_var("SOABI") or sysconfig.get_platform()
    library = "-".join(part for part in platform.libc_ver() if part) or platform.release()
    return f"{interpreter}-{library}-{digest}"
