"""Tiny files in the format of the data sets, pictures, and a server to download from."""

import gzip
import hashlib
import io
import struct
import tarfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
from PIL import Image

from sknets.datasets import _cifar10, _fashion_mnist, _mnist
from sknets.datasets._download import Origin


@pytest.fixture
def dead_mirror():
    """Return an address where nobody listens: connecting fails at once."""
    return "http://127.0.0.1:9/"


@pytest.fixture(autouse=True)
def no_internet(monkeypatch, dead_mirror):
    """Let no test reach the real mirrors, nor a proxy."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    for module in (_cifar10, _fashion_mnist, _mnist):
        monkeypatch.setattr(module, "ORIGIN", module.ORIGIN._replace(mirrors=(dead_mirror,)))


@pytest.fixture
def write_mnist_like():
    """Write four files of a few random images into a folder and return what they hold, by prefix."""

    def write(folder, rng, n_train=5, n_test=3, compress=gzip.compress, ending=".gz"):
        folder.mkdir(parents=True)
        written = {}
        for prefix, n in (("train", n_train), ("t10k", n_test)):
            images = rng.integers(0, 256, (n, 28, 28)).astype(np.uint8)
            labels = rng.integers(0, 10, n).astype(np.uint8)
            for kind, array in (("images-idx3", images), ("labels-idx1", labels)):
                header = struct.pack(f">BBBB{array.ndim}I", 0, 0, 0x08, array.ndim, *array.shape)
                path = folder / f"{prefix}-{kind}-ubyte{ending}"
                path.write_bytes(compress(header + array.tobytes()))
            written[prefix] = images, labels
        return written

    return write


class Server:
    """A mirror on this machine, with faults to switch on.

    ``files``: contents by name. ``requests``: what was asked for, as (name, Range header or None).
    ``honours_range``: whether it can start in the middle. ``break_off_after``: body sizes after which the next
    responses are cut, one each.
    """

    def __init__(self):
        self.files = {}
        self.requests = []
        self.honours_range = True
        self.break_off_after = []
        self.n_bytes_sent = 0
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                server.answer(self)

            def log_message(self, *args):
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.http.server_address[1]}/"
        threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def answer(self, handler):
        name, asked = handler.path.lstrip("/"), handler.headers.get("Range")
        self.requests.append((name, asked))
        if name not in self.files:
            handler.send_error(404)
            return
        content = self.files[name]
        start = int(asked.removeprefix("bytes=").removesuffix("-")) if asked and self.honours_range else None
        if start is not None and start >= len(content):
            handler.send_error(416)
            return
        body = content[start:]
        handler.send_response(200 if start is None else 206)
        if start is not None:
            handler.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        sent = body[: self.break_off_after.pop(0)] if self.break_off_after else body
        self.n_bytes_sent += len(sent)
        handler.wfile.write(sent)

    def origin(self, *other_mirrors_before, algorithm="sha256"):
        """Return the mirrors and the right checksums of the files."""
        checksums = {
            name: f"{algorithm}:{hashlib.new(algorithm, content).hexdigest()}" for name, content in self.files.items()
        }
        return Origin((*other_mirrors_before, self.url), checksums)

    def close(self):
        self.http.shutdown()
        self.http.server_close()


@pytest.fixture
def server():
    server = Server()
    yield server
    server.close()


@pytest.fixture
def cifar_records(rng):
    """Contents of the six files, two to four records each, by name; labels include every class."""
    labels = iter(rng.permutation(np.arange(18) % 10).astype(np.uint8).tolist())
    sizes = {**{f"data_batch_{number}.bin": 3 for number in range(1, 6)}, "test_batch.bin": 3}
    return {
        name: b"".join(bytes([next(labels)]) + rng.integers(0, 256, 3072).astype(np.uint8).tobytes() for _ in range(n))
        for name, n in sizes.items()
    }


@pytest.fixture
def pack():
    """Return a tar.gz archive of contents by name, in a folder as the publisher's."""

    def pack_files(contents, folder="cifar-10-batches-bin"):
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
            for name, content in contents.items():
                member = tarfile.TarInfo(f"{folder}/{name}")
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
        return buffer.getvalue()

    return pack_files


@pytest.fixture
def write_picture(tmp_path):
    """Write pixels, or one colour, as a picture below tmp_path and return its path."""

    def write(name, pixels=(200, 100, 50), size=(6, 8), **options):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(pixels, tuple):
            pixels = np.full((*size, len(pixels)), pixels, np.uint8)
        picture = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
        picture.save(path, **options)
        return path

    return write
