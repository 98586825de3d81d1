"""Pairs on which a system is most confident and wrong."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from attune.training.comparison import SystemResult
    from attune.training.manifest import LabelledRow
    from attune.training.systems.base import LabelledFeatures


@dataclass(frozen=True, slots=True)
class WorstPair:
    """A pair with its predicted probability and its label.

    Attributes:
        image: Name of the picture.
        image_polarity: Label of the picture.
        music: Name of the piece of music.
        music_polarity: Label of the music.
        probability: Predicted probability that the pair corresponds.
        corresponds: Whether the polarities agree.
    """

    image: str
    image_polarity: str
    music: str
    music_polarity: str
    probability: float
    corresponds: bool


def find_worst_pairs(
    system_result: SystemResult, images: LabelledFeatures, music: LabelledFeatures, count: int = 10
) -> list[WorstPair]:
    """Return the pairs of the first fold seed with the largest out-of-fold errors.

    Half of them correspond and got a low probability, half do not and got a high one. No file occurs twice in
    either half.
    """
    found: list[WorstPair] = []
    for truth in (True, False):
        used_names: set[str] = set()
        for image_row, music_row, probability in _iter_worst_pairs(system_result, images, music, truth):
            if len(used_names) // 2 == count // 2:
                break
            if _format_name(image_row) in used_names or _format_name(music_row) in used_names:
                continue
            used_names |= {_format_name(image_row), _format_name(music_row)}
            found.append(
                WorstPair(
                    _format_name(image_row),
                    str(image_row.polarity),
                    _format_name(music_row),
                    str(music_row.polarity),
                    round(probability, 3),
                    truth,
                )
            )
    return found


def _iter_worst_pairs(
    system_result: SystemResult, images: LabelledFeatures, music: LabelledFeatures, truth: bool
) -> Iterator[tuple[LabelledRow, LabelledRow, float]]:
    """Yield the pairs with one value of `corresponds`, those with the largest errors first."""
    import numpy as np

    pairs = []
    for fold_result, probabilities in zip(
        system_result.results[0], system_result.probabilities[0], strict=True
    ):
        image_polarity, music_polarity = (
            images.targets.polarity[fold_result.images],
            music.targets.polarity[fold_result.music],
        )
        labelled = (image_polarity[:, None] >= 0) & (music_polarity[None] >= 0)
        rows, columns = np.nonzero(labelled & ((image_polarity[:, None] == music_polarity[None]) == truth))
        pairs.append(
            np.stack(
                [fold_result.images[rows], fold_result.music[columns], probabilities[rows, columns]], axis=1
            )
        )
    gathered = np.concatenate(pairs)
    order = np.argsort(gathered[:, 2] if truth else -gathered[:, 2], kind="stable")
    for image, piece, probability in gathered[order]:
        yield images.rows[int(image)], music.rows[int(piece)], float(probability)


def _format_name(row: LabelledRow) -> str:
    label = f" ({row.label})" if row.label else ""
    return f"{row.set}/{row.path.name}{label}"
