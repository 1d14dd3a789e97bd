"""One file over HTTP, from where an earlier transfer stopped."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

# Without a byte for so long, a mirror counts as dead.
TIMEOUT_SECONDS = 30

CHUNK_BYTES = 1 << 18

NOTHING_LEFT = 416
PARTIAL_CONTENT = 206


class TransferError(Exception):
    """The other side did not send the whole file; the message says why."""


def continue_transfer(url: str, part: Path, title: str) -> None:
    """Fetch what ``part`` lacks of the file at ``url``.

    If the server cannot start in the middle, or there is no ``part``, the file comes from its start. A progress bar is
    shown where standard error is a terminal or a notebook.

    Parameters
    ----------
    url : str
    part : pathlib.Path
        The first bytes of the file, or nothing yet. What has come is kept if the transfer breaks off.
    title : str
        What the progress bar calls the file.

    Raises
    ------
    TransferError
        If the server cannot be reached, refuses, or stops early.
    OSError
        If ``part`` cannot be written.
    """
    n_present = part.stat().st_size if part.exists() else 0
    response = _open(url, n_present)
    if response is None:
        return
    with response:
        is_continued = response.status == PARTIAL_CONTENT
        if is_continued and not response.headers.get("Content-Range", "").startswith(f"bytes {n_present}-"):
            raise TransferError(f"asked for byte {n_present} onwards, the server sent another part of the file")
        n_present = n_present if is_continued else 0
        n_coming = _content_length(response)
        n_total = None if n_coming is None else n_present + n_coming
        with part.open("ab" if is_continued else "wb") as file, _progress_bar(title, n_present, n_total) as advance:
            n_came = 0
            for chunk in _chunks(response):
                file.write(chunk)
                n_came += len(chunk)
                advance(len(chunk))
            file.flush()
            os.fsync(file.fileno())
    if n_coming is not None and n_came < n_coming:
        raise TransferError(f"the connection broke off after {n_present + n_came} of {n_total} bytes")


def _open(url: str, n_present: int) -> HTTPResponse | None:
    """Return the server's answer, or None if it says that nothing is left to send."""
    headers = {"User-Agent": "sknets"}
    if n_present:
        headers["Range"] = f"bytes={n_present}-"
    try:
        # http and https only: the addresses are constants of this package.
        response: HTTPResponse = urlopen(Request(url, headers=headers), timeout=TIMEOUT_SECONDS)
    except HTTPError as error:
        error.close()
        if error.code == NOTHING_LEFT and n_present:
            return None
        raise TransferError(f"HTTP {error.code} {error.reason}") from error
    except URLError as error:
        raise TransferError(str(error.reason)) from error
    except (OSError, HTTPException) as error:
        raise TransferError(str(error) or repr(error)) from error
    return response


def _content_length(response: HTTPResponse) -> int | None:
    length = response.headers.get("Content-Length", "")
    return int(length) if length.isdecimal() else None


def _chunks(response: HTTPResponse) -> Iterator[bytes]:
    while True:
        try:
            # read1: what has come before the connection breaks must not be lost with the rest of its chunk.
            chunk = response.read1(CHUNK_BYTES)
        except (OSError, HTTPException) as error:
            raise TransferError(str(error) or repr(error)) from error
        if not chunk:
            return
        yield chunk


@contextmanager
def _progress_bar(title: str, n_present: int, n_total: int | None) -> Iterator[Callable[[int], object]]:
    """Give the function to be told of every number of bytes that came."""
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    console = Console(stderr=True)
    if not (console.is_terminal or console.is_jupyter):
        yield lambda n: None
        return
    columns = TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn()
    with Progress(*columns, TimeRemainingColumn(), console=console) as progress:
        task = progress.add_task(title, total=n_total, completed=n_present)
        yield lambda n: progress.update(task, advance=n)
