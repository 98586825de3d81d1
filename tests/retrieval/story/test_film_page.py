"""Tests of the film page: everything is embedded, and names are escaped."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path

import av
import pytest

from attune.core.errors import AttuneError
from attune.core.progress import SilentProgress
from attune.retrieval.story.film_page import write_film_page
from attune.retrieval.story.film_plan import FilmPlan, Shot
from attune.tests.media_factory import photo, song


def test_everything_is_inside_and_names_stay_names(tmp_path: Path) -> None:
    evil = "</script><img src=x onerror=alert(1)>".replace("/", "\u2215")
    tune = song(tmp_path / f"{evil}.wav", 0, seconds=3.0)
    pictures = [photo(tmp_path / f"{number}{evil}.jpg", number, (3200, 100)) for number in range(2)]
    gone = tmp_path / "gone.jpg"
    shots = [
        Shot(0.0, 1.0, str(gone)),
        Shot(1.0, 2.0, str(pictures[0]), score=0.734, why="</script>"),
        Shot(2.0, 3.0, str(pictures[1])),
    ]
    plan = FilmPlan(str(tune), "", 3.0, 0.0, [], shots)
    lost = write_film_page(plan, tmp_path / "show.html", SilentProgress())
    assert [error.path for error in lost] == [gone]
    text = (tmp_path / "show.html").read_text()
    assert "<img src=x" not in text
    assert text.count("</script>") == 2
    assert not re.search(r"""(src|href)=["']?(https?:|//|file:)""", text)
    found = re.search(r'<script type="application/json" id="plan">(.*?)</script>', text, re.DOTALL)
    assert found is not None
    data = json.loads(found[1])
    assert [shot["start"] for shot in data["shots"]] == [0.0, 2.0]
    assert data["shots"][0]["why"] == "</script>"
    assert [shot["score"] for shot in data["shots"]] == [0.734, None]
    assert data["shots"][0]["name"] == pictures[0].name
    mime, _, content = data["song"].partition(";base64,")
    assert mime == "data:audio/mp4"  # not every browser plays every kind of WAV, but all play AAC
    (tmp_path / "embedded.m4a").write_bytes(base64.b64decode(content))
    with av.open(str(tmp_path / "embedded.m4a")) as embedded:
        assert embedded.streams.audio[0].codec_context.name == "aac"
        assert (embedded.duration or 0) / 1e6 == pytest.approx(3.0, abs=0.05)


def test_a_page_without_pictures_is_none(tmp_path: Path) -> None:
    tune = song(tmp_path / "tune.ogg", 0)
    plan = FilmPlan(str(tune), "", 2.0, 0.0, [], [Shot(0.0, 2.0, str(tmp_path / "gone.jpg"))])
    with pytest.raises(AttuneError, match="none of its pictures"):
        write_film_page(plan, tmp_path / "show.html", SilentProgress())
    assert not (tmp_path / "show.html").exists()
