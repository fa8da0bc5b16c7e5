"""Makes the wheel in a workshop folder: tools, source package, headers, compilation.

Each step leaves its result by one rename and is skipped when that is there, so a build that was
killed goes on. Every process started here has a time limit and ends with this one. Called by the
command, which holds the folder and checks the toolchain before.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from backends.omero.ice_wheel import recipe
from backends.omero.ice_wheel.errors import IceBuildError
from backends.omero.ice_wheel.progress import Progress, read

LAST_LINES = 15


class Workshop:
    """One unfinished build in `folder`, until `deadline` in seconds of `time.monotonic()`."""

    def __init__(self, folder: Path, progress: Progress, deadline: float) -> None:
        self._folder = folder
        self._progress = progress
        self._deadline = deadline
        self.log = folder / "build.log"

    def build(self, jobs: int) -> Path:
        """Do what is left to do and give the path of the wheel."""
        self._folder.mkdir(parents=True, exist_ok=True)
        tools = self._tools()
        source = self._source(tools)
        include = self._include()
        self._progress.step(f"compiling with {jobs} at a time; log in {self.log}")
        output = self._folder / "wheel"
        shutil.rmtree(output, ignore_errors=True)
        self._setup(
            [str(jobs), "build", "--build-base", "build", "bdist_wheel", "-d", str(output)],
            source=source,
            environment={
                **os.environ,
                **recipe.compiler_environment(include),
                "PYTHONPATH": str(tools),
            },
        )
        wheels = list(output.glob("*.whl"))
        if len(wheels) != 1:
            raise IceBuildError(f"the build ended without a wheel; see {self.log}")
        return wheels[0]

    def _tools(self) -> Path:
        tools = self._folder / "tools"
        if not tools.exists():
            self._progress.step(f"fetching {recipe.BUILD_TOOL} for the build")
            with tempfile.TemporaryDirectory(dir=self._folder) as temporary:
                part = Path(temporary) / "tools"
                self._pip("install", "--no-deps", "--target", str(part), recipe.BUILD_TOOL)
                part.rename(tools)
        return tools

    def _source(self, tools: Path) -> Path:
        """The unpacked source package; pip compares its checksum with the recipe's."""
        source = self._folder / "source"
        if not source.exists():
            self._progress.step(f"fetching the source of {recipe.PROJECT} {recipe.VERSION}")
            with tempfile.TemporaryDirectory(dir=self._folder) as temporary:
                wanted = Path(temporary) / "requirements.txt"
                wanted.write_text(
                    f"{recipe.PROJECT}=={recipe.VERSION} --hash=sha256:{recipe.SOURCE_SHA256}\n",
                    "utf-8",
                )
                self._pip(
                    *("download", "--no-deps", "--require-hashes", "--no-build-isolation"),
                    *("--no-binary", recipe.PROJECT, "-d", temporary, "-r", str(wanted)),
                    environment={**os.environ, "PYTHONPATH": str(tools)},
                )
                archive = next(Path(temporary).glob("*.tar.gz"))
                shutil.unpack_archive(archive, temporary)
                archive.with_name(archive.name.removesuffix(".tar.gz")).rename(source)
        return source

    def _include(self) -> Path:
        include = self._folder / "include"
        include.mkdir(exist_ok=True)
        for name, text in recipe.headers().items():
            (include / name).write_text(text, "utf-8")
        return include

    def _pip(self, *arguments: str, environment: dict[str, str] | None = None) -> None:
        run_pip(arguments, deadline=self._deadline, environment=environment)

    def _setup(
        self, arguments: Sequence[str], *, source: Path, environment: dict[str, str]
    ) -> None:
        script = Path(__file__).with_name("parallel_setup.py")
        with self.log.open("w", encoding="utf-8") as log:
            # -P: the modules beside the script must not hide those that setup.py imports.
            process = subprocess.Popen(  # noqa: S603 - our own arguments, no shell
                [sys.executable, "-P", "-s", str(script), *arguments],
                cwd=source,
                env=environment,
                stdin=subprocess.PIPE,  # closed when this process ends, by whatever: see the script
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                start_new_session=True,
            )
            timer = threading.Timer(max(0.0, self._deadline - time.monotonic()), _end, [process])
            timer.start()
            try:
                for line in process.stdout or ():
                    log.write(line)
                    if compiled := read(line):
                        self._progress.compiled(compiled)
                code = process.wait()
            finally:
                timer.cancel()
                _end(process)
                process.communicate()
        if code:
            late = time.monotonic() >= self._deadline
            why = "took longer than its limit (--limit)" if late else "failed"
            raise IceBuildError(f"the compilation {why}; the log {self.log} ends:\n{self._tail()}")

    def _tail(self) -> str:
        return "\n".join(self.log.read_text("utf-8").splitlines()[-LAST_LINES:])


def run_pip(
    arguments: Sequence[str], *, deadline: float, environment: dict[str, str] | None = None
) -> None:
    """Run this interpreter's pip quietly; raise with the end of what it said when it fails."""
    command = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    try:
        result = subprocess.run(  # noqa: S603 - our own arguments, no shell
            [*command, *arguments],
            check=False,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=max(1.0, deadline - time.monotonic()),
        )
    except subprocess.TimeoutExpired as error:
        raise IceBuildError(f"pip {arguments[0]} took longer than the limit (--limit)") from error
    if result.returncode:
        last = "\n".join(result.stdout.splitlines()[-LAST_LINES:])
        raise IceBuildError(f"pip {arguments[0]} failed:\n{last}")


def _end(process: subprocess.Popen[str]) -> None:
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
