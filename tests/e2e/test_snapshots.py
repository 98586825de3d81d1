"""What people see, word for word: the output of commands on the shipped samples, compared with kept files.

`ATTUNE_UPDATE_SNAPSHOTS=1 pytest tests/e2e/test_snapshots.py` writes the files anew; look at what changed.

Words, order and layout must be equal. Measured values may differ by one in their last digit: another
processor sums in another order, which can move a value over the edge of rounding. The queries are chosen so
that neighbours in a ranking are further apart than that.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from attune.retrieval.demo import SAMPLES
from attune.tests.e2e.command import ATTUNE

FOLDER = SAMPLES.resolve()  # paths are shown relative to the real current folder
SNAPSHOTS = Path(__file__).resolve().parents[1] / "snapshots"
NUMBER = re.compile(r"[+−-]?\d+\.\d+|\d+(?=%)")  # measured values; not parts of names and times
COMMANDS = {
    "find-images": ("attune", "find-images music/song-16.opus -n 4"),
    "find-images-why": ("attune", "find-images music/song-03.opus -n 3 --why"),
    "find-images-all-alike": ("attune", "find-images music/song-16.opus -n 3 --all-alike"),
    "find-images-accurate": ("accurate", "find-images music/song-14.opus -n 4"),
    "find-music": ("attune", "find-music photos/photo-013.jpg -n 4"),
    "find-music-accurate": ("accurate", "find-music photos/photo-018.jpg -n 4"),
    "find-music-absolute": ("attune", "find-music {samples}/photos/photo-082.jpg -n 3"),
    "paths": ("attune", "find-music photos/photo-013.jpg -n 2 --paths"),
    "match": ("attune", "match photos/photo-010.jpg music/song-21.opus"),
    "match-accurate": ("accurate", "match photos/photo-051.jpg music/song-21.opus"),
    "mood": ("attune", "mood music/song-16.opus photos/photo-001.jpg"),
    "browse": ("attune", "browse --mood calm -n 3"),
    "status": ("attune", "status"),
    "verify": ("attune", "verify"),
    "unknown-mood": ("attune", "browse --mood grumpy"),
    "no-such-file": ("attune", "mood music/song-99.opus"),
}


def run_command(line: str, library: Path, columns: int = 100) -> str:
    """Return stdout, then stderr, of a command run in the folder of the samples, without what varies."""
    environment = os.environ | {"ATTUNE_LIBRARY": str(library), "COLUMNS": str(columns)}
    command = [str(ATTUNE), *(part.format(samples=FOLDER) for part in line.split())]
    result = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=FOLDER)
    text = result.stdout + result.stderr
    for path, name in ((library, "LIBRARY"), (FOLDER, "SAMPLES")):
        text = text.replace(str(path), name)
    text = re.sub(r"\d+ ms\b", "N ms", text)
    text = re.sub(r"(?m)^size( +)[\d.]+ MB", r"size\1N MB", text)
    return f"$ attune {line}\n" + "".join(f"{row.rstrip()}\n" for row in text.splitlines())


def differences(seen: str, kept: str) -> list[str]:
    """What differs between two texts beyond one in the last digit of a number."""
    found = []
    for row, (one, other) in enumerate(zip(seen.splitlines(), kept.splitlines(), strict=False), start=1):
        ours, theirs = NUMBER.findall(one), NUMBER.findall(other)
        same_words = NUMBER.sub("0", one) == NUMBER.sub("0", other) and len(ours) == len(theirs)
        if not same_words or not all(map(nearly_equal, ours, theirs)):
            found.append(f"line {row}: {one!r}, kept: {other!r}")
    if len(seen.splitlines()) != len(kept.splitlines()):
        found.append(f"{len(seen.splitlines())} lines, kept: {len(kept.splitlines())}")
    return found


def nearly_equal(one: str, other: str) -> bool:
    places = [len(number.partition(".")[2]) for number in (one, other)]
    values = [float(number.replace("−", "-")) for number in (one, other)]
    return places[0] == places[1] and abs(values[0] - values[1]) < 1.5 * 10 ** -places[0]


@pytest.mark.slow
@pytest.mark.parametrize("name", COMMANDS)
def test_people_see_what_they_saw(name: str, sample_libraries: Mapping[str, Path]) -> None:
    network, line = COMMANDS[name]
    seen = run_command(line, sample_libraries[network])
    file = SNAPSHOTS / f"{name}.txt"
    if os.environ.get("ATTUNE_UPDATE_SNAPSHOTS"):
        file.write_text(seen, encoding="utf-8")
    assert differences(seen, file.read_text(encoding="utf-8")) == []


def test_every_snapshot_has_its_command() -> None:
    assert {file.stem for file in SNAPSHOTS.glob("*.txt")} == set(COMMANDS)


@pytest.mark.parametrize(
    ("seen", "kept", "equal"),
    [
        ("score 0.73", "score 0.74", True),
        ("score 0.73", "score 0.75", False),
        ("score 0.73", "score 0.7", False),
        ("photo-013.jpg 0.7", "photo-014.jpg 0.7", False),
        ("7% likely", "8% likely", True),
        ("7% likely", "9% likely", False),
        ("calm 0.7", "sad 0.7", False),
        ("calm 0.7", "calm 0.7\nmore", False),
    ],
)
def test_the_comparison_finds_what_differs(seen: str, kept: str, equal: bool) -> None:
    assert (differences(seen, kept) == []) is equal


def test_paths_are_never_broken_on_a_narrow_terminal(samples_library: Path) -> None:
    shown = run_command("find-music photos/photo-013.jpg -n 4 --why", samples_library, columns=40)
    for number in ("11", "02", "13"):
        assert f"music/song-{number}.opus" in shown
