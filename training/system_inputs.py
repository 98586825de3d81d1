"""Inputs of the compared systems, computed from labelled files and cached.

    features           float32 (N, D)          features of the backbone, the mean over a song's segments,
                                               expanded by `attune.training.conse`
    accurate features  float32 (N, D)          the same for the backbones of the network `accurate`
    pixels             uint8 (N, 64, 64, 3)    the backbone's squashed picture, at a smaller size
    descriptors        float32 (N, 193)        `attune.training.acp_descriptors`
    spectrogram        float16 (N, 64, 469)    log-mel spectrogram of the first 30 s, in decibels

Each input is computed once per file and stored; an interrupted run continues where it stopped.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from attune.core.atomic_files import atomic_write
from attune.core.errors import MediaError
from attune.core.progress import Progress, SilentProgress
from attune.embedding.backbones import ACCURATE_BACKBONES, Backbone
from attune.embedding.onnx_session import Device
from attune.training.conse import expand_features
from attune.training.feature_cache import CachedFeatures, cache_key, extract_cached_features
from attune.training.losses import build_targets
from attune.training.manifest import LabelledRow
from attune.training.systems.base import InputName, LabelledFeatures

PIXELS = 64
MELS = 64
EXCERPT_S = 30.0

_RATE = 16_000
_HOP = 1024
_FRAMES = int(EXCERPT_S * _RATE) // _HOP + 1
_WINDOW = 2048
_QUIET_DB = -100.0


def load_labelled_features(
    rows: Sequence[LabelledRow],
    backbone: Backbone,
    names: Iterable[InputName],
    cache: Path,
    workers: int,
    progress: Progress | None = None,
    device: Device = "cpu",
) -> tuple[LabelledFeatures, list[MediaError]]:
    """Load the inputs of labelled files, computing those that are not in the cache.

    Args:
        rows: The labelled files, all of one modality.
        backbone: The backbone of that modality, which computes `features`.
        names: The inputs that are needed.
        cache: Folder of the cache, made if missing.
        workers: Number of processes that decode and compute.
        progress: Notified after each file; silent by default.
        device: Device that the backbone runs on.

    Returns:
        The readable files with their inputs, and the errors of the other files.
    """
    listener = progress or SilentProgress()
    cached = extract_cached_features(rows, backbone, cache, workers, listener, device)
    inputs: dict[InputName, NDArray[np.generic]] = {}
    for name in names:
        if name == "features":
            inputs[name] = _average_features(cached, backbone)
        elif name == "accurate features":
            other = ACCURATE_BACKBONES[backbone.kind]
            inputs[name] = _average_features(
                extract_cached_features(cached.rows, other, cache, workers, listener, device), other
            )
        else:
            inputs[name] = _load_or_compute(cached.rows, name, cache, workers, listener)
    return LabelledFeatures(backbone.kind, cached.rows, build_targets(cached.rows), inputs), cached.skipped


def _average_features(cached: CachedFeatures, backbone: Backbone) -> NDArray[np.float32]:
    means = np.stack([segments.astype(np.float32).mean(axis=0) for segments in cached.features])
    return expand_features(means, backbone)


def load_pixels(path: Path) -> NDArray[np.uint8]:
    """Return a picture as uint8 (64, 64, 3)."""
    from PIL import Image

    from attune.embedding.image_decoding import decode_image

    small = Image.fromarray(decode_image(path).pixels).resize((PIXELS, PIXELS), Image.Resampling.BOX)
    return np.asarray(small)


def compute_descriptors(path: Path) -> NDArray[np.float32]:
    """Return ACP-Net's music vector of a file's first 30 s, float32 (193,)."""
    from attune.embedding.audio_decoding import read_audio
    from attune.training.acp_descriptors import describe

    return describe(read_audio(path, 0.0, EXCERPT_S).samples)


def compute_spectrogram(path: Path) -> NDArray[np.float16]:
    """Return a file's log-mel spectrogram, float16 (64, 469), in dB: the first 30 s, padded with silence."""
    import torch
    from torchaudio.transforms import AmplitudeToDB, MelSpectrogram

    from attune.embedding.audio_decoding import read_audio

    samples = torch.from_numpy(read_audio(path, 0.0, EXCERPT_S).samples)
    power = MelSpectrogram(_RATE, n_fft=_WINDOW, hop_length=_HOP, n_mels=MELS)(samples)
    decibels = AmplitudeToDB(top_db=None)(power).numpy()[:, :_FRAMES]
    padded = np.full((MELS, _FRAMES), _QUIET_DB, np.float16)
    padded[:, : decibels.shape[1]] = decibels
    return padded


_COMPUTE: dict[InputName, Callable[[Path], NDArray[np.generic]]] = {
    "pixels": load_pixels,
    "descriptors": compute_descriptors,
    "spectrogram": compute_spectrogram,
}


def _load_or_compute(
    rows: Sequence[LabelledRow], name: InputName, cache: Path, workers: int, progress: Progress
) -> NDArray[np.generic]:
    """Return one input, (N, ...), of files that are known to be readable."""
    folder = cache / f"{name}-1"
    folder.mkdir(parents=True, exist_ok=True)
    cache_files = [folder / f"{cache_key(row.path)}.npy" for row in rows]
    missing = [(row.path, file) for row, file in zip(rows, cache_files, strict=True) if not file.is_file()]
    progress.start(name, len(missing))
    if missing:
        # Threads of torch and librosa do not survive a fork.
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(workers, mp_context=context) as pool:
            for _ in pool.map(partial(_compute_and_save, name), missing, chunksize=4):
                progress.advance()
    progress.finish()
    return np.stack([np.load(file, allow_pickle=False) for file in cache_files])


def _compute_and_save(name: InputName, task: tuple[Path, Path]) -> None:
    import torch

    torch.set_num_threads(1)
    path, file = task
    with atomic_write(file) as temporary, temporary.open("wb") as out:
        np.save(out, _COMPUTE[name](path))
