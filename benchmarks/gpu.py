"""A GPU beside the CPU: how many files are read a second, how long a training takes, how far features differ.

Where there is no GPU the CPU's row stands alone, and the document says why.
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
    """What a training is timed on: two manifests, or data sets' folders."""

    images: Path
    music: Path


@dataclass(frozen=True, slots=True)
class DeviceSpeed:
    """What one device does.

    Attributes:
        device: The device.
        images_per_s: Pictures read a second, start of the workers included.
        clips_per_s: Pieces of music, the same.
        train_s: Seconds of a training with nothing kept; None: not asked for.
        apart: Largest difference of a feature from the CPU's, as a share of the largest feature.
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
    """Read the same files, and train, on each device that there is.

    Args:
        media: Files of each kind; at least one that can be read.
        network: Whose backbones read them.
        labelled: What to time a training on; None: none is.
        workers: Processes that decode.
        progress: Told of each device and kind.

    Returns:
        A document: `devices`, `no_gpu` (why, or None), `files`, `workers`, `backbones`.

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
        "backbones": {kind: one.id for kind, one in network.backbones.items()},
    }


def _read(
    paths: Sequence[Path], kind: Kind, network: Network, settings: Settings, progress: Progress
) -> tuple[float, FeaturesByPath]:
    """Return files a second, and the features of those that could be read."""
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
    """Return the largest difference of two readings of the same files, kind of file by kind."""
    worst = 0.0
    for path in reference.keys() & found.keys():
        expected, other = (one[path].astype(np.float32) for one in (reference, found))
        worst = max(worst, float(np.abs(expected - other).max() / max(np.abs(expected).max(), 1e-6)))
    return worst
