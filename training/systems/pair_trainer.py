"""What the networks that learn from true and false pairs alone have in common.

Each step draws a few pictures and as many pieces of music, polarities in equal shares, and scores every
pair of them once: the mean over all pairs of the draw is that over random balanced pairs with less noise, for
the price of embedding each file once.
"""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from attune.embedding.media_files import Kind
from attune.training.assign_folds import assign_folds
from attune.training.metrics import pair_auc
from attune.training.metrics.pairs import pair_truth, pair_weights
from attune.training.systems.base import Embeddings, LabelledFeatures

_CHUNK = 64


@dataclass(frozen=True, slots=True)
class PairRecipe:
    """How a pair network is trained; chosen by cross-validation (docs/experiments.md).

    Attributes:
        learning_rate: Of AdamW.
        weight_decay: Of AdamW.
        dropout: Share of hidden units that are dropped in training.
        batch: Pictures, and pieces of music, of one step.
        steps: Largest number of steps.
        patience: Checks without a better held-out AUC before training stops.
        check_every: Steps between two checks.
    """

    learning_rate: float
    weight_decay: float
    dropout: float
    batch: int = 48
    steps: int = 600
    patience: int = 6
    check_every: int = 20


InputTransform = Callable[[LabelledFeatures, bool], Tensor]
"""From material and whether it is for training (augmented) to what a tower takes, (N, ...)."""


class PairNetwork(nn.Module):
    """Two towers and a joint network over the concatenation of what they say.

    Args:
        towers: Of images and of music, each from its input (N, ...) to (N, `width`).
        width: Length of a tower's output.
        hidden: Widths of the joint network's hidden layers.
        dropout: Share of hidden units that are dropped in training.
    """

    def __init__(
        self, towers: Mapping[Kind, nn.Module], width: int, hidden: tuple[int, ...], dropout: float
    ) -> None:
        super().__init__()
        self.towers = nn.ModuleDict({str(kind): tower for kind, tower in towers.items()})
        # The first layer over a concatenation is a sum of two: each file passes it once, not once a pair.
        self.from_image = nn.Linear(width, hidden[0])
        self.from_music = nn.Linear(width, hidden[0], bias=False)
        layers: list[nn.Module] = [nn.ReLU(), nn.Dropout(dropout)]
        for before, after in itertools.pairwise(hidden):
            layers += [nn.Linear(before, after), nn.ReLU(), nn.Dropout(dropout)]
        self.joint = nn.Sequential(*layers, nn.Linear(hidden[-1], 2))

    def project(self, kind: Kind, given: Tensor) -> Tensor:
        """Return a tower's output (N, width)."""
        projected: Tensor = self.towers[kind](given)
        return projected

    def decide(self, images: Tensor, music: Tensor) -> Tensor:
        """Return log-odds (I, M) that pairs of projections (I, width), (M, width) are true."""
        together = self.from_image(images)[:, None] + self.from_music(music)[None]
        logits = self.joint(together)
        odds: Tensor = logits[..., 1] - logits[..., 0]
        return odds


@dataclass(frozen=True, slots=True)
class FittedPairNetwork:
    """A pair network that has learnt.

    Attributes:
        network: The network, in evaluation mode.
        prepare: How each modality's material becomes its input.
    """

    network: PairNetwork
    prepare: Mapping[Kind, InputTransform]

    @property
    def parameters(self) -> int:
        """Numbers that were learnt."""
        return sum(one.numel() for one in self.network.parameters())

    def scores(self, images: LabelledFeatures, music: LabelledFeatures) -> NDArray[np.float32]:
        """Return log-odds (I, M) of all pairs."""
        image_projections, music_projections = self._project(images), self._project(music)
        with torch.no_grad():
            rows = [
                self.network.decide(part, music_projections)
                for part in torch.split(image_projections, _CHUNK)
            ]
        return torch.cat(rows).numpy()

    def embed(self, material: LabelledFeatures) -> Embeddings:
        """Return the tower's projections, (N, width)."""
        return Embeddings(self._project(material).numpy())

    def _project(self, material: LabelledFeatures) -> Tensor:
        given = self.prepare[material.kind](material, False)
        with torch.no_grad():
            return torch.cat(
                [self.network.project(material.kind, part) for part in torch.split(given, _CHUNK)]
            )


