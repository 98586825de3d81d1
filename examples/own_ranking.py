"""Rank pictures for a song by a rule of one's own: a film that begins calm and ends lively.

The embeddings say how well a picture fits the song, the moods how lively it is. The pictures are ordered by
arousal, and of every step the one that fits the song best is taken.

    python examples/own_ranking.py samples/music/song-21.opus samples/photos
"""

from __future__ import annotations

import sys

import numpy as np

import attune

STEPS = 8

song, folder = sys.argv[1:]
query = attune.embed(song)
with attune.build(folder, library=".cache/ranking") as library:
    paths, vectors = library.embeddings("image")
    moods = {row.path: row for row in library.moods("image")}
likeness = vectors @ query.vector
arousal = np.array([moods[path].arousal for path in paths])
for step in np.array_split(np.argsort(arousal), STEPS):
    best = step[np.argmax(likeness[step])]
    print(f"arousal {arousal[best]:+.2f}  likeness {likeness[best]:+.2f}  {paths[best]}")
