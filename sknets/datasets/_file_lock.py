"""A lock between processes and threads that ends with its holder, even if that one is killed."""

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

# Some network file systems have no locks.
NO_LOCKS = {errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOLCK}


@contextmanager
def hold_lock(path: Path) -> Iterator[bool]:
    """Hold a lock, waiting for whoever holds it; the lock file is removed afterwards.

    Parameters
    ----------
    path : pathlib.Path
        The lock file; its folder must exist.

    Yields
    ------
    is_held : bool
        False where the file system has no locks: others may be in the same block.

    Raises
    ------
    OSError
        If the file cannot be made.
    """
    descriptor, is_held = _open_locked(path)
    try:
        yield is_held
    finally:
        _close_and_remove(descriptor, path)


def _open_locked(path: Path) -> tuple[int, bool]:
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            _wait_for_lock(descriptor)
        except OSError as error:
            if error.errno in NO_LOCKS:
                return descriptor, False
            os.close(descriptor)
            raise
        except BaseException:  # Control-C while waiting
            os.close(descriptor)
            raise
        if _is_still_at(descriptor, path):
            return descriptor, True
        # The holder waited for has removed its file: a lock on that one keeps nobody out.
        os.close(descriptor)


def _is_still_at(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


if sys.platform == "win32":
    import msvcrt

    def _wait_for_lock(descriptor: int) -> None:
        while True:
            try:
                msvcrt.locking(descriptor, msvcrt.LK_LOCK, 1)
            except OSError as error:
                # It gives up after ten seconds.
                if error.errno != errno.EDEADLK:
                    raise
            else:
                return

    def _close_and_remove(descriptor: int, path: Path) -> None:
        # Windows removes no open file; if it is open elsewhere, that one removes it.
        os.close(descriptor)
        with suppress(OSError):
            path.unlink()

else:
    import fcntl

    def _wait_for_lock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX)

    def _close_and_remove(descriptor: int, path: Path) -> None:
        with suppress(OSError):
            path.unlink()
        os.close(descriptor)
