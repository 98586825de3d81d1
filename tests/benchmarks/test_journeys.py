"""The figures of journeys: right on places where they are known, and better than the controls."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from attune import cli
from attune.benchmarks.journeys import make_places, measure_journeys
from attune.retrieval.mood_words import MOODS
from attune.tests.conftest import SONGS


def test_journeys_repeat_nothing_and_step_more_evenly_than_the_nearest() -> None:
    found = {one.way: one for one in measure_journeys(make_places(300), 10)}
    assert found["journey"].repeats == found["greedy"].repeats == 0 < found["nearest"].repeats
    assert found["journey"].largest_step < found["greedy"].largest_step
    assert found["nearest"].off_line <= found["journey"].off_line < 0.1


def test_two_places_make_one_step() -> None:
    places = np.array([[0.5, 0.0], [-0.5, 0.0]])
    for one in measure_journeys(places, 10):
        assert one.journeys == len(MOODS) * (len(MOODS) - 1) // 2
        if one.way != "nearest":
            assert (one.mean_step, one.largest_step, one.worst_step, one.repeats) == (1.0, 1.0, 1.0, 0)


def test_the_command_measures_a_library_or_made_up_places(
    built: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(["benchmark", "journeys", "--library", str(built), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["items"], len(document["ways"])) == (SONGS, 3)
    assert cli.run(["benchmark", "journeys", "--places", "100", "--steps", "5"]) == 0
    output = capsys.readouterr().out
    assert "made-up places: 100 items, 36 journeys of 5 steps" in output
    assert "greedy" in output
