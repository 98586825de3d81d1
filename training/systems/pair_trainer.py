"""Training of networks on true and false pairs.

Each step draws some pictures and as many pieces of music, with equal shares of the polarities, and scores
each of their pairs once. The mean over all pairs of the draw estimates that over random balanced pairs with
less noise, and each file is embedded only once.

What the towers read of the files is copied to the device once, and steps draw from it there.
"""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol, Self, runtime_checkable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from attune.embedding.media_files import Kind
from attune.embedding.onnx_session import Device
from attune.training.assign_folds import assign_folds
from attune.training.metrics import pair_auc
from attune.training.metrics.pairs import pair_truth, pair_weights
from attune.training.systems.base import Embeddings, LabelledFeatures, System

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


@runtime_checkable
class DeviceSystem(System, Protocol):
    """A system whose networks can be trained and run on a GPU.

    The device is not part of the `repr`, so that stored results are served whatever device they come from:
    figures of a GPU differ from those of a CPU by rounding, and by what dropout and masks happen to draw.
    """

    def with_device(self, device: Device) -> Self:
        """Return the system that trains and runs its networks on another device."""
        ...


def _pass_through(given: Tensor, _augment: bool) -> Tensor:
    return given


@dataclass(frozen=True, slots=True)
class TowerInput:
    """The input of a tower, which is made of labelled features in two steps.

    Attributes:
        load: Function from the features of N files to what the device holds of them, (N, ...).
        prepare: Function from some files of that, and whether to augment them, to the input of the tower,
            (N, ...), on the same device.
    """

    load: Callable[[LabelledFeatures], Tensor]
    prepare: Callable[[Tensor, bool], Tensor] = _pass_through


@dataclass(frozen=True, slots=True)
class LoadedSide:
    """Files of one modality on the device of a network.

    Attributes:
        kind: The modality.
        given: What `TowerInput.load` makes of the N files, (N, ...), on the device.
        polarity: int8 (N,), as in `Targets`.
    """

    kind: Kind
    given: Tensor
    polarity: NDArray[np.int8]

    def take(self, positions: NDArray[np.int64]) -> LoadedSide:
        """Return the files at the given positions, int64 (K,)."""
        chosen = torch.from_numpy(positions).to(self.given.device)
        return LoadedSide(self.kind, self.given[chosen], self.polarity[positions])


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
        network: The network, in evaluation mode, on the device.
        inputs: For each modality, the input of its tower.
        device: Device on which the network runs.
    """

    network: PairNetwork
    inputs: Mapping[Kind, TowerInput]
    device: Device = "cpu"

    @property
    def parameters(self) -> int:
        """Number of learnt parameters."""
        return sum(parameter.numel() for parameter in self.network.parameters())

    def scores(self, images: LabelledFeatures, music: LabelledFeatures) -> NDArray[np.float32]:
        """Return the log-odds (I, M) of all pairs."""
        return self.score_loaded(self.load(images), self.load(music))

    def embed(self, data: LabelledFeatures) -> Embeddings:
        """Return the tower's projections, (N, `width`)."""
        return Embeddings(self._project(self.load(data)).cpu().numpy())

    def load(self, data: LabelledFeatures) -> LoadedSide:
        """Return files on the network's device."""
        given = self.inputs[data.kind].load(data).to(self.device)
        return LoadedSide(data.kind, given, data.targets.polarity.astype(np.int8))

    def score_loaded(self, images: LoadedSide, music: LoadedSide) -> NDArray[np.float32]:
        """Return the log-odds (I, M) of all pairs of loaded files."""
        image_projections, music_projections = self._project(images), self._project(music)
        with torch.no_grad():
            rows = [
                self.network.decide(part, music_projections)
                for part in torch.split(image_projections, _CHUNK)
            ]
        return torch.cat(rows).cpu().numpy()

    def _project(self, side: LoadedSide) -> Tensor:
        prepare = self.inputs[side.kind].prepare
        with torch.no_grad():
            return torch.cat(
                [
                    self.network.project(side.kind, prepare(part, False))
                    for part in torch.split(side.given, _CHUNK)
                ]
            )


