"""The HTTP API: answers, references, media, uploads and status."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from pydantic import BaseModel
from starlette.testclient import TestClient

from attune.embedding.network import Network
from attune.indexer.library import LibraryReader, Status, read_status
from attune.retrieval import response_models
from attune.retrieval.queries import find
from attune.retrieval.search import Filters
from attune.retrieval.seeds import QueryResolver
from attune.tests.conftest import PHOTOS, SONGS
from attune.tests.media_factory import photo, song

API = "/api/v1"


def get(client: TestClient, path: str, **parameters: Any) -> dict[str, Any]:
    answer = client.get(API + path, params=parameters)
    assert answer.status_code == 200, answer.text
    document: dict[str, Any] = answer.json()
    return document


def refused(answer: Any, status: int, code: str) -> str:
    assert answer.status_code == status, answer.text
    error = response_models.ErrorModel.model_validate(answer.json()).error
    assert error.code == code
    return error.message


def items(client: TestClient, kind: str) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = get(client, "/items", kind=kind, limit=200)["items"]
    return listed


def test_a_song_finds_what_the_command_finds(client: TestClient, built: Path, network: Network) -> None:
    query_song = items(client, "music")[1]
    answer = get(client, "/images", like=query_song["id"], limit=PHOTOS)
    response_models.ItemAnswersModel.model_validate(answer)
    with LibraryReader(built) as library:
        same = find(library, network, QueryResolver(library, network), [query_song["path"]], Filters(PHOTOS))
    assert [(item["path"], item["score"]) for item in answer["results"]] == [
        (item.path, item.score) for item in same.results
    ]
    assert answer["query"][0]["id"] == query_song["id"]


def test_a_picture_finds_songs_with_their_moments(client: TestClient) -> None:
    answer = get(client, "/music", like=items(client, "image")[0]["id"])
    response_models.ItemAnswersModel.model_validate(answer)
    assert len(answer["results"]) == SONGS
    assert all(item["kind"] == "music" and item["moment"] for item in answer["results"])


def test_pages_of_an_answer_join_to_the_whole(client: TestClient) -> None:
    like = items(client, "music")[0]["id"]
    whole = get(client, "/images", like=like, limit=PHOTOS)["results"]
    parts = [get(client, "/images", like=like, limit=5, offset=at)["results"] for at in range(0, PHOTOS, 5)]
    assert [item for part in parts for item in part] == whole


def test_seeds_of_both_kinds_and_counter_seeds(client: TestClient) -> None:
    song_id = items(client, "music")[0]["id"]
    alone = get(client, "/images", like=song_id, limit=PHOTOS)["results"]
    best, worst = alone[0]["id"], alone[-1]["id"]
    more = get(client, "/images", like=[song_id, worst], limit=PHOTOS)["results"]
    assert worst not in [item["id"] for item in more]  # the items of the query are not among the results
    assert len(more) == PHOTOS - 1
    less = get(client, "/images", like=song_id, unlike=best, limit=PHOTOS)["results"]
    assert best not in [item["id"] for item in less]  # nor is what they should be unlike
    assert len(less) == PHOTOS - 1
    assert [item["score"] for item in less] != [item["score"] for item in alone if item["id"] != best]


def test_a_part_of_a_song_is_asked_with(client: TestClient) -> None:
    longest = max(items(client, "music"), key=lambda item: item["duration_s"])
    parts = [
        get(client, "/images", like=longest["id"], **{"from": at, "to": at + 6})["results"] for at in (0, 12)
    ]
    assert [item["score"] for item in parts[0]] != [item["score"] for item in parts[1]]


def test_filters_narrow(client: TestClient, media: Path) -> None:
    like = items(client, "music")[0]["id"]
    below = get(client, "/images", like=like, **{"in": str(media / "below")})["results"]
    assert len(below) == PHOTOS // 2
    assert all("/below/" in item["path"] for item in below)
    rest = get(client, "/images", like=like, exclude="*.png", limit=50)["results"]
    assert rest
    assert not [item for item in rest if item["path"].endswith(".png")]
    least = get(client, "/images", like=like, min_score=rest[2]["score"])["results"]
    assert len(least) >= 3
    assert all(item["score"] >= rest[2]["score"] for item in least)


def test_browse_by_point_and_by_mood(client: TestClient) -> None:
    near = get(client, "/browse", valence=0.2, arousal=-0.1, kind="image")
    response_models.ItemAnswersModel.model_validate(near)
    closeness = [result["closeness"] for result in near["results"]]
    assert closeness == sorted(closeness, reverse=True)
    assert near["query"][0]["place"] == {"valence": 0.2, "arousal": -0.1}
    nothing = dict.fromkeys(("score", "fit", "correspondence"))
    assert all({name: result[name] for name in nothing} == nothing for result in near["results"])
    assert get(client, "/browse", mood="calm", kind="music")["query"][0]["mood"] == "calm"
    refused(client.get(f"{API}/browse"), 400, "bad_request")
    refused(client.get(f"{API}/browse?mood=peckish"), 400, "bad_request")
    refused(client.get(f"{API}/browse?valence=3&arousal=0"), 422, "bad_request")


def test_mood_and_match(client: TestClient) -> None:
    song_id, picture = items(client, "music")[0]["id"], items(client, "image")[0]["id"]
    moods = get(client, "/mood", like=[song_id, picture])
    response_models.ItemMoodsModel.model_validate(moods)
    assert moods["files"][0]["curve"]
    assert moods["files"][1]["curve"] is None
    assert set(moods["files"][0]["curve"][0]) == {"start_s", "end_s", "valence", "arousal", "place"}
    verdict = get(client, "/match", image=picture, music=song_id)
    response_models.ItemMatchModel.model_validate(verdict)
    assert verdict["corresponds"] == (verdict["correspondence"] >= 0.5)
    refused(client.get(f"{API}/match?image={song_id}&music={picture}"), 400, "bad_request")


def test_items_by_name_and_at_random(client: TestClient) -> None:
    found = get(client, "/items", kind="image", q="PHOTO 03")
    response_models.ItemsModel.model_validate(found)
    assert [item["name"] for item in found["items"]] == ["photo 03.jpg"]
    assert get(client, "/items", kind="music", q="nobody")["items"] == []
    drawn = [get(client, "/items", kind="image", shuffle=seed, limit=8)["items"] for seed in (1, 1, 2)]
    assert drawn[0] == drawn[1] != drawn[2]


def test_thumbnails_are_made_once_and_known_again(client: TestClient, tmp_path: Path) -> None:
    picture = items(client, "image")[0]
    answer = client.get(picture["thumbnail"])
    assert answer.headers["content-type"] == "image/webp"
    assert "immutable" in answer.headers["cache-control"]
    image = Image.open(io.BytesIO(answer.content))
    assert (image.format, image.size) == ("WEBP", (picture["width"], picture["height"]))
    kept = [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]
    assert [path.read_bytes() for path in kept] == [answer.content]
    again = client.get(picture["thumbnail"], headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    bare = client.get(f"{API}/items/{picture['id']}/thumbnail")
    assert "no-cache" in bare.headers["cache-control"]  # another library may have the id
    refused(client.get(f"{API}/items/{picture['id']}/thumbnail?side=99999"), 400, "bad_request")
    large = client.get(f"{API}/items/{picture['id']}/thumbnail?side=1600")
    assert large.status_code == 200


@pytest.mark.slow
def test_outlines_show_where_a_song_is_loud(client: TestClient) -> None:
    outline = get(client, f"/items/{items(client, 'music')[0]['id']}/outline")
    response_models.OutlineModel.model_validate(outline)
    assert len(outline["peaks"]) == 480
    assert max(outline["peaks"]) == 255


def test_media_come_in_ranges(client: TestClient) -> None:
    song_item = items(client, "music")[0]
    whole = client.get(song_item["media"])
    assert whole.content == Path(song_item["path"]).read_bytes()
    assert whole.headers["accept-ranges"] == "bytes"
    part = client.get(song_item["media"], headers={"Range": "bytes=10-19"})
    assert (part.status_code, part.content) == (206, whole.content[10:20])
    assert part.headers["content-range"] == f"bytes 10-19/{len(whole.content)}"
    assert client.get(song_item["media"], headers={"Range": "bytes=999999999-"}).status_code == 416
    assert client.get(song_item["media"], headers={"If-None-Match": whole.headers["etag"]}).status_code == 304


def test_a_file_that_is_sent_is_asked_with(client: TestClient, media: Path) -> None:
    known = next(item for item in items(client, "music") if item["name"] == "song 0.flac")
    with Path(known["path"]).open("rb") as file:
        sent = client.post(f"{API}/images", params={"limit": 5}, files={"like": ("other name.flac", file)})
    assert sent.status_code == 200, sent.text
    response_models.ItemAnswersModel.model_validate(sent.json())
    same = get(client, "/images", like=known["id"], limit=5)["results"]
    assert [item["id"] for item in sent.json()["results"]] == [item["id"] for item in same]
    assert sent.json()["query"][0]["name"] == "other name.flac"


def test_uploads_answer_many_questions(client: TestClient, tmp_path: Path) -> None:
    picture, tune = photo(tmp_path / "mine.png", 77), song(tmp_path / "mine.ogg", 78, 18.0)
    with picture.open("rb") as first, tune.open("rb") as second:
        sent = client.post(f"{API}/uploads", files=[("file", first), ("file", second)])
    response_models.UploadsModel.model_validate(sent.json())
    picture_upload, song_upload = sent.json()["uploads"]
    assert (picture_upload["name"], picture_upload["kind"], song_upload["kind"]) == (
        "mine.png",
        "image",
        "music",
    )
    assert len(song_upload["curve"]) > 1
    assert get(client, "/music", like=picture_upload["id"])["results"]
    assert get(client, "/images", like=song_upload["id"], **{"from": 3, "to": 6})["results"]
    assert 0 <= get(client, "/match", image=picture_upload["id"], music=song_upload["id"])["score"] <= 1
    assert client.get(picture_upload["thumbnail"]).headers["content-type"] == "image/webp"
    assert get(client, f"/uploads/{song_upload['id']}/outline")["peaks"]
    assert client.delete(f"{API}/uploads/{picture_upload['id']}").status_code == 204
    refused(client.get(f"{API}/music?like={picture_upload['id']}"), 410, "forgotten")


def test_status_with_and_without_a_library(
    serve: Callable[..., TestClient], client: TestClient, tmp_path: Path
) -> None:
    status = get(client, "/status")
    response_models.StatusModel.model_validate(status)
    assert (status["images"], status["music"], status["generation"]) == (PHOTOS, SONGS, 1)
    empty = serve(tmp_path / "nowhere")
    nothing = get(empty, "/status")
    response_models.StatusModel.model_validate(nothing)
    assert (nothing["images"], nothing["generation"]) == (0, 0)
    assert "build-index" in refused(empty.get(f"{API}/images?like=1"), 503, "no_library")
    assert empty.get("/healthz").json() == {"status": "ok", "generation": 0}


def test_status_reads_the_library_outside_the_event_loop(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Reading the catalogue takes time, in which the event loop must go on answering other requests."""
    in_event_loop: list[bool] = []

    def read_and_note(library: Path) -> Status:
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            in_event_loop.append(False)
        else:
            in_event_loop.append(True)
        return read_status(library)

    monkeypatch.setattr("attune.retrieval.web.page_routes.read_status", read_and_note)
    get(client, "/status")
    assert in_event_loop == [False]


def test_the_openapi_description_names_every_route(client: TestClient) -> None:
    described = get(client, "/openapi.json")
    for path in (
        "/images",
        "/music",
        "/match",
        "/mood",
        "/browse",
        "/journey",
        "/status",
        "/healthz",
        "/uploads",
    ):
        assert API + path in described["paths"]
    assert described["paths"][f"{API}/images"]["get"]["responses"]["200"]


@pytest.mark.parametrize("shape", [response_models.ItemAnswersModel, response_models.StatusModel])
def test_shapes_forbid_what_they_do_not_know(shape: type[BaseModel]) -> None:
    assert shape.model_config["extra"] == "forbid"
