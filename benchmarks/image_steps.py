"""A training step of a convolutional network beside a plain torch loop; half precision; memory of what is on disk."""

import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import nn
from torch.nn import functional

import sknets
from benchmarks.page import table, within
from benchmarks.timing import THREADS, alternate, paired_ratio
from sknets.datasets import ImageFiles

TITLE = "A step of a convolutional network"
N_RUNS = 9
STEPS = 20
MAX_RATIO = 1.10
MIN_GAIN = 1.5
CPU_INFO = Path("/proc/cpuinfo")


def cases(is_quick: bool) -> list[dict[str, Any]]:
    n_runs, steps = (1, 2) if is_quick else (N_RUNS, STEPS)
    batches = (128,) if is_quick else (64, 128)
    common = {"n_runs": n_runs, "steps": steps}
    steps_cases = [
        {"what": "step", "batch_size": size, "threads": threads, **common} for size in batches for threads in THREADS
    ]
    mapped, files = ([1_000, 2_000], [100]) if is_quick else ([10_000, 40_000, 160_000], [1_000, 4_000, 16_000])
    memory = [
        {"what": "memory", "kind": kind, "n_images": n_images, "threads": 1}
        for kind, sizes in (("memmap", mapped), ("folder", files))
        for n_images in sizes
    ]
    return [*steps_cases, {"what": "precision", "batch_size": 128, "threads": 1, **common}, *memory]


def measure(case: dict[str, Any]) -> dict[str, Any]:
    return MEASUREMENTS[case["what"]](case)


def measure_step(case: dict[str, Any]) -> dict[str, Any]:
    images, labels = _make_images(case["batch_size"] * case["steps"])
    contenders: dict[str, Callable[[], Any]] = {
        "sknets": lambda: _make_model(case["batch_size"]).fit(images, labels),
        "torch": lambda: _plain_loop(images, labels, case["batch_size"]),
    }
    seconds, _ = alternate(contenders, case["n_runs"])
    return {"seconds": seconds}


def measure_precision(case: dict[str, Any]) -> dict[str, Any]:
    images, labels = _make_images(case["batch_size"] * case["steps"])
    contenders: dict[str, Callable[[], Any]] = {
        precision: lambda precision=precision: _make_model(case["batch_size"], precision).fit(images, labels)
        for precision in ("float32", "bfloat16")
    }
    seconds, _ = alternate(contenders, case["n_runs"])
    flags = CPU_INFO.read_text().split() if CPU_INFO.exists() else []
    return {"seconds": seconds, "has_amx": "amx_bf16" in flags, "has_avx512_bf16": "avx512_bf16" in flags}


def measure_memory(case: dict[str, Any]) -> dict[str, Any]:
    """Fit one epoch over images on disk and report the peak of the memory that is the process's own."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, case["n_images"])
    with tempfile.TemporaryDirectory() as folder:
        write = {"memmap": _write_memmap, "folder": _write_folder}[case["kind"]]
        images = write(Path(folder), labels, rng)
        size = sum(path.stat().st_size for path in Path(folder).rglob("*") if path.is_file())
        model = sknets.CNNClassifier(channels=(4,), hidden_layer_sizes=(8,), max_iter=1, random_state=0, device="cpu")
        model.fit(images[:64], labels[:64])
        before = _own_memory()
        start = time.perf_counter()
        with _PeakMemory() as peak:
            model.fit(images, labels)
        seconds = time.perf_counter() - start
    decoded = case["n_images"] * 32 * 32 * 3
    return {
        "file_mb": size / 2**20,
        "decoded_mb": decoded / 2**20,
        "peak_mb": peak.value - before,
        "seconds": seconds,
    }


def _write_memmap(folder: Path, labels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    path = folder / "images.npy"
    file = np.lib.format.open_memmap(path, mode="w+", dtype=np.uint8, shape=(len(labels), 32, 32, 3))
    for start in range(0, len(file), 10_000):
        file[start : start + 10_000] = rng.integers(0, 256, file[start : start + 10_000].shape, dtype=np.uint8)
    file.flush()
    return np.load(path, mmap_mode="r")


def _write_folder(folder: Path, labels: np.ndarray, rng: np.random.Generator) -> Any:
    for name in "01":
        (folder / name).mkdir()
    paths = [folder / str(label) / f"{row:06d}.png" for row, label in enumerate(labels)]
    for path in paths:
        Image.fromarray(rng.integers(0, 256, (32, 32, 3), dtype=np.uint8)).save(path)
    return ImageFiles(paths, size=(32, 32))


class _PeakMemory:
    """The largest anonymous memory of the process while the block runs, sampled by a thread."""

    def __enter__(self) -> "_PeakMemory":
        self.value = _own_memory()
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        return self

    def __exit__(self, *exception: Any) -> None:
        self._is_over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._is_over.wait(0.02):
            self.value = max(self.value, _own_memory())


def _own_memory() -> float:
    """Return MiB of memory that is not a mapped file's: the system takes pages of files back when it needs them."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("RssAnon"))


