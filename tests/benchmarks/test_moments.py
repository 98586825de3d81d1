"""`attune benchmark moments` on made-up labelled files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from attune import cli
from attune.tests.benchmarks.labelled_manifests import JUDGED_SETS, write_manifests

pytestmark = pytest.mark.torch


def test_a_moment_of_a_song_is_judged_beside_the_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    options = write_manifests(tmp_path, monkeypatch)
    assert cli.run(["benchmark", "moments", *options, *JUDGED_SETS, "-q", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    rows = {tuple(row["music_sets"]): row for row in document["rows"]}
    assert list(rows) == [("set0", "set1"), ("set0",), ("set1",)]
    whole = rows["set0", "set1"]
    assert (whole["songs"], whole["longer"], rows["set1",]["songs"]) == (120, 120, 60)
    difference = whole["difference"]["auc"]
    assert difference["value"] == pytest.approx(whole["moments"]["auc"] - whole["whole"]["auc"])
    assert difference["low"] <= difference["value"] <= difference["high"]
    assert difference["value"] < 0  # patches have noise that the mean of a whole song has not
    assert cli.run(["benchmark", "moments", *options, *JUDGED_SETS, "-q"]) == 0
    output = capsys.readouterr().out
    for word in ("120 songs, 120 longer than a moment", "moment − whole", "nDCG@10, picture → songs"):
        assert word in output
    assert max(map(len, output.splitlines())) <= 120
