"""Sentences that ask for a thing and a mood at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from attune.benchmarks.named_things import PICTURED, NamedThing


@dataclass(frozen=True, slots=True)
class FeltThing:
    """A sentence that asks for a thing in a mood.

    Attributes:
        sentence: The sentence.
        name: Name of the thing in `PICTURED`.
        quadrant: Mood quadrant that is asked for, `Q1` to `Q4`.
    """

    sentence: str
    name: str
    quadrant: str

    @property
    def thing(self) -> NamedThing:
        """The thing."""
        return next(thing for thing in PICTURED if thing.name == self.name)


FELT: Final = (
    FeltThing("a calm beach", "sea", "Q4"),
    FeltThing("a playful dog", "dog", "Q1"),
    FeltThing("an angry dog", "dog", "Q2"),
    FeltThing("a dog resting peacefully", "dog", "Q4"),
    FeltThing("a cute cat", "cat", "Q1"),
    FeltThing("a terrible fire", "fire", "Q2"),
    FeltThing("a cheering crowd", "crowd", "Q1"),
    FeltThing("happy children playing", "child", "Q1"),
    FeltThing("a scared child", "child", "Q2"),
    FeltThing("a sad lonely child", "child", "Q3"),
    FeltThing("a quiet bird", "bird", "Q4"),
    FeltThing("a frightening bird", "bird", "Q2"),
    FeltThing("scary snake", "snake", "Q2"),
    FeltThing("thrilling winter fun in the snow", "snow", "Q1"),
    FeltThing("a horrible car crash", "car", "Q2"),
    FeltThing("exciting sports", "sport", "Q1"),
    FeltThing("a painful sports injury", "sport", "Q2"),
    FeltThing("delicious food, I can hardly wait", "food", "Q1"),
    FeltThing("ein gefährlicher Hund", "dog", "Q2"),
    FeltThing("ein friedlicher See", "lake", "Q4"),
    FeltThing("fröhliche Kinder", "child", "Q1"),
    FeltThing("ein trauriger dunkler Wald", "forest", "Q3"),
    FeltThing("un chat paisible", "cat", "Q4"),
    FeltThing("un chat furieux", "cat", "Q2"),
    FeltThing("une ville grise et triste", "city", "Q3"),
    FeltThing("des insectes effrayants", "insect", "Q2"),
    FeltThing("flores alegres", "flower", "Q1"),
    FeltThing("montañas tranquilas", "mountain", "Q4"),
    FeltThing("un mono enfadado", "monkey", "Q2"),
    FeltThing("una ciudad tranquila de noche", "city", "Q4"),
)
"""Sentences about things that at least three pictures of the labelled sets show in the mood asked for."""
