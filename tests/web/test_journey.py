"""Journeys over HTTP: those of the command, with ids."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from attune import cli
from attune.retrieval.journey_models import ItemJourneyModel
from attune.tests.media_factory import photo
from attune.tests.web.test_api import API, get, refused


def test_a_journey_is_that_of_the_command(
    client: TestClient, built: Path, media: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    listed = get(client, "/items", kind="image", limit=200)["items"]
    ids = {item["path"]: item["id"] for item in listed}
    start = str(media / "photo 00.jpg")
    options = {"steps": 6, "kind": "image", "in": str(media / "below"), "all_alike": True}
    served = get(client, "/journey", **{"from": ids[start], "to": "festive", "via": ["-0.5,0.5"], **options})
    ItemJourneyModel.model_validate(served)
    arguments = ["--steps", "6", "--kind", "image", "--in", str(media / "below"), "--all-alike"]
    asked = ["journey", start, "festive", "--via", "-0.5,0.5", *arguments]
    assert cli.run([*asked, "--json", "--library", str(built)]) == 0
    told = json.loads(capfd.readouterr().out)
    for name in ("kind", "mean_step", "largest_step", "notes"):
        assert served[name] == told[name]
    assert len(told["steps"]) == 6
    for one, other in zip(served["steps"], told["steps"], strict=True):
        assert {name: one[name] for name in other} == other
        assert one["id"] == ids[one["path"]]
        assert client.get(one["thumbnail"]).status_code == 200
    assert served["from"]["id"] == served["steps"][0]["id"] == ids[start]
    assert (served["to"]["id"], served["to"]["mood"]) == (None, "festive")
    assert served["via"][0]["place"] == {"valence": -0.5, "arousal": 0.5}


def test_an_upload_is_a_place(client: TestClient, tmp_path: Path) -> None:
    path = photo(tmp_path / "new.jpg", 99)
    sent = client.post(f"{API}/uploads", files=[("file", ("new.jpg", path.read_bytes()))])
    assert sent.status_code == 200, sent.text
    (upload,) = sent.json()["uploads"]
    found = get(client, "/journey", **{"from": upload["id"], "to": "calm", "kind": "image", "steps": 3})
    assert (found["from"]["id"], found["from"]["path"]) == (upload["id"], "new.jpg")
    assert found["steps"][0]["waypoint"] == pytest.approx(upload["place"])


@pytest.mark.parametrize(
    ("parameters", "status", "code"),
    [
        ({"from": "calm"}, 422, "bad_request"),
        ({"from": "calm", "to": "IMG 4032"}, 400, "bad_request"),
        ({"from": "calm", "to": "/etc/passwd"}, 400, "bad_request"),
        ({"from": "calm", "to": "999999"}, 404, "unknown_item"),
        ({"from": "calm", "to": "up-gone"}, 410, "forgotten"),
        ({"from": "calm", "to": "sad", "steps": 1}, 422, "bad_request"),
        ({"from": "calm", "to": "sad", "steps": 101}, 422, "bad_request"),
        ({"from": "calm", "to": "sad", "via": "2,2"}, 400, "bad_request"),
        ({"from": "calm", "to": "sad", "taken": "2022"}, 400, "bad_request"),
    ],
)
def test_wrong_requests_are_refused(
    client: TestClient, parameters: dict[str, object], status: int, code: str
) -> None:
    refused(client.get(f"{API}/journey", params=parameters), status, code)
