"""Synthetic media for a library as large as the paper's, from a few thousand photos and an hour of music.

Pictures are distinct crops, flips and recolourings of labelled photos. Most are upscaled, and a little grain
replaces the detail that upscaling lacks. Clips are cut from whole pieces and may overlap. Such a library
serves to measure speed, size and memory, but not accuracy.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from fractions import Fraction
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from attune.core.atomic_files import atomic_write
from attune.core.errors import UsageError, escape_path
from attune.core.progress import Progress
from attune.embedding.media_files import Kind, kind_of

if TYPE_CHECKING:
    from PIL import Image

SIDE: Final = 500
CLIP_S: Final = 60.0
_QUALITY: Final = 92
_GRAIN: Final = 5.0  # standard deviation, in grey levels of 0 to 255
_BIT_RATE: Final = 128_000
_FILES_PER_FOLDER: Final = 1000
_PICTURES_PER_TASK: Final = 100


@dataclass(frozen=True, slots=True)
class MediaMakeReport:
    """Numbers of files that were made.

    Attributes:
        made: Files that were written.
        kept: Files that existed already.
        bytes: Total size of both.
    """

    made: int
    kept: int
    bytes: int


@dataclass(frozen=True, slots=True)
class _ClipPlan:
    """The clips to be cut from one piece."""

    song: Path
    starts_s: list[float]
    targets: list[Path]


def list_media(folder: Path, kind: Kind) -> list[Path]:
    """Return the files of one kind below a folder, in path order.

    Raises:
        UsageError: There are none.
    """
    found = sorted(path for path in folder.rglob("*") if path.is_file() and kind_of(path) == kind)
    if not found:
        raise UsageError(f"{escape_path(folder)}: no {'pictures' if kind == 'image' else 'music'} in it")
    return found


def make_pictures(
    photos: Sequence[Path], folder: Path, count: int, workers: int, progress: Progress, seed: int = 0
) -> MediaMakeReport:
    """Write JPEGs whose long side is 500 pixels; existing files are kept.

    Args:
        photos: Photos that are varied, each about equally often.
        folder: Folder of the pictures, which go into subfolders of a thousand.
        count: Number of pictures that will exist afterwards.
        workers: Number of processes.
        progress: Receives the number of pictures after every hundred.
        seed: Seed of the random variations.
    """
    targets = [folder / f"{place // _FILES_PER_FOLDER:03d}" / f"{place:06d}.jpg" for place in range(count)]
    missing = [place for place, target in enumerate(targets) if not target.exists()]
    tasks = [
        missing[first : first + _PICTURES_PER_TASK] for first in range(0, len(missing), _PICTURES_PER_TASK)
    ]
    progress.start("pictures", len(missing))
    with _create_pool(workers) as pool:
        waited = {}
        for places in tasks:
            task = [(photos[place % len(photos)], targets[place], (seed, place)) for place in places]
            waited[pool.submit(_write_pictures, task)] = len(places)
        for done in as_completed(waited):
            done.result()
            progress.advance(waited[done])
    progress.finish()
    return _summarize(targets, len(missing))


def make_clips(
    songs: Sequence[Path], folder: Path, count: int, workers: int, progress: Progress, seed: int = 0
) -> MediaMakeReport:
    """Write MP3s of 60 s, cut from pieces at random positions; existing files are kept.

    Args:
        songs: Pieces from which clips are cut, the more the longer they are; those below 61 s are ignored.
        folder: Folder of the clips, which go into subfolders of a thousand.
        count: Number of clips that will exist afterwards.
        workers: Number of processes.
        progress: Receives the number of clips.
        seed: Seed of the random positions.

    Raises:
        UsageError: No piece is long enough.
    """
    planned = list(_plan_cuts(songs, folder, count, seed))
    targets = [target for cuts in planned for target in cuts.targets]
    missing = [cuts for cuts in planned if not all(target.exists() for target in cuts.targets)]
    fresh = sum(not target.exists() for target in targets)
    progress.start("clips", sum(len(cuts.targets) for cuts in missing))
    with _create_pool(workers) as pool:
        waited = {pool.submit(_write_clips, cuts): len(cuts.targets) for cuts in missing}
        for done in as_completed(waited):
            done.result()
            progress.advance(waited[done])
    progress.finish()
    return _summarize(targets, fresh)


def _create_pool(workers: int) -> ProcessPoolExecutor:
    return ProcessPoolExecutor(workers, mp_context=get_context("spawn"))


def _summarize(targets: Sequence[Path], fresh: int) -> MediaMakeReport:
    return MediaMakeReport(fresh, len(targets) - fresh, sum(target.stat().st_size for target in targets))


def _write_pictures(orders: Sequence[tuple[Path, Path, tuple[int, int]]]) -> None:
    for photo, target, seed in orders:
        target.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(target) as temporary:
            picture = _vary(photo, np.random.default_rng(seed))
            picture.save(temporary, "JPEG", quality=_QUALITY)


def _vary(photo: Path, random: np.random.Generator) -> Image.Image:
    """Return a random crop with changed colours and brightness; its long side is 500 pixels."""
    from PIL import Image, ImageEnhance

    with Image.open(photo) as opened:
        image = opened.convert("RGB")
    share = float(random.uniform(0.6, 1.0))
    width, height = (max(1, round(side * share)) for side in image.size)
    left, top = (
        int(random.integers(0, whole - part + 1))
        for whole, part in zip(image.size, (width, height), strict=True)
    )
    scale = SIDE / max(width, height)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    box = (left, top, left + width, top + height)
    image = image.resize(size, Image.Resampling.BICUBIC, box=box)
    if random.random() < 0.5:
        image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    for change in (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color):
        image = change(image).enhance(float(random.uniform(0.7, 1.3)))
    return Image.fromarray(_add_grain(np.asarray(image), random))


def _add_grain(pixels: NDArray[np.uint8], random: np.random.Generator) -> NDArray[np.uint8]:
    grain = random.standard_normal(pixels.shape[:2], np.float32)[..., None] * np.float32(_GRAIN)
    return np.clip(pixels + grain, 0, 255).astype(np.uint8)


def _plan_cuts(songs: Sequence[Path], folder: Path, count: int, seed: int) -> Iterator[_ClipPlan]:
    """Distribute clips over pieces in proportion to the range of possible start times."""
    import soundfile

    rooms = np.array([soundfile.info(song).duration - CLIP_S - 1.0 for song in songs]).clip(min=0.0)
    if not rooms.any():
        raise UsageError(f"{escape_path(songs[0].parent)}: no piece is longer than a minute")
    random = np.random.default_rng(seed)
    owners = np.sort(random.choice(len(songs), count, p=rooms / rooms.sum()))
    starts = random.random(count) * rooms[owners]
    for owner in np.unique(owners):
        places = np.flatnonzero(owners == owner)
        targets = [folder / f"{place // _FILES_PER_FOLDER:03d}" / f"{place:06d}.mp3" for place in places]
        yield _ClipPlan(songs[owner], starts[places].tolist(), targets)


def _write_clips(cuts: _ClipPlan) -> None:
    """Encode a piece once and cut its packets, since encoding 3,500 clips separately would take an hour."""
    with TemporaryDirectory() as folder:
        whole = Path(folder) / "whole.mp3"
        _encode(cuts.song, whole)
        for start_s, target in zip(cuts.starts_s, cuts.targets, strict=True):
            target.parent.mkdir(parents=True, exist_ok=True)
            with atomic_write(target) as temporary:
                _cut(whole, start_s, temporary)


def _encode(song: Path, target: Path) -> None:
    import av
    import soundfile

    samples, rate = soundfile.read(song, always_2d=True, dtype="float32")
    stereo = np.ascontiguousarray(samples[:, [0, -1]].T)
    with av.open(str(target), "w", format="mp3") as output:
        stream = output.add_stream("mp3", rate=rate, layout="stereo")
        stream.bit_rate = _BIT_RATE
        frame = av.AudioFrame.from_ndarray(stereo, format="fltp", layout="stereo")
        frame.sample_rate = rate
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            output.mux(packet)


def _cut(whole: Path, start_s: float, target: Path) -> None:
    import av

    with av.open(str(whole)) as source, av.open(str(target), "w", format="mp3") as output:
        source_stream = source.streams.audio[0]
        stream = output.add_stream_from_template(source_stream)
        assert source_stream.time_base is not None
        tick: Fraction = source_stream.time_base
        source.seek(int(start_s / tick), stream=source_stream)
        first: int | None = None
        for packet in source.demux(source_stream):
            if packet.pts is None:
                continue
            first = packet.pts if first is None else first
            if (packet.pts - first) * tick >= CLIP_S:
                break
            packet.pts -= first
            packet.dts = packet.pts
            packet.stream = stream
            output.mux(packet)
