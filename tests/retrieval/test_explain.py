"""Tests of explanations: each part of a line equals a new measurement on the file."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.extra.numpy import arrays

from attune.embedding.affect import PLACE_COLUMNS
from attune.embedding.backbones import DEFAULT_BACKBONES, PATCH_S, WEIGHTS, Backbones
from attune.embedding.color_statistics import ColorQuality, measure_colors, normalize_quality
from attune.embedding.feature_extraction import extract
from attune.embedding.image_decoding import decode_image
from attune.embedding.music_tags import rank_music_tags
from attune.embedding.network import Network
from attune.indexer.library import LibraryReader
from attune.retrieval.explain import explain_answers
from attune.retrieval.queries import find
from attune.retrieval.search import Filters
from attune.retrieval.seeds import QueryResolver, Span
from attune.tests.conftest import run_build
from attune.tests.media_factory import photo, song

QUALITIES: tuple[ColorQuality, ...] = ("brightness", "warmth", "saturation")
PIXELS = arrays(np.uint8, (8, 8, 3))


@pytest.fixture
def library(built: Path) -> Iterator[LibraryReader]:
    with LibraryReader(built) as opened:
        yield opened


@pytest.mark.parametrize("quality", QUALITIES)
@given(PIXELS)
@settings(deadline=None)
def test_evening_moves_a_quality_towards_the_median(quality: ColorQuality, pixels: np.ndarray) -> None:
    median = {"brightness": 0.445, "warmth": 0.054, "saturation": 0.121}[quality]
    before = getattr(measure_colors(pixels), quality)
    after = getattr(measure_colors(normalize_quality(pixels, quality)), quality)
    assert abs(after - median) <= abs(before - median) + 0.12


def test_words_say_how_a_picture_looks() -> None:
    def words(*colour: int) -> list[str]:
        return list(measure_colors(np.full((4, 4, 3), colour, np.uint8)).words.values())

    assert words(10, 10, 10) == ["very dark", "colourless"]
    assert words(250, 250, 250) == ["very bright", "colourless"]
    assert words(230, 120, 20) == ["bright", "very warm", "vivid"]
    assert words(40, 60, 90) == ["very dark", "cold", "colourful"]


def test_tags_are_those_of_the_kept_features(media: Path) -> None:
    features = extract(media / "song 1.ogg", "music", Backbones(DEFAULT_BACKBONES)).features
    names = json.loads((WEIGHTS / "musicnn_msd_tags.json").read_text())
    found = rank_music_tags(features)
    assert [share for _, share in found] == sorted((share for _, share in found), reverse=True)
    for tag, share in found:
        column = 1706 + [name.lower() for name in names].index(tag)
        assert share == pytest.approx(float(features[:, column].astype(np.float64).mean()), abs=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("span", [Span(), Span(6.0, 16.0)])
def test_each_line_about_pictures_is_measured(
    library: LibraryReader, network: Network, media: Path, span: Span
) -> None:
    seeds = QueryResolver(library, network)
    query = str(media / "song 3.mp3")
    answer = find(library, network, seeds, [query], Filters(limit=8), span)
    lines = [r.explanation for r in explain_answers(answer, library, network, seeds, [query], span).results]
    assert len(set(lines)) == len(lines)
    moments, features = seeds.moments(query), seeds.features(query)
    for result, line in zip(answer.results, lines, strict=True):
        assert line is not None
        place = " ".join(f"{round(value, 2) + 0:+.2f}" for value in result.place).replace("-", "−")
        assert f"picture {place}" in line or f"(place {place})" in line
        words = measure_colors(decode_image(result.path).pixels).words.values()
        assert f"picture: {', '.join(words)} (" in line

        start = re.search(r"fits best at (\d+):(\d+)–", line)
        assert start is not None
        inner = moments.embedded.vectors @ library.vectors([result.item.id])[0]
        begin = int((span.start_s or 0) // PATCH_S)
        end = len(inner) if span.end_s is None else int(np.ceil(span.end_s / PATCH_S)) - 2
        best = begin + int(np.argmax(inner[begin : max(end, begin + 1)]))
        assert int(start[1]) * 60 + int(start[2]) == int(best * PATCH_S)
        tag, share = rank_music_tags(features[best : best + 3])[0]
        assert (f"musicnn hears {tag} {share:.0%}" in line) == (share >= 0.1)


@pytest.mark.slow
def test_what_moves_a_picture_is_found_by_trying(
    library: LibraryReader, network: Network, media: Path
) -> None:
    seeds = QueryResolver(library, network)
    query = [str(media / "song 0.flac")]
    answer = find(library, network, seeds, query, Filters(limit=14))
    backbones = Backbones(DEFAULT_BACKBONES)
    effects = 0
    for result in explain_answers(answer, library, network, seeds, query).results:
        picture = decode_image(result.path)
        statistics = measure_colors(picture.pixels)
        for quality in statistics.unusual:
            normalized = normalize_quality(picture.pixels, quality)
            with_quality, without = (
                network.embed("image", backbones.features("image", pixels[None])).affect[0, PLACE_COLUMNS][0]
                for pixels in (picture.pixels, normalized)
            )
            change = float(with_quality - without)
            claim = (
                f"{statistics.word(quality)}: {abs(change):.2f} {'more' if change > 0 else 'less'} pleasant"
            )
            assert (claim in (result.explanation or "")) == (abs(change) >= 0.1)
            effects += abs(change) >= 0.1
    assert effects


def test_lines_about_songs_name_their_own_moment(
    library: LibraryReader, network: Network, media: Path
) -> None:
    seeds = QueryResolver(library, network)
    query = [str(media / "photo 00.jpg")]
    answer = find(library, network, seeds, query, Filters(limit=4))
    for result in explain_answers(answer, library, network, seeds, query).results:
        assert result.moment is not None and result.explanation is not None
        minutes, seconds = divmod(int(result.moment.start_s), 60)
        assert f"fits best at {minutes}:{seconds:02d}–" in result.explanation


def test_of_several_questions_the_nearest_is_named(
    library: LibraryReader, network: Network, media: Path
) -> None:
    seeds = QueryResolver(library, network)
    songs = [str(media / "song 0.flac"), str(media / "song 2.m4a")]
    answer = find(library, network, seeds, songs, Filters(limit=5))
    for result in explain_answers(answer, library, network, seeds, songs).results:
        vector = library.vectors([result.item.id])[0]
        nearest = max(songs, key=lambda path: float(seeds.seed(path).vector @ vector))
        assert (result.explanation or "").startswith(f"nearest to {Path(nearest).name}; ")


def test_a_picture_that_is_gone_has_a_line_all_the_same(tmp_path: Path, network: Network) -> None:
    gone = photo(tmp_path / "media.jpg", 1)
    query = song(tmp_path / "song.flac", 1, seconds=8.0)
    run_build(tmp_path / "library", network, gone, query)
    gone.unlink()
    with LibraryReader(tmp_path / "library") as library:
        seeds = QueryResolver(library, network)
        answer = find(library, network, seeds, [str(query)], Filters())
        (result,) = explain_answers(answer, library, network, seeds, [str(query)]).results
    assert result.explanation is not None and result.explanation.endswith(
        "picture: cannot be looked at: the file is not there now"
    )