MEASUREMENTS = {"step": measure_step, "precision": measure_precision, "memory": measure_memory}


def _make_images(n_images: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (n_images, 28, 28), dtype=np.uint8), rng.integers(0, 10, n_images)


def _make_model(batch_size: int, precision: str = "float32") -> sknets.CNNClassifier:
    return sknets.CNNClassifier(
        batch_size=batch_size, max_iter=1, learning_rate="constant", precision=precision, random_state=0, device="cpu"
    )


def _plain_loop(images: np.ndarray, labels: np.ndarray, batch_size: int) -> nn.Module:
    """Train the same network as users write it, on float32 images that are scaled before, channels last."""
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Conv2d(1, 32, 3, padding="same"),
        nn.BatchNorm2d(32),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 3, padding="same"),
        nn.BatchNorm2d(64),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(64 * 7 * 7, 128),
        nn.BatchNorm1d(128),
        nn.ReLU(),
        nn.Linear(128, 10),
    ).to(memory_format=torch.channels_last)
    pixels = torch.from_numpy(images)[:, None].float()
    pixels = ((pixels - pixels.mean()) / pixels.std()).to(memory_format=torch.channels_last)
    targets = torch.from_numpy(labels)
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3, weight_decay=1e-4 / batch_size, fused=True)
    network.train()
    order = torch.randperm(len(pixels))
    for start in range(0, len(pixels), batch_size):
        rows = order[start : start + batch_size]
        optimizer.zero_grad()
        loss = functional.cross_entropy(network(pixels[rows]), targets[rows])
        loss.backward()
        optimizer.step()
    return network.eval()


def section(results: list[dict[str, Any]]) -> str:
    by_kind = {kind: [case for case in results if case["what"] == kind] for kind in MEASUREMENTS}
    return "\n\n".join(
        [
            _step_section(by_kind["step"]),
            _precision_section(by_kind["precision"][0]),
            _memory_section(by_kind["memory"]),
        ]
    )


def _step_section(results: list[dict[str, Any]]) -> str:
    lines = [
        [
            case["batch_size"],
            case["threads"],
            *(f"{1e3 * median(case['seconds'][name]) / case['steps']:.1f}" for name in ("sknets", "torch")),
            within(paired_ratio(case["seconds"], "sknets", "torch"), MAX_RATIO),
        ]
        for case in results
    ]
    return (
        f"`CNNClassifier()` on 28 x 28 images, float32: milliseconds a step, whole fits of {results[0]['steps']} "
        f"steps, median of {results[0]['n_runs']} alternating runs. sknets starts from bytes, checks them and "
        "learns their mean; the torch loop has the same layers, fused Adam, channels last, and images that were scaled "
        "before. Each fit of sknets also finds its network's work and keeps copies of its weights, which such short "
        "fits feel.\n\n" + table(["batch", "threads", "sknets", "torch", "ratio"], lines)
    )


def _precision_section(case: dict[str, Any]) -> str:
    gain = paired_ratio(case["seconds"], "float32", "bfloat16")
    if case["has_amx"]:
        verdict = (
            f"The bound for a CPU with AMX is {MIN_GAIN}: {'met' if round(gain, 2) >= MIN_GAIN else '**missed**'}."
        )
    else:
        kind = "AVX-512 BF16 instructions, but no AMX" if case["has_avx512_bf16"] else "neither AMX nor AVX-512 BF16"
        verdict = f"This CPU has {kind}; the bound of {MIN_GAIN} is for one with AMX."
    return (
        f'`precision="bfloat16"` is {gain:.2f} times as fast as "float32" (batch {case["batch_size"]}, one thread, '
        f"median of {case['n_runs']} alternating runs). {verdict}"
    )


def _memory_section(results: list[dict[str, Any]]) -> str:
    lines = [
        [
            {"memmap": "`numpy.memmap`", "folder": "PNG files, read lazily"}[case["kind"]],
            f"{case['n_images']}",
            f"{case['decoded_mb']:.0f}",
            f"{case['peak_mb']:.1f}",
            f"{case['seconds']:.1f}",
        ]
        for case in results
    ]
    return (
        "One epoch over 32 x 32 colour images on disk: memory of the process itself at its peak, beyond what it had "
        "before (pages of a mapped file are the system's, which takes them back when it needs them).\n\n"
        + table(["images on disk", "number", "decoded, MiB", "peak, MiB", "seconds"], lines)
    )