def train_pair_network(
    network: PairNetwork,
    prepare: Mapping[Kind, InputTransform],
    images: LabelledFeatures,
    music: LabelledFeatures,
    recipe: PairRecipe,
    seed: int,
) -> FittedPairNetwork:
    """Train a pair network; stop when the AUC on held-out groups no longer rises, and keep the best state.

    A fifth of the groups of either modality is held out. Polarity decides which pairs are true and balances
    the draws; no loss reads it otherwise.

    Args:
        network: Freshly initialised; it is changed.
        prepare: How each modality's material becomes its input.
        images: Labelled pictures.
        music: Labelled music.
        recipe: How to train.
        seed: Of the hold-out, the draws and the dropout.

    Returns:
        The trained network.

    Raises:
        UsageError: There are too few groups.
    """
    torch.manual_seed(seed)
    random = np.random.default_rng(seed)
    (train_images, held_out_images), (train_music, held_out_music) = (
        _hold_out(images, seed),
        _hold_out(music, seed),
    )
    optimiser = torch.optim.AdamW(
        network.parameters(), recipe.learning_rate, weight_decay=recipe.weight_decay
    )
    fitted = FittedPairNetwork(network, prepare)
    best, best_state, waited = -1.0, copy.deepcopy(network.state_dict()), 0
    for step in range(1, recipe.steps + 1):
        network.train()
        drawn_i, drawn_m = (draw_balanced(side, recipe.batch, random) for side in (train_images, train_music))
        loss = _pair_loss(network, prepare, drawn_i, drawn_m)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        if step % recipe.check_every == 0:
            network.eval()
            auc = pair_auc(
                fitted.scores(held_out_images, held_out_music), *_polarities(held_out_images, held_out_music)
            )
            if auc > best:
                best, best_state, waited = auc, copy.deepcopy(network.state_dict()), 0
            elif (waited := waited + 1) >= recipe.patience:
                break
    network.load_state_dict(best_state)
    network.eval()
    return fitted


def draw_balanced(side: LabelledFeatures, count: int, random: np.random.Generator) -> LabelledFeatures:
    """Draw `count` labelled files, each polarity with the same chance, with replacement."""
    polarity = side.targets.polarity
    present = np.unique(polarity[polarity >= 0])
    classes = random.permutation(np.resize(present, count))
    return side.take(np.array([random.choice(np.flatnonzero(polarity == one)) for one in classes]))


def fit_standardiser(values: NDArray[np.generic]) -> Callable[[NDArray[np.generic]], Tensor]:
    """Return the standardisation that gives (N, D) values mean 0 and deviation 1, cut at 6 deviations."""
    known = np.asarray(values, np.float32)
    mean, scale = known.mean(axis=0), known.std(axis=0)
    scale = scale + 1e-3 * scale.mean() + 1e-6

    def apply(given: NDArray[np.generic]) -> Tensor:
        return torch.from_numpy(np.clip((np.asarray(given, np.float32) - mean) / scale, -6.0, 6.0))

    return apply


def _hold_out(side: LabelledFeatures, seed: int) -> tuple[LabelledFeatures, LabelledFeatures]:
    folds = assign_folds(side.rows, side.kind, seed)
    return side.take(np.flatnonzero(folds != 0)), side.take(np.flatnonzero(folds == 0))


def _polarities(
    images: LabelledFeatures, music: LabelledFeatures
) -> tuple[NDArray[np.int8], NDArray[np.int8]]:
    return images.targets.polarity.astype(np.int8), music.targets.polarity.astype(np.int8)


def _pair_loss(
    network: PairNetwork,
    prepare: Mapping[Kind, InputTransform],
    images: LabelledFeatures,
    music: LabelledFeatures,
) -> Tensor:
    image_projections, music_projections = (
        network.project(side.kind, prepare[side.kind](side, True)) for side in (images, music)
    )
    polarities = _polarities(images, music)
    truth = torch.from_numpy(pair_truth(*polarities).astype(np.float32))
    weights = torch.from_numpy(np.nan_to_num(pair_weights(*polarities)).astype(np.float32))
    losses = functional.binary_cross_entropy_with_logits(
        network.decide(image_projections, music_projections), truth, reduction="none"
    )
    return (losses * weights).sum() / weights.sum()
