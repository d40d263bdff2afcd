"""Child processes that never outlive us, and the ports they listen on."""

import ctypes
import os
import secrets
import signal
import socket
import subprocess  # nosec B404: starting servers is what this module is for
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import IO, Any

PR_SET_PDEATHSIG = 1
# Below the ports that the kernel hands to clients: while a server is started again, no client
# that looks for it may be given its port.
OUR_PORTS = range(15_000, 30_000)


def die_with_parent(when: signal.Signals) -> Callable[[], None] | None:
    """What a child runs before its program, so that the kernel ends it with us, even on kill -9.

    Linux only; elsewhere a parent that is killed hard leaves its children to the next start.
    """
    if not sys.platform.startswith("linux"):
        return None
    libc = ctypes.CDLL(None, use_errno=True)
    parent = os.getpid()

    def arrange() -> None:
        libc.prctl(PR_SET_PDEATHSIG, int(when))
        if os.getppid() != parent:  # it died before the kernel knew
            os.kill(os.getpid(), when)

    return arrange


def end_with_parent() -> None:
    """Be sent SIGTERM when the process that started us dies: for `make`, killed hard."""
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(signal.SIGTERM))


def start(
    command: Sequence[str],
    *,
    when_orphaned: signal.Signals = signal.SIGTERM,
    env: Mapping[str, str] | None = None,
    account: tuple[int, int] | None = None,
    stdin: int | None = subprocess.DEVNULL,
    output: int | IO[Any] | None = None,
    errors: int | None = subprocess.STDOUT,
    cwd: str | None = None,
) -> subprocess.Popen[bytes]:
    """Start a child in a session of its own: Ctrl-C reaches us, and we end it in order.

    `account` is the (uid, gid) to run as; `output` takes stdout, and stderr unless `errors` says else.
    """
    uid, gid = account or (None, None)
    # Only the main thread starts children: the kernel watches the thread that did. It forgets the
    # signal when the user changes; Python changes the user before it calls preexec_fn.
    return subprocess.Popen(  # noqa: S603  # nosec B603: our own commands, no shell
        list(command),
        stdin=stdin,
        stdout=output,
        stderr=errors if output is not None else None,
        env=dict(os.environ if env is None else env),
        user=uid,
        group=gid,
        extra_groups=[] if account else None,
        start_new_session=True,
        preexec_fn=die_with_parent(when_orphaned),  # noqa: PLW1509
        cwd=cwd,
    )


def stop(
    process: subprocess.Popen[bytes],
    *,
    ask: signal.Signals = signal.SIGTERM,
    patience: float = 6.0,
) -> None:
    """Ask a child to end; after `patience` seconds end its whole session."""
    if process.poll() is None:
        process.send_signal(ask)
        try:
            process.wait(patience)
        except subprocess.TimeoutExpired:
            kill_session(process)
            process.wait(1)


def kill_session(process: subprocess.Popen[bytes]) -> None:
    """End a child and everything it started, now."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def free_port() -> int:
    """A TCP port on loopback that nobody listens on at this moment."""
    while True:
        port = secrets.choice(OUR_PORTS)
        if not is_port_taken(port):
            return port


def is_port_taken(port: int) -> bool:
    """Whether this port of loopback cannot be listened on."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False


def is_alive(pid: int) -> bool:
    """Whether there is a process with this number."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
