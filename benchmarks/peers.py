"""Embedding speed of Attune and of common alternatives, on the same files and cores, one after the other.

    pictures   rclip's way       OpenCLIP ViT-B-32, batches of eight pictures, decoded in the same process
               OpenCLIP, loader  the same network behind a DataLoader with one process per core
    music      librosa           the 193 descriptors of ACP-Net, one process per core
               musicnn           its own extractor: librosa's spectrogram and TensorFlow

The weights of CLIP are random, which does not change the speed. Each alternative uses all the given cores.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from importlib.util import find_spec
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from attune.benchmarks.make_library import list_media
from attune.benchmarks.pipeline import sample_evenly
from attune.core.errors import AttuneError
from attune.core.progress import Progress
from attune.core.settings import Settings
from attune.embedding.backbones import DEFAULT_BACKBONES
from attune.embedding.decode_pool import ExtractionJob, extract_all
from attune.embedding.media_files import Kind

if TYPE_CHECKING:
    from torch import Tensor

_MODEL: Final = "ViT-B-32"
_RCLIP_BATCH: Final = 8
_LOADER_BATCH: Final = 64
_RATE: Final = 16_000


@dataclass(frozen=True, slots=True)
class EmbeddingThroughput:
    """Speed of one alternative.

    Attributes:
        kind: Kind of the files.
        name: Name in tables.
        files: Number of embedded files.
        files_per_s: Files per second from the first to the last, without loading the models.
        times: Attune's speed on the same files divided by this one.
    """

    kind: Kind
    name: str
    files: int
    files_per_s: float
    times: float


Run = Callable[[Sequence[Path], int], float]
"""Embed files with a number of workers; return the seconds from when everything was loaded."""


def measure(folders: dict[Kind, Path], sample: int, workers: int, progress: Progress) -> dict[str, Any]:
    """Embed the same files with Attune and each alternative.

    Args:
        folders: Folder of each kind of media.
        sample: Number of pictures; the number of pieces of music is a twentieth of it, but at least two.
        workers: Number of cores for each alternative.
        progress: Receives the number of finished alternatives.

    Returns:
        The JSON document of `attune benchmark peers`.
    """
    progress.start("peers", sum(len(ways) + 1 for ways in _PEERS.values()))
    rows: list[EmbeddingThroughput] = []
    missing = sorted(
        {package for ways in _PEERS.values() for package, _, _ in ways if not find_spec(package)}
    )
    for kind, folder in folders.items():
        count = sample if kind == "image" else max(2, sample // 20)
        paths = sample_evenly(list_media(folder, kind), count)
        attune_rate = len(paths) / _time_attune(kind, paths, workers)
        rows.append(EmbeddingThroughput(kind, "Attune", len(paths), attune_rate, 1.0))
        progress.advance()
        for package, name, run in _PEERS[kind]:
            if package not in missing:
                peer_rate = len(paths) / run(paths, workers)
                rows.append(EmbeddingThroughput(kind, name, len(paths), peer_rate, attune_rate / peer_rate))
            progress.advance()
    progress.finish()
    return {"workers": workers, "rows": [asdict(row) for row in rows], "not_installed": missing}


def _time_attune(kind: Kind, paths: Sequence[Path], workers: int) -> float:
    """Return the seconds to read files as a build does, from when every worker has loaded its libraries."""
    warm = list(paths[:1]) * workers
    began = 0.0
    jobs = (ExtractionJob(path, kind) for path in [*warm, *paths])
    for place, outcome in enumerate(extract_all(jobs, Settings(workers=workers), DEFAULT_BACKBONES)):
        if isinstance(outcome, Exception):
            raise AttuneError(f"a file that is timed cannot be read: {outcome}") from outcome
        if place + 1 == workers:
            began = time.perf_counter()
    return time.perf_counter() - began


def _load_clip(workers: int) -> tuple[Callable[[Tensor], Tensor], Callable[[Path], Tensor]]:
    """Return a function that embeds a batch of pictures, and one that reads a picture."""
    import open_clip
    import torch

    torch.set_num_threads(workers)
    model, _, prepare = open_clip.create_model_and_transforms(_MODEL, pretrained=None)
    model.eval()

    def embed(batch: Tensor) -> Tensor:
        with torch.inference_mode():
            encoded: Tensor = model.encode_image(batch)
            return encoded

    return embed, partial(_read, prepare)


def _read(prepare: Callable[[Any], Tensor], path: Path) -> Tensor:
    from PIL import Image

    with Image.open(path) as image:
        return prepare(image.convert("RGB"))


def _time_rclip(paths: Sequence[Path], workers: int) -> float:
    import torch

    embed, read = _load_clip(workers)
    embed(read(paths[0])[None])
    began = time.perf_counter()
    for first in range(0, len(paths), _RCLIP_BATCH):
        embed(torch.stack([read(path) for path in paths[first : first + _RCLIP_BATCH]]))
    return time.perf_counter() - began


class _PictureDataset:
    """Data set of pictures for a DataLoader."""

    def __init__(self, paths: Sequence[Path], read: Callable[[Path], Tensor]) -> None:
        self._paths, self._read = paths, read

    def __len__(self) -> int:
        return len(self._paths)

    def __getitem__(self, place: int) -> Tensor:
        return self._read(self._paths[place])


def _time_data_loader(paths: Sequence[Path], workers: int) -> float:
    from torch.utils.data import DataLoader

    embed, read = _load_clip(workers)
    pictures: Any = _PictureDataset(paths, read)
    batches = DataLoader(pictures, batch_size=_LOADER_BATCH, num_workers=workers)
    embed(read(paths[0])[None])
    began = time.perf_counter()
    for batch in batches:
        embed(batch)
    return time.perf_counter() - began


def _time_librosa(paths: Sequence[Path], workers: int) -> float:
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        list(pool.map(_describe, [paths[0]] * workers))
        began = time.perf_counter()
        list(pool.map(_describe, paths))
        return time.perf_counter() - began


def _describe(path: Path) -> None:
    import librosa

    from attune.training.acp_descriptors import describe

    samples, _ = librosa.load(path, sr=_RATE)
    describe(samples)


def _time_musicnn(paths: Sequence[Path], workers: int) -> float:
    # musicnn builds its graph with tf.layers, which TensorFlow has kept only behind the older Keras.
    os.environ["TF_USE_LEGACY_KERAS"] = "1"
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        list(pool.map(_tag, [paths[0]] * workers))
        began = time.perf_counter()
        list(pool.map(_tag, paths))
        return time.perf_counter() - began


def _tag(path: Path) -> None:
    from musicnn.extractor import extractor

    with contextlib.redirect_stdout(None):  # musicnn prints its progress to stdout
        extractor(str(path), model="MSD_musicnn", extract_features=True)


_PEERS: Final[dict[Kind, list[tuple[str, str, Run]]]] = {
    "image": [
        ("open_clip", "rclip's way: OpenCLIP ViT-B-32", _time_rclip),
        ("open_clip", "OpenCLIP ViT-B-32 behind a DataLoader", _time_data_loader),
    ],
    "music": [
        ("librosa", "librosa, 193 descriptors", _time_librosa),
        ("musicnn", "musicnn's own extractor", _time_musicnn),
    ],
}
