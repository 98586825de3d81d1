"""Time of everyday commands: help, a first build, queries, and a query with a song outside the library."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

from attune.benchmarks.command_timing import Timing, time_command

SAMPLES = Path(__file__).parent.parent / "samples"


def measure() -> list[Timing]:
    """Time everyday commands on the shipped samples, each in its own process."""
    song, other_song = sorted((SAMPLES / "music").iterdir())[:2]
    photo = sorted((SAMPLES / "photos").iterdir())[0]
    with tempfile.TemporaryDirectory() as folder:
        library = Path(folder) / "library"
        long_song = write_long_song(other_song, Path(folder) / "four minutes.mp3")
        options = ("--library", library, "--json")
        return [
            time_command("attune --help", 7, 0.3, ("--help",)),
            time_command(
                "build-index samples (84 photos, 24 songs)",
                1,
                None,
                ("build-index", SAMPLES, "--library", library),
            ),
            time_command("build-index, nothing changed", 5, None, ("build-index", "--library", library)),
            time_command("find-images, song in the library", 7, 1.0, ("find-images", song, *options)),
            time_command("find-music, photo in the library", 7, 1.0, ("find-music", photo, *options)),
            time_command(
                "find-images, 4-minute MP3 outside it", 3, 5.0, ("find-images", long_song, *options)
            ),
            time_command("match, both in the library", 5, None, ("match", photo, song, *options)),
        ]


def write_long_song(excerpt: Path, target: Path) -> Path:
    """Write an MP3 of four minutes that repeats an excerpt, at the excerpt's sampling rate."""
    import numpy as np
    import soundfile

    samples, rate = soundfile.read(excerpt, always_2d=True)
    repeated = np.tile(samples, (240 * rate // len(samples) + 1, 1))[: 240 * rate]
    soundfile.write(target, repeated, rate, format="MP3")
    return target


def main() -> None:
    """Print a table on stderr and JSON on stdout."""
    timings = measure()
    for timing in timings:
        goal = "" if timing.goal_s is None else f"   goal {timing.goal_s:.1f} s"
        print(
            f"{timing.what:<45}{timing.median_s:7.2f} s  ({timing.min_s:.2f}–{timing.max_s:.2f}, "
            f"{timing.runs} runs){goal}",
            file=sys.stderr,
        )
    document = {"cores": os.cpu_count(), "timings": [asdict(timing) for timing in timings]}
    print(json.dumps(document, indent=2))


if __name__ == "__main__":
    main()
