"""Runs the setup.py of the folder it is started in, compiling several files at a time.

setuptools compiles the files of one extension one after the other, and Ice is one extension of
some 230 files. An object file appears under its name only when it is complete, so a build that was
killed goes on where it stopped. Started by `build.py` as a script, under the build's setuptools;
it ends, with its compilers, when the process that started it does.
"""

from __future__ import annotations

import importlib
import os
import runpy
import signal
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Any


def compile_in_parallel(jobs: int) -> Callable[..., list[str]]:
    """A replacement for `distutils.ccompiler.CCompiler.compile` that starts `jobs` at a time."""

    def compile_files(
        self: Any,
        sources: list[str],
        output_dir: str | None = None,
        macros: Any = None,
        include_dirs: Any = None,
        debug: bool = False,
        extra_preargs: Any = None,
        extra_postargs: Any = None,
        depends: Any = None,
    ) -> list[str]:
        _, objects, postargs, options, plan = self._setup_compile(
            output_dir, macros, include_dirs, sources, depends, extra_postargs
        )
        arguments = self._get_cc_args(options, debug, extra_preargs)

        def compile_one(name: str) -> str:
            source, extension = plan[name]
            part = f"{name}.{os.getpid()}.part"
            self._compile(part, source, extension, arguments, postargs, options)
            Path(part).replace(name)
            return str(source)

        # The largest first: a long one that starts last would keep one core waiting for it.
        waiting = sorted(
            (name for name in plan if not Path(name).exists()),
            key=lambda name: -Path(plan[name][0]).stat().st_size,
        )
        done = len(plan) - len(waiting)
        with ThreadPoolExecutor(jobs) as pool:
            running = [pool.submit(compile_one, name) for name in waiting]
            try:
                for one in as_completed(running):
                    done += 1
                    print(f"compiled {done} of {len(plan)}: {one.result()}", flush=True)  # noqa: T201 - read by progress.py
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise
        return list(objects)

    return compile_files


def end_with_parent() -> None:
    """Kill this process group when standard input, a pipe that the parent holds, is closed."""

    def watch() -> None:
        sys.stdin.read()
        os.killpg(0, signal.SIGKILL)

    threading.Thread(target=watch, daemon=True).start()


def main(jobs: str, *arguments: str) -> None:
    """Run setup.py with `arguments`.

    Args:
        jobs: how many files are compiled at a time.
        arguments: the commands of setup.py.
    """
    end_with_parent()
    importlib.import_module("setuptools")  # first: it puts its own distutils into place
    compiler = importlib.import_module("distutils.ccompiler").CCompiler
    compiler.compile = compile_in_parallel(int(jobs))
    sys.argv = ["setup.py", *arguments]
    runpy.run_path("setup.py", run_name="__main__")


if __name__ == "__main__":
    main(*sys.argv[1:])
