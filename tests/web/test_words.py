"""The HTTP API asked with words."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.testclient import TestClient

from attune.retrieval import response_models
from attune.tests.web.test_api import API, get, items, refused

SEA = "a calm evening by the sea"


def test_a_sentence_is_told_before_anything_is_searched(client: TestClient) -> None:
    answer = get(client, "/words", text=f" {SEA}")
    response_models.SentenceModel.model_validate(answer)
    assert answer["text"] == f" {SEA}"
    assert answer["mood"] == "calm" and answer["place"]["valence"] > 0.2 > answer["place"]["arousal"]
    assert answer["named"]["image"] == ["sea"] and "sea" not in answer["named"]["music"]
    assert answer["effects"][0]["word"] == "calm"
    nothing = get(client, "/words", text="which of them")
    assert (nothing["place"], nothing["mood"], nothing["effects"]) == (None, None, [])
    assert nothing["named"] == {"image": [], "music": []}
    assert get(client, "/words", text="sad")["place"] == {"valence": -0.5, "arousal": -0.35}


@pytest.mark.parametrize(
    ("query", "status", "message"),
    [
        ("", 422, "text"),
        ("text=", 422, "at least 1 character"),
        ("text=%20%0A", 400, "text: describe a feeling or a thing"),
        (f"text={'a' * 501}", 422, "at most 500 characters"),
    ],
    ids=["none", "empty", "blank", "long"],
)
def test_no_sentence_is_an_error(client: TestClient, query: str, status: int, message: str) -> None:
    assert message in refused(client.get(f"{API}/words?{query}"), status, "bad_request")


def test_the_longest_sentence_and_any_characters_are_read(client: TestClient) -> None:
    for text in ("sad " * 125, "😢" * 500, "\x00\u202e\ufffd 静か"):
        response_models.SentenceModel.model_validate(get(client, "/words", text=text))


@pytest.mark.parametrize(
    ("route", "options"),
    [("/images", {}), ("/music", {}), ("/browse", {}), ("/browse", {"kind": "music", "mood": "sad"})],
)
def test_words_without_a_file(client: TestClient, route: str, options: dict[str, Any]) -> None:
    answer = get(client, route, words=SEA, not_words="loud rock", why=True, limit=3, **options)
    response_models.ItemAnswersModel.model_validate(answer)
    assert len(answer["query"]) == len({"mood"} & set(options))
    assert [(one["text"], one["unwanted"]) for one in answer["words"]] == [(SEA, False), ("loud rock", True)]
    near = [one["closeness"] for one in answer["results"]]
    assert near == sorted(near, reverse=True) and len(near) == 3
    assert all("words: " in one["why"] for one in answer["results"])
    rest = get(client, route, words=SEA, not_words="loud rock", limit=1, offset=2, **options)["results"]
    assert [one["id"] for one in rest] == [answer["results"][2]["id"]]


def test_words_with_a_file_change_its_answers(client: TestClient) -> None:
    like = items(client, "music")[0]["id"]
    plain, both = (get(client, "/images", like=like, limit=50, **more) for more in ({}, {"words": "sad"}))
    chances = {one["id"]: one["score"] for one in plain["results"]}
    near = {one["id"]: one["closeness"] for one in get(client, "/images", words="sad", limit=50)["results"]}
    assert (plain["words"], both["words"][0]["text"]) == ([], "sad")
    assert both["query"][0]["id"] == like
    for one in both["results"]:
        assert one["score"] == pytest.approx((chances[one["id"]] + near[one["id"]]) / 2, abs=1e-6)
        assert one["closeness"] is None


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("/images", "say what to search with"),
        ("/images?words=%20", "words: describe a feeling or a thing"),
        ("/images?words=sad&not_words=", "not_words: describe"),
        ("/images?meaning=0.5", "meaning: only with words or not_words"),
        (
            "/images?words=which+of+them",
            "says nothing of mood, and names nothing by which pictures are known",
        ),
        ("/music?words=which+of+them", "by which songs are known"),
        ("/images?words=sad&meaning=1", "lower the weight of meaning"),
        ("/images?words=sad&from=3", "words alone have no part of a song"),
        ("/browse?words=%20", "words: describe a feeling or a thing"),
        ("/browse?not_words=sad", "or words"),
    ],
)
def test_wrong_words_are_an_error(client: TestClient, query: str, message: str) -> None:
    assert message in refused(client.get(API + query), 400, "bad_request")


def test_the_weight_of_meaning_has_a_range(client: TestClient) -> None:
    for weight in ("-0.1", "1.1", "nan", "x"):
        served = refused(client.get(f"{API}/images?words=sad&meaning={weight}"), 422, "bad_request")
        assert served.startswith("meaning: Input should be ")