def train_pair_network(
    network: PairNetwork,
    inputs: Mapping[Kind, TowerInput],
    images: LabelledFeatures,
    music: LabelledFeatures,
    recipe: PairRecipe,
    seed: int,
    device: Device = "cpu",
) -> FittedPairNetwork:
    """Train a pair network with early stopping on the AUC of held-out groups, keeping the best state.

    A fifth of the groups of each modality is held out. Polarity decides which pairs are true and balances the
    draws; it is used for nothing else.

    Args:
        network: The newly initialised network, which is modified.
        inputs: For each modality, the input of its tower.
        images: Labelled pictures.
        music: Labelled music.
        recipe: The hyperparameters.
        seed: Seed of the held-out groups, the draws and the dropout.
        device: Device on which the network is trained and runs.

    Returns:
        The trained network.

    Raises:
        UsageError: There are fewer groups than folds.
    """
    torch.manual_seed(seed)
    random = np.random.default_rng(seed)
    fitted = FittedPairNetwork(network.to(device), inputs, device)
    (train_images, held_out_images), (train_music, held_out_music) = (
        _hold_out(fitted.load(side), assign_folds(side.rows, side.kind, seed)) for side in (images, music)
    )
    optimiser = torch.optim.AdamW(
        network.parameters(), recipe.learning_rate, weight_decay=recipe.weight_decay
    )
    best, best_state, waited = -1.0, copy.deepcopy(network.state_dict()), 0
    for step in range(1, recipe.steps + 1):
        network.train()
        drawn_images, drawn_music = (
            side.take(draw_balanced(side.polarity, recipe.batch, random))
            for side in (train_images, train_music)
        )
        loss = _pair_loss(fitted, drawn_images, drawn_music)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        if step % recipe.check_every == 0:
            network.eval()
            auc = pair_auc(
                fitted.score_loaded(held_out_images, held_out_music),
                held_out_images.polarity,
                held_out_music.polarity,
            )
            if auc > best:
                best, best_state, waited = auc, copy.deepcopy(network.state_dict()), 0
            elif (waited := waited + 1) >= recipe.patience:
                break
    network.load_state_dict(best_state)
    network.eval()
    return fitted


def draw_balanced(polarity: NDArray[np.int8], count: int, random: np.random.Generator) -> NDArray[np.int64]:
    """Draw positions of `count` labelled files, int64, with replacement, equally many of each polarity."""
    present = np.unique(polarity[polarity >= 0])
    classes = random.permutation(np.resize(present, count))
    return np.array([random.choice(np.flatnonzero(polarity == code)) for code in classes])


def fit_standardiser(values: NDArray[np.generic]) -> Callable[[NDArray[np.generic]], Tensor]:
    """Return the function that standardises columns as those of `values`, (N, D), clipped at 6 deviations."""
    known = np.asarray(values, np.float32)
    mean, scale = known.mean(axis=0), known.std(axis=0)
    scale = scale + 1e-3 * scale.mean() + 1e-6

    def apply(given: NDArray[np.generic]) -> Tensor:
        return torch.from_numpy(np.clip((np.asarray(given, np.float32) - mean) / scale, -6.0, 6.0))

    return apply


def _hold_out(side: LoadedSide, folds: NDArray[np.int64]) -> tuple[LoadedSide, LoadedSide]:
    return side.take(np.flatnonzero(folds != 0)), side.take(np.flatnonzero(folds == 0))


def _pair_loss(training: FittedPairNetwork, images: LoadedSide, music: LoadedSide) -> Tensor:
    image_projections, music_projections = (
        training.network.project(side.kind, training.inputs[side.kind].prepare(side.given, True))
        for side in (images, music)
    )
    polarities = images.polarity, music.polarity
    truth, weights = (
        torch.from_numpy(matrix.astype(np.float32)).to(training.device)
        for matrix in (pair_truth(*polarities), np.nan_to_num(pair_weights(*polarities)))
    )
    losses = functional.binary_cross_entropy_with_logits(
        training.network.decide(image_projections, music_projections), truth, reduction="none"
    )
    return (losses * weights).sum() / weights.sum()
