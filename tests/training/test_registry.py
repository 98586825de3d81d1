"""Every registered system: names, the contract of those that can embed, and `attune train --system`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from attune import cli
from attune.embedding.affect import AFFECT_COLUMNS, POLARITY_COLUMNS, QUADRANT_COLUMNS
from attune.embedding.backbones import DEFAULT_BACKBONES, SHIPPED_BACKBONES, Backbone
from attune.embedding.media_files import Kind
from attune.embedding.network import EMBEDDING_DIM
from attune.tests.training.affect_data import LAYOUTS, make_labelled_features
from attune.training.conse import expanded_layout
from attune.training.systems.attune.system import ATTUNE_ACCURATE, RECIPES
from attune.training.systems.base import BackboneFeatures, EmbeddingSystem, LabelledFeatures
from attune.training.systems.registry import SYSTEMS, find_embedding_system

pytestmark = pytest.mark.torch

ABLE = [name for name, system in SYSTEMS.items() if isinstance(system, EmbeddingSystem)]
SMALL: dict[Kind, Backbone] = {
    kind: replace(backbone, name=f"small {kind}", layout=LAYOUTS[kind])
    for kind, backbone in DEFAULT_BACKBONES.items()
}


def _side(kind: Kind, seed: int) -> LabelledFeatures:
    side = make_labelled_features(kind, seed)
    values = side.features[DEFAULT_BACKBONES[kind]].values
    return replace(side, features={SMALL[kind]: BackboneFeatures(values, LAYOUTS[kind])})


def test_names_in_tables_are_different() -> None:
    assert len({system.name for system in SYSTEMS.values()}) == len(SYSTEMS)


def test_parameters_name_no_path_of_this_machine() -> None:
    """The digest of a system is recorded in networks and in the log of test runs."""
    for system in SYSTEMS.values():
        assert "/" not in repr(system)


@pytest.mark.parametrize("name", ABLE)
def test_towers_give_what_a_network_must(name: str) -> None:
    """Embeddings of unit length whose inner products are the scores, and affect in its ranges."""
    system = find_embedding_system(name).with_backbones(SMALL)
    images, music = _side("image", 1), _side("music", 2)
    fitted = system.fit(images, music, seed=0)
    vectors = {}
    for side in (images, music):
        values = torch.from_numpy(side.features[SMALL[side.kind]].values)
        with torch.no_grad():
            embedding, affect = fitted.tower(side.kind)(values)
        assert embedding.dtype == affect.dtype == torch.float32
        assert embedding.shape == (len(side), EMBEDDING_DIM)
        assert affect.shape == (len(side), len(AFFECT_COLUMNS))
        np.testing.assert_allclose(np.linalg.norm(embedding.numpy(), axis=1), 1, atol=1e-5)
        for columns in (POLARITY_COLUMNS, QUADRANT_COLUMNS):
            np.testing.assert_allclose(affect[:, columns].sum(dim=1).numpy(), 1, atol=1e-5)
        assert affect[:, :2].abs().max() <= 1
        vectors[side.kind] = embedding.numpy()
    np.testing.assert_allclose(vectors["image"] @ vectors["music"].T, fitted.scores(images, music), atol=1e-5)


@pytest.mark.parametrize("name", ABLE)
def test_another_backbone_replaces_one_modality(name: str) -> None:
    system = find_embedding_system(name)
    other = system.with_backbones({"image": SMALL["image"]})
    assert other.backbones == {**system.backbones, "image": SMALL["image"]}
    assert other.needs["image"] == (SMALL["image"],)
    assert system.with_backbones({}) == system


def test_every_gain_is_of_a_block_that_there_is() -> None:
    for kind, recipe in (*RECIPES.items(), *ATTUNE_ACCURATE.recipes.items()):
        backbones = [backbone for backbone in SHIPPED_BACKBONES.values() if backbone.kind == kind]
        names = {name for backbone in backbones for name in expanded_layout(backbone).names}
        assert recipe.affect is not None
        assert recipe.classes.gains.keys() | recipe.affect.gains.keys() <= names


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (("--system", "acp-net"), "only scores pairs"),
        (("--system", "chance"), "only scores pairs"),
        (("--system", "mine"), "no such system"),
        (("--accurate",), "No such option"),
    ],
)
def test_what_cannot_be_shipped_is_wrong_usage(
    options: tuple[str, ...], reason: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ("--images", str(tmp_path), "--music", str(tmp_path), "-o", str(tmp_path / "net"))
    assert cli.run(["train", *given, *options]) == 2
    error = capsys.readouterr().err
    assert reason in error
    if options[0] == "--system":
        assert error.rstrip().endswith(f"systems that can embed: {', '.join(ABLE)}")
        assert len(error.splitlines()) == 1
