"""`attune benchmark limits` on made-up labelled files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from attune import cli
from attune.tests.benchmarks.labelled_manifests import JUDGED_SETS, write_manifests

pytestmark = pytest.mark.torch


def test_what_limits_the_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    options = write_manifests(tmp_path, monkeypatch, "val_sd=0.2;aro_sd=0.3")
    assert cli.run(["benchmark", "limits", *options, *JUDGED_SETS, "-q", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["fold_seeds"] == [0]
    assert [row["music_sets"] for row in document["sets"]] == [["set0", "set1"], ["set0"], ["set1"]]
    whole = document["sets"][0]
    assert whole["auc"] > 0.6
    oracles = {row["order"]: row["auc"] for row in document["oracles"]}
    assert list(oracles) == ["both predicted", "pictures known", "music known", "both known"]
    assert oracles["both known"] == pytest.approx(1.0)
    assert oracles["both predicted"] < oracles["music known"] < oracles["pictures known"] + 1e-9
    quadrants = {(row["kind"], row["quadrant"]): row for row in document["quadrants"]}
    assert sum(row["files"] for (kind, _), row in quadrants.items() if kind == "music") == 120
    assert quadrants["music", "Q3"]["auc"]["value"] is None  # no song is in it
    assert quadrants["image", "Q1"]["auc"]["value"] > 0.6
    (ceiling,) = document["raters"]
    assert (ceiling["set"], ceiling["images"], ceiling["stated"]) == ("set0", 60, 60)
    assert ceiling["halves_r"][1] > 0.9
    assert oracles["both predicted"] < ceiling["auc"]["music known"] < 1
    # The folds of the first run are kept.
    assert cli.run(["benchmark", "limits", *options, *JUDGED_SETS, "-q", "--raters", "4"]) == 0
    output = capsys.readouterr().out
    for word in (
        "by data set",
        "pictures of",
        "songs of",
        "Q4",
        "both known",
        "r of halves",
        "reliability",
    ):
        assert word in output
    assert max(map(len, output.splitlines())) <= 120


def test_what_cannot_embed_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--images", "gone.csv", "--music", "gone.csv", "--system", "acp-net"]
    assert cli.run(["benchmark", "limits", *options]) == 2
    assert "systems that can embed" in capsys.readouterr().err
