"""One child process that a test owns: its start, its output, its signals and its end."""

import asyncio
import os
import signal
import subprocess
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path

POLL_S = 0.01


class NotReady(RuntimeError):
    """The process ended or stayed silent instead of becoming ready; the text holds its last output."""


class OwnedProcess:
    """A child process with its output in a file; only ever signalled by its own pid.

    What it runs is not measured, which would take it half as long again: coverage is of what tests call themselves.

    Args:
        command: Program and arguments.
        output: File that collects stdout and stderr; appended to, so that a restart keeps what was said.
        cwd: Working directory.
        env: The whole environment; the parent's when None.
        user: Name of the account to run as; the caller must be root then.
    """

    def __init__(
        self,
        command: Sequence[str | Path],
        *,
        output: Path,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
        user: str | None = None,
    ) -> None:
        self._output = output
        with output.open("ab") as sink:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=subprocess.STDOUT,
                cwd=cwd,
                env=_unmeasured(os.environ if env is None else env),
                user=user,
                group="nogroup" if user == "nobody" else None,
                extra_groups=[] if user else None,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether the process has not ended yet (a stopped one is running)."""
        return self._process.poll() is None

    @property
    def exit_code(self) -> int | None:
        """The exit code, negative for a signal; None while running."""
        return self._process.poll()

    def output(self) -> str:
        """Return everything the process has printed so far."""
        return self._output.read_text(errors="replace")

    def send(self, number: signal.Signals) -> None:
        """Send a signal; nothing happens when the process has ended."""
        self._process.send_signal(number)

    async def until_ready(self, ready: Callable[[], Awaitable[bool]], *, timeout_s: float = 120) -> None:
        """Wait until `ready` says yes.

        Raises:
            NotReady: The process ended, or the time ran out.
        """
        try:
            async with asyncio.timeout(timeout_s):
                while not await ready():
                    if not self.running:
                        raise NotReady(f"ended with {self.exit_code}: {self.output()[-4000:]}")
                    await asyncio.sleep(POLL_S)
        except TimeoutError:
            raise NotReady(f"not ready after {timeout_s} s: {self.output()[-4000:]}") from None

    async def ended(self, *, timeout_s: float = 60) -> int:
        """Wait for the end and return the exit code.

        Raises:
            TimeoutError: It is still running after `timeout_s`.
        """
        async with asyncio.timeout(timeout_s):
            while (code := self._process.poll()) is None:
                await asyncio.sleep(POLL_S)
        return code

    async def stop(self, *, politely: signal.Signals = signal.SIGTERM, grace_s: float = 10) -> int:
        """Ask the process to end, kill it after `grace_s`, and return its exit code."""
        try:
            self.send(politely)
            self.send(signal.SIGCONT)
            return await self.ended(timeout_s=grace_s)
        except TimeoutError:
            return await self.kill()
        except asyncio.CancelledError:
            self._process.kill()
            self._process.wait()
            raise

    async def kill(self) -> int:
        """End the process at once with SIGKILL and return its exit code."""
        self._process.kill()
        return await self.ended(timeout_s=10)

    def pause(self) -> None:
        """Freeze the process (SIGSTOP): its sockets stay open and nothing answers."""
        self.send(signal.SIGSTOP)

    def resume(self) -> None:
        """Let a frozen process go on (SIGCONT)."""
        self.send(signal.SIGCONT)


def is_root() -> bool:
    """Whether this process may start others under another account."""
    return os.geteuid() == 0


def _unmeasured(env: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in env.items() if name != "COVERAGE_PROCESS_CONFIG"}
