"""Comparison of GPU and CPU: files read per second, training time, and the difference of the features.

Without a GPU only the CPU is measured, and the document has the reason.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import numpy as np
from numpy.typing import NDArray

from attune.core.errors import AttuneError
from attune.core.progress import Progress
from attune.core.settings import Settings
from attune.embedding.decode_pool import ExtractionJob, extract_all
from attune.embedding.feature_extraction import FileFeatures
from attune.embedding.media_files import Kind
from attune.embedding.onnx_session import Device, choose_device

if TYPE_CHECKING:
    from attune.embedding.network import Network

FeaturesByPath = dict[Path, NDArray[np.float16]]


@dataclass(frozen=True, slots=True)
class TrainingSources:
    """Labelled data for a timed training.

    Attributes:
        images: Manifest, or folder of a data set of pictures.
        music: Manifest, or folder of a data set of music.
    """

    images: Path
    music: Path


@dataclass(frozen=True, slots=True)
class DeviceSpeed:
    """Speed of one device.

    Attributes:
        device: The device.
        images_per_s: Pictures read per second, including the start of the workers.
        clips_per_s: Pieces of music read per second, including the start of the workers.
        train_s: Seconds of a training without cached features; None if none was requested.
        apart: Largest difference between a feature and the CPU's, divided by the largest feature.
    """

    device: Device
    images_per_s: float
    clips_per_s: float
    train_s: float | None
    apart: float


def measure_devices(
    media: Mapping[Kind, Sequence[Path]],
    network: Network,
    labelled: TrainingSources | None,
    workers: int,
    progress: Progress,
) -> dict[str, Any]:
    """Read the same files, and optionally train, on each available device.

    Args:
        media: Files of each kind; at least one must be readable.
        network: Network whose backbones are used.
        labelled: Data of the training to time; None: no training.
        workers: Number of decoding processes.
        progress: Receives the files of each device and kind.

    Returns:
        A JSON document: `devices`, `no_gpu` (the reason, or None), `files`, `workers`, `backbones`.

    Raises:
        AttuneError: None of the files can be read.
    """
    best, why = choose_device("auto")
    devices: list[Device] = ["cpu"] if best == "cpu" else ["cpu", "cuda"]
    speeds: list[DeviceSpeed] = []
    reference: FeaturesByPath = {}
    for device in devices:
        settings = Settings(workers=workers, device=device)
        rates: dict[Kind, float] = {}
        found: FeaturesByPath = {}
        for kind in get_args(Kind):
            rates[kind], read = _read(media[kind], kind, network, settings, progress)
            found |= read
        reference = reference or found
        train_s = None if labelled is None else _train(labelled, network, settings, progress)
        speeds.append(
            DeviceSpeed(
                device, rates["image"], rates["music"], train_s, _compute_largest_difference(reference, found)
            )
        )
    return {
        "devices": [asdict(speed) for speed in speeds],
        "no_gpu": why if best == "cpu" else None,
        "files": {kind: len(media[kind]) for kind in get_args(Kind)},
        "workers": workers,
        "backbones": {kind: backbone.id for kind, backbone in network.backbones.items()},
    }


def _read(
    paths: Sequence[Path], kind: Kind, network: Network, settings: Settings, progress: Progress
) -> tuple[float, FeaturesByPath]:
    """Return the files read per second, and the features of the readable ones."""
    progress.start(f"{settings.device}: {kind}", len(paths))
    found: FeaturesByPath = {}
    began = time.perf_counter()
    for outcome in extract_all((ExtractionJob(path, kind) for path in paths), settings, network.backbones):
        progress.advance()
        if isinstance(outcome, FileFeatures):
            found[outcome.path] = outcome.features
    seconds = time.perf_counter() - began
    progress.finish()
    if not found:
        raise AttuneError(f"none of the {len(paths)} files ({kind}) can be read")
    return len(found) / seconds, found


def _train(labelled: TrainingSources, network: Network, settings: Settings, progress: Progress) -> float:
    from attune.training.train import train

    with tempfile.TemporaryDirectory(prefix="attune-gpu-") as folder:
        began = time.perf_counter()
        train(
            labelled.images,
            labelled.music,
            Path(folder) / "network",
            cache=Path(folder) / "cache",
            workers=settings.workers,
            progress=progress,
            backbones=network.backbones,
            device="cuda" if settings.device == "cuda" else "cpu",
        )
        return time.perf_counter() - began


def _compute_largest_difference(reference: FeaturesByPath, found: FeaturesByPath) -> float:
    """Return the largest relative difference between two sets of features of the same files."""
    worst = 0.0
    for path in reference.keys() & found.keys():
        expected, other = (
            features_by_path[path].astype(np.float32) for features_by_path in (reference, found)
        )
        worst = max(worst, float(np.abs(expected - other).max() / max(np.abs(expected).max(), 1e-6)))
    return worst
