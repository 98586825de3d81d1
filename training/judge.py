"""A network judged on labelled files, through the path that a library takes: decode, backbone, network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from attune.core.errors import MediaError, UsageError
from attune.core.progress import Progress
from attune.embedding.extraction import Extracted
from attune.embedding.media import Kind
from attune.embedding.moments import embed_track
from attune.embedding.network import Embedded, Network
from attune.embedding.workers import Job, extract_all
from attune.training.evaluate import evaluate
from attune.training.manifest import Row
from attune.training.readers import read_labelled
from attune.training.report import Report

if TYPE_CHECKING:
    from attune.core.settings import Settings


_Known = dict[tuple[Path, Kind], Extracted]


@dataclass(frozen=True, slots=True)
class Examination:
    """What to judge on.

    Attributes:
        images: Labelled images: a manifest, or a data set's folder.
        music: Labelled music, alike.
        split: Rows of this split; None: all.
        image_sets: Only these data sets of images; none: all.
        music_sets: Only these data sets of music; none: all.
    """

    images: Path
    music: Path
    split: str | None = None
    image_sets: tuple[str, ...] = ()
    music_sets: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Judgement:
    """A report, whether any row was of the test split, and the files that had to be left out."""

    report: Report
    saw_test: bool
    skipped: list[MediaError]


def judge(
    exam: Examination, network: Network, system: str, settings: Settings, progress: Progress
) -> Judgement:
    """Judge a network on labelled files of both modalities.

    Raises:
        UsageError: Labels cannot be used, or none of their files can.
    """
    images = read_labelled(exam.images, "image", exam.split, exam.image_sets or None)
    music = read_labelled(exam.music, "music", exam.split, exam.music_sets or None)
    jobs = [Job(row.path, "image") for row in images] + [Job(row.path, "music") for row in music]
    known: _Known = {}
    skipped = []
    progress.start("reading labelled files", len(jobs))
    for outcome in extract_all(jobs, settings, network.backbones):
        progress.advance()
        if isinstance(outcome, MediaError):
            skipped.append(outcome)
        else:
            known[outcome.path, outcome.kind] = outcome
    progress.finish()
    images = _readable(images, "image", known, exam.images)
    music = _readable(music, "music", known, exam.music)
    image_side = _embed(images, "image", known, network)
    music_side = _embed(music, "music", known, network)
    report = evaluate(images, music, image_side, music_side, network.probability, system)
    saw_test = any(row.split == "test" for row in [*images, *music])
    return Judgement(report, saw_test, sorted(skipped, key=lambda error: error.path))


def _readable(rows: Sequence[Row], kind: Kind, known: _Known, manifest: Path) -> list[Row]:
    readable = [row for row in rows if (row.path, kind) in known]
    if not readable:
        raise UsageError(f"{manifest}: none of the files that it names can be read")
    return readable


def _embed(rows: Sequence[Row], kind: Kind, known: _Known, network: Network) -> Embedded:
    features = [known[row.path, kind].features for row in rows]
    if kind == "image":
        return network.embed("image", np.concatenate(features))
    tracks = [embed_track(network, one) for one in features]
    return Embedded(
        np.concatenate([track.vectors for track in tracks]),
        np.concatenate([track.affect for track in tracks]),
    )
