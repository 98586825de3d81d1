"""Every compared system learns synthetic labels, reproducibly, and has the layers of its paper."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from attune.embedding.backbones import DEFAULT_BACKBONES, EFFICIENTNET_LITE0
from attune.embedding.feature_layout import FeatureLayout
from attune.tests.training.affect_data import make_labelled_features
from attune.training.metrics import pair_auc
from attune.training.source_digest import digest_system
from attune.training.systems import acp_net, l3_net, spectrogram_acp
from attune.training.systems.acp_net import ACP_NET_ON_ATTUNE_FEATURES, AcpNet
from attune.training.systems.attune.system import Attune
from attune.training.systems.base import (
    BackboneFeatures,
    CorrespondenceEstimator,
    FittedSystem,
    LabelledFeatures,
    System,
)
from attune.training.systems.chance import Chance
from attune.training.systems.convolutions import CROP_FRAMES, PIXELS, SPECTROGRAMS, build_vgg
from attune.training.systems.l3_net import L3Net
from attune.training.systems.pair_trainer import (
    DeviceSystem,
    FittedPairNetwork,
    PairNetwork,
    TowerInput,
    draw_balanced,
    train_pair_network,
)
from attune.training.systems.posterior_product import PosteriorProduct
from attune.training.systems.spectrogram_acp import SpectrogramAcp

pytestmark = pytest.mark.torch

QUICK = {"learning_rate": 3e-4, "steps": 60, "check_every": 20}
SYSTEMS: list[System] = [
    AcpNet(recipe=replace(acp_net.RECIPE, **QUICK)),
    replace(ACP_NET_ON_ATTUNE_FEATURES, recipe=replace(acp_net.RECIPE, **QUICK)),
    L3Net(width=0.0625, recipe=replace(l3_net.RECIPE, batch=12, **{**QUICK, "learning_rate": 1e-3})),
    SpectrogramAcp(width=0.0625, recipe=replace(spectrogram_acp.RECIPE, batch=12, **QUICK)),
    PosteriorProduct(),
    Attune(),
]


def _auc(fitted: FittedSystem, images: LabelledFeatures, music: LabelledFeatures) -> float:
    """Return how well a system answers whether polarities are equal, which not every system orders by."""
    polarities = (side.targets.polarity.astype(np.int8) for side in (images, music))
    answer = fitted.correspondence if isinstance(fitted, CorrespondenceEstimator) else fitted.scores
    return pair_auc(answer(images, music), *polarities)


@pytest.mark.parametrize("system", SYSTEMS, ids=lambda system: system.name)
def test_a_system_learns_what_was_planted_and_repeats(system: System) -> None:
    training = make_labelled_features("image", 1), make_labelled_features("music", 2)
    unseen = make_labelled_features("image", 3, 60), make_labelled_features("music", 4, 45)
    fitted = system.fit(*training, seed=0)
    assert _auc(fitted, *unseen) > 0.8
    scores = fitted.scores(*unseen)
    assert scores.shape == (60, 45)
    # Files of one mood have one polarity, too; but nothing tells the arousal of these pictures.
    assert pair_auc(scores, *(side.targets.polarity.astype(np.int8) for side in unseen)) > 0.7
    assert (system.fit(*training, seed=0).scores(*unseen) == scores).all()
    for side in unseen:
        embeddings = fitted.embed(side)
        if embeddings is None:  # the system only scores pairs
            continue
        assert len(embeddings.vectors) == len(side)
        assert np.isfinite(embeddings.vectors).all()


def test_labels_that_were_shuffled_teach_nothing() -> None:
    images, music = make_labelled_features("image", 1), make_labelled_features("music", 2)
    order = np.random.default_rng(0).permutation(len(images))
    shuffled = replace(
        images, rows=[images.rows[i] for i in order], targets=images.targets[order], features=images.features
    )
    fitted = PosteriorProduct().fit(shuffled, music, 0)
    assert (
        abs(_auc(fitted, make_labelled_features("image", 3), make_labelled_features("music", 4)) - 0.5) < 0.12
    )


def test_chance_knows_nothing() -> None:
    unseen = make_labelled_features("image", 3), make_labelled_features("music", 4)
    fitted = Chance().fit(*unseen, seed=0)
    assert fitted.parameters == 0
    assert abs(_auc(fitted, *unseen) - 0.5) < 0.05


def test_acp_net_has_the_layers_of_the_paper() -> None:
    """Layers 1280 → 2048 → 1024, 193 → 512 → 2048 → 1024, (1024 + 1024) → 512 → 32 → 2, with biases."""
    images, music = make_labelled_features("image", 1), make_labelled_features("music", 2)
    features = images.features[EFFICIENTNET_LITE0]
    wide = replace(
        images,
        features={
            EFFICIENTNET_LITE0: BackboneFeatures(
                np.tile(features.values, (1, 33)), FeatureLayout((("pooled", 1280), ("stage5", 40)))
            )
        },
    )
    fitted = AcpNet(recipe=replace(acp_net.RECIPE, steps=1)).fit(wide, music, 0)
    layers = [(1280, 2048), (2048, 1024), (193, 512), (512, 2048), (2048, 1024)]
    layers += [(2048, 512), (512, 32), (32, 2)]
    assert fitted.parameters == sum(before * after + after for before, after in layers)
    assert fitted.embed(wide).vectors.shape == (len(wide), 1024)


def test_a_joint_layer_over_a_concatenation_is_the_sum_that_is_computed() -> None:
    torch.manual_seed(0)
    towers = {"image": torch.nn.Linear(3, 4), "music": torch.nn.Linear(2, 4)}
    network = PairNetwork(towers, 4, (5, 3), 0.5).eval()  # type: ignore[arg-type]
    image, music = torch.randn(1, 3), torch.randn(1, 2)
    joined = torch.cat([towers["image"](image), towers["music"](music)], dim=1)
    weights = torch.cat([network.from_image.weight, network.from_music.weight], dim=1)
    logits = network.joint(joined @ weights.T + network.from_image.bias)
    odds = network.decide(network.project("image", image), network.project("music", music))
    assert odds.item() == pytest.approx((logits[0, 1] - logits[0, 0]).item(), abs=1e-5)


def test_width_one_has_the_channels_of_l3_net() -> None:
    channels = [layer.out_channels for layer in build_vgg(3, 1.0, 512) if isinstance(layer, torch.nn.Conv2d)]
    assert channels == [64, 64, 128, 128, 256, 256, 512, 512]
    assert build_vgg(1, 0.125, 64)(torch.zeros(2, 1, 64, 128)).shape == (2, 64)


def test_augmentation_is_for_training_alone() -> None:
    pixels = PIXELS.load(make_labelled_features("image", 1, 12))
    spectrograms = SPECTROGRAMS.load(make_labelled_features("music", 2, 12))
    for tower_input, given in ((PIXELS, pixels), (SPECTROGRAMS, spectrograms)):
        assert torch.equal(tower_input.prepare(given, False), tower_input.prepare(given, False))
    torch.manual_seed(0)
    assert SPECTROGRAMS.prepare(spectrograms, True).shape == (12, 1, 64, CROP_FRAMES)
    flipped, plain = PIXELS.prepare(pixels, True), PIXELS.prepare(pixels, False)
    same = [torch.equal(one, other) for one, other in zip(flipped, plain, strict=True)]
    mirrored = [torch.equal(one, other.flip(2)) for one, other in zip(flipped, plain, strict=True)]
    assert all(one or other for one, other in zip(same, mirrored, strict=True))
    assert any(mirrored) and not all(mirrored)


def test_draws_give_each_polarity_its_share() -> None:
    polarity = make_labelled_features("image", 1, 90).targets.polarity.astype(np.int8)
    few = polarity[(polarity != 2) | (np.arange(90) < 9)]
    drawn = few[draw_balanced(few, 48, np.random.default_rng(0))]
    assert np.bincount(drawn).tolist() == [16, 16, 16]


def test_the_device_holds_the_files_and_steps_draw_from_it() -> None:
    loads = []

    def load(data: LabelledFeatures) -> torch.Tensor:
        loads.append((data.kind, len(data)))
        return torch.from_numpy(data.values(DEFAULT_BACKBONES[data.kind]))

    towers = {kind: torch.nn.Linear(40, 8) for kind in ("image", "music")}
    inputs = {kind: TowerInput(load) for kind in ("image", "music")}
    training = make_labelled_features("image", 1), make_labelled_features("music", 2)
    train_pair_network(
        PairNetwork(towers, 8, (8,), 0.0),  # type: ignore[arg-type]
        inputs,  # type: ignore[arg-type]
        *training,
        replace(acp_net.RECIPE, steps=9, check_every=3),
        0,
    )
    assert loads == [("image", 120), ("music", 120)]


@pytest.mark.parametrize("system", SYSTEMS[:4], ids=lambda system: system.name)
def test_the_device_is_not_part_of_the_key_of_results(system: System) -> None:
    assert isinstance(system, DeviceSystem)
    on_gpu = system.with_device("cuda")
    assert on_gpu != system
    assert digest_system(on_gpu) == digest_system(system)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("system", SYSTEMS[:4], ids=lambda system: system.name)
def test_a_network_of_a_gpu_learns_and_answers_as_it_would_on_a_cpu(system: System) -> None:
    assert isinstance(system, DeviceSystem)
    training = make_labelled_features("image", 1), make_labelled_features("music", 2)
    unseen = make_labelled_features("image", 3, 60), make_labelled_features("music", 4, 45)
    fitted = system.with_device("cuda").fit(*training, seed=0)
    assert isinstance(fitted, FittedPairNetwork)
    assert all(parameter.is_cuda for parameter in fitted.network.parameters())
    assert _auc(fitted, *unseen) > 0.8
    scores = fitted.scores(*unseen)
    on_cpu = replace(fitted, network=fitted.network.cpu(), device="cpu")
    # Convolutions of a GPU round the factors of products to 10 bits (TF32).
    np.testing.assert_allclose(scores, on_cpu.scores(*unseen), rtol=0.01, atol=0.05)


def test_a_digest_changes_with_the_recipe() -> None:
    assert digest_system(AcpNet()) == digest_system(AcpNet())
    assert digest_system(AcpNet()) != digest_system(AcpNet(recipe=replace(acp_net.RECIPE, dropout=0.1)))
    assert digest_system(AcpNet()) != digest_system(ACP_NET_ON_ATTUNE_FEATURES)
