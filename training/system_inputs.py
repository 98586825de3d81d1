"""Inputs of the compared systems, computed from labelled files and cached.

    a backbone     float32 (N, D)          its features, the mean over a song's patches that sound,
                                           expanded by `attune.training.conse`
    pixels         uint8 (N, 64, 64, 3)    the squashed picture, at a smaller size
    descriptors    float32 (N, 193)        `attune.training.acp_descriptors`
    spectrogram    float16 (N, 64, 469)    log-mel spectrogram of the first 30 s, in decibels

Each input is computed once per file and stored; an interrupted run continues where it stopped. Features are
stored under the id of their backbone, the others under the source that computes them (`raw_inputs`) and the
version of the preprocessing.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from attune.core.atomic_files import atomic_write
from attune.core.errors import MediaError
from attune.core.progress import Progress, SilentProgress
from attune.embedding.backbones import DEFAULT_BACKBONES, PREPROCESSING_VERSIONS, Backbone
from attune.embedding.media_files import Kind
from attune.embedding.onnx_session import Device
from attune.embedding.silent_patches import average_sounding
from attune.training import raw_inputs
from attune.training.conse import expand_features, expanded_layout
from attune.training.feature_cache import cache_key, extract_cached_features
from attune.training.losses import build_targets
from attune.training.manifest import LabelledRow
from attune.training.source_digest import FOLDER, digest_source
from attune.training.systems.base import BackboneFeatures, Input, LabelledFeatures, RawInput


def load_labelled_features(
    rows: Sequence[LabelledRow],
    kind: Kind,
    needed: Iterable[Input],
    cache: Path,
    workers: int,
    progress: Progress | None = None,
    device: Device = "cpu",
) -> tuple[LabelledFeatures, list[MediaError]]:
    """Load the inputs of labelled files, computing those that are not in the cache.

    Args:
        rows: The labelled files, all of one modality.
        kind: That modality.
        needed: The inputs that are needed. Without a backbone among them, the default one of the modality
            finds out which files can be read.
        cache: Folder of the cache, made if missing.
        workers: Number of processes that decode and compute.
        progress: Notified after each file; silent by default.
        device: Device that the backbones run on.

    Returns:
        The readable files with their inputs, and the errors of the other files.
    """
    listener = progress or SilentProgress()
    wanted = dict.fromkeys(needed)
    backbones = [name for name in wanted if isinstance(name, Backbone)] or [DEFAULT_BACKBONES[kind]]
    segments: dict[Backbone, dict[Path, NDArray[np.float16]]] = {}
    readable, skipped = list(rows), list[MediaError]()
    for backbone in backbones:
        cached = extract_cached_features(readable, backbone, cache, workers, listener, device)
        segments[backbone] = {
            row.path: found for row, found in zip(cached.rows, cached.features, strict=True)
        }
        readable, skipped = cached.rows, skipped + cached.skipped
    features = {
        backbone: average_features([segments[backbone][row.path] for row in readable], backbone)
        for backbone in backbones
    }
    raw = {
        name: _load_or_compute(readable, kind, name, cache, workers, listener)
        for name in wanted
        if not isinstance(name, Backbone)
    }
    return LabelledFeatures(kind, readable, build_targets(readable), features, raw), skipped


def average_features(segments: Sequence[NDArray[np.float16]], backbone: Backbone) -> BackboneFeatures:
    """Return the features of N files as systems read them: averaged over what sounds, and expanded.

    Args:
        segments: For each file float16 (segments, width of the backbone).
        backbone: The backbone that computed them.
    """
    means = np.stack([average_sounding(rows) for rows in segments])
    return BackboneFeatures(expand_features(means, backbone), expanded_layout(backbone))


def _load_or_compute(
    rows: Sequence[LabelledRow], kind: Kind, name: RawInput, cache: Path, workers: int, progress: Progress
) -> NDArray[np.generic]:
    """Return one input, (N, ...), of files that are known to be readable."""
    source = digest_source((raw_inputs.__name__,), FOLDER)[:8]
    folder = cache / f"{name}-{source}-{PREPROCESSING_VERSIONS[kind]}"
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


def _compute_and_save(name: RawInput, task: tuple[Path, Path]) -> None:
    import torch

    torch.set_num_threads(1)
    path, file = task
    with atomic_write(file) as temporary, temporary.open("wb") as out:
        np.save(out, raw_inputs.COMPUTE[name](path))
