"""Tests of the JSON documents: they hold what the records hold, and no table needs them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from attune.embedding.network import Network
from attune.indexer.library import LibraryReader
from attune.retrieval.match import match
from attune.retrieval.mood import estimate_moods
from attune.retrieval.queries import find
from attune.retrieval.response_models import (
    AnswersModel,
    MatchModel,
    MoodsModel,
    answers_json,
    match_json,
    moods_json,
)
from attune.retrieval.search import Filters
from attune.retrieval.seeds import QueryResolver
from attune.tests.conftest import run_build
from attune.tests.media_factory import photo, song


def test_documents_are_of_the_described_form(built: Path, media: Path, network: Network) -> None:
    picture, tune = str(media / "photo 00.jpg"), str(media / "song 2.m4a")
    with LibraryReader(built) as library:
        seeds = QueryResolver(library, network)
        answers = find(library, network, seeds, [picture], Filters())
        pair, moods = match(seeds, network, picture, tune), estimate_moods(seeds, [picture, tune])
    for model, document in (
        (AnswersModel, answers_json(answers)),
        (MatchModel, match_json(pair)),
        (MoodsModel, moods_json(moods, network.name)),
    ):
        assert model.model_validate(json.loads(json.dumps(document))).model_dump() == document
    for answer, told in zip(answers.results, answers_json(answers)["results"], strict=True):
        assert told["polarity"]["negative"] == answer.affect.negative
        assert told["moment"]["start_s"] == round(answer.moment.start_s, 2)  # type: ignore[union-attr]


def test_a_name_that_is_not_utf8_keeps_its_bytes(tmp_path: Path, network: Network) -> None:
    folder = tmp_path / "media"
    folder.mkdir()
    tune = song(tmp_path / "tune.flac", 1, seconds=8.0).rename(folder / "tune \udcff.flac")
    picture = photo(tmp_path / "picture.jpg", 1).rename(folder / "picture \udcfe.jpg")
    run_build(tmp_path / "library", network, folder)
    with LibraryReader(tmp_path / "library") as library:
        seeds = QueryResolver(library, network)
        document = answers_json(find(library, network, seeds, [str(tune)], Filters()))
        pair = match_json(match(seeds, network, str(picture), str(tune)))
    assert document["query"][0]["path"] == pair["music"]["path"] == str(tune)
    assert [one["path"] for one in document["results"]] == [pair["image"]["path"]] == [str(picture)]


def test_a_table_loads_no_models(built: Path, media: Path) -> None:
    command = ["find-images", str(media / "song 0.flac"), "--library", str(built)]
    code = (
        f"import sys\nfrom attune import cli\nassert cli.run({command!r}) == 0\n"
        "print('attune.retrieval.response_models' in sys.modules, file=sys.stderr)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.stderr.strip() == "False"
