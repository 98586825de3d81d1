"""Export of an open_clip model's text tower and tokenizer, with the outputs of the model."""

from __future__ import annotations

import json
import string
from pathlib import Path

import numpy as np
import open_clip
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from attune.embedding.network_config import describe_backbone, read_backbones
from attune.embedding.text_tower import TextEncoder
from attune.tests.open_clip_factory import CONFIG, write_model
from attune.training.encoders import text_export
from attune.training.encoders.clip_tokenizer import ForeignTokenizer, convert_tokenizer
from attune.training.encoders.open_clip import ExportedEncoder, export_encoder

pytestmark = pytest.mark.torch

SENTENCES = [
    "dogs playing on the grass",
    "Ein ruhiger Abend am Meer, ganz ohne Wind!",
    "it's 5 o'clock \u2014 we\u2019ll \u201cparty\u201d until 6.30",
    "",
    "so long a sentence that its end is not read, whatever it says about the sea and the hills behind it",
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("open_clip_text")
    write_model(path)
    return path


@pytest.fixture(scope="module")
def exported(folder: Path) -> ExportedEncoder:
    (folder / "out").mkdir()
    return export_encoder(f"open_clip:{folder / 'tiny.json'},{folder / 'tiny.safetensors'}", folder / "out")


@pytest.fixture(scope="module")
def encoder(exported: ExportedEncoder) -> TextEncoder:
    assert exported.text_problem is None
    assert exported.backbone.text is not None
    return TextEncoder(exported.backbone.text)


@pytest.fixture(scope="module")
def tokenizer(exported: ExportedEncoder) -> open_clip.SimpleTokenizer:
    return open_clip.get_tokenizer("tiny")


def _export(config: dict[str, object], out: Path) -> ExportedEncoder:
    """Export a model with another config and random weights."""
    torch.manual_seed(0)
    name = out.name
    (out.parent / f"{name}.json").write_text(json.dumps(config))
    torch.save({"state_dict": open_clip.CLIP(**config).state_dict()}, out.parent / f"{name}.pt")
    out.mkdir()
    return export_encoder(f"open_clip:{out.parent / name}.json,{out.parent / name}.pt", out)


def test_tokens_are_those_of_the_model(encoder: TextEncoder, tokenizer: open_clip.SimpleTokenizer) -> None:
    for text in SENTENCES:
        np.testing.assert_array_equal(encoder.tokenize(text), tokenizer([text]).numpy())


ALPHABET = (
    string.ascii_letters + string.digits + string.punctuation.replace("&", "") + " \t\u2019\u201cßéя海🌊"
)


@settings(deadline=None)
@given(st.text(ALPHABET))
def test_tokens_of_any_text(encoder: TextEncoder, tokenizer: open_clip.SimpleTokenizer, text: str) -> None:
    np.testing.assert_array_equal(encoder.tokenize(text), tokenizer([text]).numpy())


def test_vectors_are_those_of_the_model(
    encoder: TextEncoder, tokenizer: open_clip.SimpleTokenizer, folder: Path
) -> None:
    model = open_clip.create_model("tiny", str(folder / "tiny.pt")).eval()
    with torch.no_grad():
        expected = model.encode_text(tokenizer(SENTENCES), normalize=True).numpy()
    actual = np.stack([encoder.encode(text) for text in SENTENCES])
    assert actual.dtype == np.float32
    np.testing.assert_allclose(actual, expected, atol=1e-4)
    assert np.abs(actual[0] - actual[1]).max() > 0.01


def test_the_description_is_read_back(exported: ExportedEncoder) -> None:
    config = {"image_backbone": describe_backbone(exported.backbone), "music_backbone": "musicnn_msd"}
    read = read_backbones(exported.backbone.path.parent, json.loads(json.dumps(config)))["image"]
    assert read == exported.backbone
    assert read.text == exported.backbone.text


def test_a_tokenizer_that_is_not_clips_leaves_the_tower_out(tmp_path: Path) -> None:
    foreign = CONFIG | {"text_cfg": CONFIG["text_cfg"] | {"hf_tokenizer_name": "nobody/knows-it"}}
    found = _export(foreign, tmp_path / "foreign")
    assert found.backbone.text is None
    assert found.text_problem == "its tokenizer (nobody/knows-it) is not CLIP's"
    assert not (tmp_path / "foreign" / "text.onnx").exists()
    own_cleaning = open_clip.SimpleTokenizer(clean="canonicalize")
    with pytest.raises(ForeignTokenizer, match="a way of its own"):
        convert_tokenizer(own_cleaning)


def test_a_vocabulary_that_is_too_small_leaves_the_tower_out(tmp_path: Path) -> None:
    small = CONFIG | {"text_cfg": CONFIG["text_cfg"] | {"vocab_size": 64}}
    found = _export(small, tmp_path / "small")
    assert found.backbone.text is None
    assert found.text_problem == "it knows 64 tokens, and its tokenizer gives 49408"


def test_a_tokenizer_that_reads_differently_is_refused() -> None:
    tokenizer = open_clip.SimpleTokenizer()
    tokenizer.eot_token_id = 7
    tokenizer.encode = lambda text: [5]
    with pytest.raises(ForeignTokenizer, match="reads '' differently"):
        convert_tokenizer(tokenizer)


def test_an_unfaithful_export_leaves_the_tower_out(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(text_export, "TOLERANCE", 0.0)
    found = export_encoder(f"open_clip:{folder / 'tiny.json'},{folder / 'tiny.pt'}", tmp_path)
    assert found.backbone.text is None
    assert found.text_problem is not None
    assert "differs by" in found.text_problem
