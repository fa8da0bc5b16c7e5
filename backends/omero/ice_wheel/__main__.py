"""`python -m backends.omero.ice_wheel`: make sure that Ice is installed in this environment.

Ends at once when it is. Otherwise it takes the wheel from the cache or builds it, installs it, and
sees whether it imports. Run by `make ice`, by CI and by hand, before `pip install omnibis[omero]`.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from backends.omero.ice_wheel import recipe, toolchain
from backends.omero.ice_wheel.build import Workshop, run_pip
from backends.omero.ice_wheel.cache import WheelCache, preferred_root, usable_root
from backends.omero.ice_wheel.errors import IceBuildError
from backends.omero.ice_wheel.progress import Progress

IMPORT_SECONDS = 60


def installed_version() -> str | None:
    """The version of Ice that this interpreter imports, or None; asked in a new process."""
    asked = subprocess.run(
        [sys.executable, "-c", "import IcePy; print(IcePy.stringVersion())"],
        check=False,
        capture_output=True,
        text=True,
        timeout=IMPORT_SECONDS,
    )
    return asked.stdout.strip() if asked.returncode == 0 else None


def provide(options: argparse.Namespace, progress: Progress) -> None:
    """Install Ice, from the cache or newly built; raise IceBuildError when it cannot be done."""
    if not options.build_only and (version := installed_version()):
        progress.step(f"Ice {version} is installed")
        return
    if sys.platform != "linux":
        raise IceBuildError(
            "this builds on Linux only; elsewhere install a wheel of zeroc-ice 3.6.5 with pip"
        )
    root = usable_root(options.cache)
    if root == options.cache:
        _provide_from(root, options, progress)
        return
    try:
        if options.build_only:
            progress.step(
                f"{options.cache} cannot be written; nothing is built that none could keep"
            )
            return
        progress.step(f"{options.cache} cannot be written; building in {root}, nothing is kept")
        _provide_from(root, options, progress)
    finally:
        shutil.rmtree(root, ignore_errors=True)


def _provide_from(root: Path, options: argparse.Namespace, progress: Progress) -> None:
    deadline = time.monotonic() + options.limit * 60
    cache = WheelCache(root, recipe.key())
    with cache.held(deadline):
        wheel = cache.wheel()
        if wheel is not None:
            progress.step(f"taking the wheel {wheel}")
            if options.build_only or _installs(wheel, deadline):
                return
            progress.step("it does not import here; building it again")
            cache.forget()
        wheel = _build(cache, options, progress, deadline)
        if not options.build_only and not _installs(wheel, deadline):
            cache.forget()
            raise IceBuildError("the wheel was built and installed, but IcePy does not import")
    progress.step(f"Ice {recipe.VERSION} is ready: {wheel}")


def _build(
    cache: WheelCache, options: argparse.Namespace, progress: Progress, deadline: float
) -> Path:
    if lacking := toolchain.missing():
        if not options.install_packages:
            raise IceBuildError(toolchain.advice(lacking))
        progress.step("installing " + " ".join(need.package for need in lacking))
        toolchain.install_packages(lacking)
        if lacking := toolchain.missing():
            raise IceBuildError(toolchain.advice(lacking))
    return cache.publish(Workshop(cache.workshop, progress, deadline).build(options.jobs))


def _installs(wheel: Path, deadline: float) -> bool:
    run_pip(
        ["install", "--no-index", "--no-deps", "--force-reinstall", str(wheel)], deadline=deadline
    )
    return installed_version() == recipe.VERSION


def parser() -> argparse.ArgumentParser:
    """The options of the command."""
    options = argparse.ArgumentParser(
        prog="python -m backends.omero.ice_wheel",
        description="Build (once) and install Ice 3.6 for Python, which OMERO needs.",
    )
    options.add_argument(
        "--install-packages",
        action="store_true",
        help="install a missing compiler and missing headers through apt-get (as root)",
    )
    options.add_argument(
        "--build-only", action="store_true", help="put the wheel into the cache, install nothing"
    )
    options.add_argument(
        "--jobs",
        type=int,
        default=len(os.sched_getaffinity(0)) if sys.platform == "linux" else 1,
        help="files compiled at a time (default: the cores of this process)",
    )
    options.add_argument(
        "--cache",
        type=Path,
        default=preferred_root(os.environ),
        help="where wheels are kept (default: %(default)s)",
    )
    options.add_argument(
        "--limit", type=float, default=60.0, help="minutes after which it gives up (default: 60)"
    )
    return options


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; 0 when Ice is there, 1 with a message when not."""
    progress = Progress(sys.stderr)
    try:
        provide(parser().parse_args(arguments), progress)
    except IceBuildError as error:
        progress.step(str(error))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
