"""Where Attune is surest and wrong: the pairs that say most about its limits."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from attune.training.comparison import Standing
    from attune.training.manifest import Row
    from attune.training.systems.system import Material


@dataclass(frozen=True, slots=True)
class WorstPair:
    """A pair, what was said of it, and what is true."""

    image: str
    image_polarity: str
    music: str
    music_polarity: str
    probability: float
    corresponds: bool


def worst_pairs(of: Standing, images: Material, music: Material, count: int = 10) -> list[WorstPair]:
    """Return the pairs of the first fold seed that were judged worst, out of fold.

    Half are true pairs that were denied, half false ones that were asserted; no file comes twice in a half.
    """
    found: list[WorstPair] = []
    for truth in (True, False):
        taken: set[str] = set()
        for seen, heard, probability in _wrong(of, images, music, truth):
            if len(taken) // 2 == count // 2:
                break
            if _name(seen) in taken or _name(heard) in taken:
                continue
            taken |= {_name(seen), _name(heard)}
            found.append(
                WorstPair(
                    _name(seen),
                    str(seen.polarity),
                    _name(heard),
                    str(heard.polarity),
                    round(probability, 3),
                    truth,
                )
            )
    return found


def _wrong(of: Standing, images: Material, music: Material, truth: bool) -> Iterator[tuple[Row, Row, float]]:
    """Yield the pairs of one truth from the worst judged on."""
    import numpy as np

    pairs = []
    for one, told in zip(of.results[0], of.told[0], strict=True):
        felt, heard = images.targets.polarity[one.images], music.targets.polarity[one.music]
        labelled = (felt[:, None] >= 0) & (heard[None] >= 0)
        rows, columns = np.nonzero(labelled & ((felt[:, None] == heard[None]) == truth))
        pairs.append(np.stack([one.images[rows], one.music[columns], told[rows, columns]], axis=1))
    gathered = np.concatenate(pairs)
    order = np.argsort(gathered[:, 2] if truth else -gathered[:, 2], kind="stable")
    for image, piece, probability in gathered[order]:
        yield images.rows[int(image)], music.rows[int(piece)], float(probability)


def _name(row: Row) -> str:
    told = f" ({row.label})" if row.label else ""
    return f"{row.set}/{row.path.name}{told}"
