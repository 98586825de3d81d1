"""Write the mood of every file of some folders to a CSV file, for a spreadsheet or pandas.

python examples/moods_to_csv.py moods.csv samples
"""

from __future__ import annotations

import sys
from collections import Counter

import attune

target, *folders = sys.argv[1:]
with attune.build(*folders, library=".cache/moods") as library:
    moods = library.moods()
    for skipped in library.skipped:
        print(f"left out: {skipped}", file=sys.stderr)
moods.to_csv(target)
for mood, count in Counter(row.mood for row in moods).most_common():
    print(f"{count:>4} {mood}")
