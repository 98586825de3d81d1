"""Training of networks on true and false pairs.

Each step draws some pictures and as many pieces of music, with equal shares of the polarities, and scores
each of their pairs once. The mean over all pairs of the draw estimates that over random balanced pairs with
less noise, and each file is embedded only once.
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
    """Hyperparameters of a pair network; chosen by cross-validation (docs/experiments.md).

    Attributes:
        learning_rate: Learning rate of AdamW.
        weight_decay: Weight decay of AdamW.
        dropout: Share of hidden units that are dropped in training.
        batch: Number of pictures, and of pieces of music, in one step.
        steps: Largest number of steps.
        patience: Number of checks without a better held-out AUC before training stops.
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
"""Function from labelled features, and whether to augment them, to the input of a tower, (N, ...)."""


class PairNetwork(nn.Module):
    """Two towers and a joint network over the concatenation of their outputs.

    Args:
        towers: Towers of images and of music, each from its input (N, ...) to (N, `width`).
        width: Length of a tower's output.
        hidden: Widths of the joint network's hidden layers.
        dropout: Share of hidden units that are dropped in training.
    """

    def __init__(
        self, towers: Mapping[Kind, nn.Module], width: int, hidden: tuple[int, ...], dropout: float
    ) -> None:
        super().__init__()
        self.towers = nn.ModuleDict({str(kind): tower for kind, tower in towers.items()})
        # A layer over a concatenation is a sum of two layers, each computed once per file, not once per pair.
        self.from_image = nn.Linear(width, hidden[0])
        self.from_music = nn.Linear(width, hidden[0], bias=False)
        layers: list[nn.Module] = [nn.ReLU(), nn.Dropout(dropout)]
        for before, after in itertools.pairwise(hidden):
            layers += [nn.Linear(before, after), nn.ReLU(), nn.Dropout(dropout)]
        self.joint = nn.Sequential(*layers, nn.Linear(hidden[-1], 2))

    def project(self, kind: Kind, given: Tensor) -> Tensor:
        """Return a tower's output (N, `width`)."""
        projected: Tensor = self.towers[kind](given)
        return projected

    def decide(self, images: Tensor, music: Tensor) -> Tensor:
        """Return the log-odds (I, M) that pairs of projections (I, `width`) and (M, `width`) are true."""
        together = self.from_image(images)[:, None] + self.from_music(music)[None]
        logits = self.joint(together)
        odds: Tensor = logits[..., 1] - logits[..., 0]
        return odds


@dataclass(frozen=True, slots=True)
class FittedPairNetwork:
    """A trained pair network.

    Attributes:
        network: The network, in evaluation mode.
        prepare: For each modality, the function that prepares the tower's input.
    """

    network: PairNetwork
    prepare: Mapping[Kind, InputTransform]

    @property
    def parameters(self) -> int:
        """Number of learnt parameters."""
        return sum(parameter.numel() for parameter in self.network.parameters())

    def scores(self, images: LabelledFeatures, music: LabelledFeatures) -> NDArray[np.float32]:
        """Return the log-odds (I, M) of all pairs."""
        image_projections, music_projections = self._project(images), self._project(music)
        with torch.no_grad():
            rows = [
                self.network.decide(part, music_projections)
                for part in torch.split(image_projections, _CHUNK)
            ]
        return torch.cat(rows).numpy()

    def embed(self, data: LabelledFeatures) -> Embeddings:
        """Return the tower's projections, (N, `width`)."""
        return Embeddings(self._project(data).numpy())

    def _project(self, data: LabelledFeatures) -> Tensor:
        given = self.prepare[data.kind](data, False)
        with torch.no_grad():
            return torch.cat([self.network.project(data.kind, part) for part in torch.split(given, _CHUNK)])


def train_pair_network(
    network: PairNetwork,
    prepare: Mapping[Kind, InputTransform],
    images: LabelledFeatures,
    music: LabelledFeatures,
    recipe: PairRecipe,
    seed: int,
) -> FittedPairNetwork:
    """Train a pair network with early stopping on the AUC of held-out groups, keeping the best state.

    A fifth of the groups of each modality is held out. Polarity decides which pairs are true and balances the
    draws; it is used for nothing else.

    Args:
        network: The newly initialised network, which is modified.
        prepare: For each modality, the function that prepares the tower's input.
        images: Labelled pictures.
        music: Labelled music.
        recipe: The hyperparameters.
        seed: Seed of the held-out groups, the draws and the dropout.

    Returns:
        The trained network.

    Raises:
        UsageError: There are fewer groups than folds.
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
    """Draw `count` labelled files with replacement, equally many of each polarity."""
    polarity = side.targets.polarity
    present = np.unique(polarity[polarity >= 0])
    classes = random.permutation(np.resize(present, count))
    return side.take(np.array([random.choice(np.flatnonzero(polarity == code)) for code in classes]))


def fit_standardiser(values: NDArray[np.generic]) -> Callable[[NDArray[np.generic]], Tensor]:
    """Return the function that standardises columns as those of `values`, (N, D), clipped at 6 deviations."""
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
