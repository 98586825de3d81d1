"""Aggregation of a picture's faces, and cropping of a picture from its black square."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from attune.embedding.backbones import EFFICIENTNET_LITE2_FACES
from attune.training.convert.efficientnet_lite2_faces import LITE2_SIDE, SIDE, squash_pictures
from attune.training.convert.face_networks import EXPRESSIONS, FACE_WIDTH, _aggregate_faces

pytestmark = pytest.mark.torch

PICTURES = 3
POOLED = 256


def faces(owners: list[int]) -> list[Tensor]:
    """Return area, confidence, expressions and pooled features of random faces of these pictures.

    The first face has weight 0 and covers the whole first picture, like the one that every batch starts with.
    """
    generator = torch.Generator().manual_seed(len(owners))
    area = torch.rand(len(owners), generator=generator) * 0.3 + 0.01
    confidence = torch.rand(len(owners), generator=generator) * 0.7 + 0.3
    area[0], confidence[0] = 1.0, 0.0
    shares = torch.softmax(torch.randn(len(owners), EXPRESSIONS, generator=generator), dim=1)
    return [area, confidence, shares, torch.rand(len(owners), POOLED, generator=generator)]


def aggregate_in_a_loop(own: list[tuple[float, float, list[float], list[float]]]) -> list[float]:
    """Return the features of one picture's faces, given area, confidence, expressions and pooled features."""
    if not own:
        return [0.0] * (FACE_WIDTH + POOLED)
    total = sum(area * confidence for area, confidence, _, _ in own)
    mean, pooled = [0.0] * EXPRESSIONS, [0.0] * POOLED
    maximum = [0.0] * EXPRESSIONS
    for area, confidence, shares, face_pooled in own:
        weight = area * confidence / total
        mean = [so_far + weight * one for so_far, one in zip(mean, shares, strict=True)]
        maximum = [max(so_far, one) for so_far, one in zip(maximum, shares, strict=True)]
        pooled = [so_far + weight * one for so_far, one in zip(pooled, face_pooled, strict=True)]
    largest = max(math.sqrt(area) for area, _, _, _ in own)
    total_side = math.sqrt(sum(area for area, _, _, _ in own))
    shrunk = [one * math.sqrt(largest) for one in mean]
    return [*mean, *maximum, *shrunk, 1.0, largest, total_side, largest**2, *pooled]


@pytest.mark.parametrize("owners", [[0], [0, 0, 0, 2], [0, 1, 2, 2, 2], [0, 0, 1, 2]], ids=str)
def test_faces_sum_up_as_a_plain_loop_says(owners: list[int]) -> None:
    parts = faces(owners)
    membership = (torch.arange(PICTURES)[:, None] == torch.tensor(owners)[None]).float()
    summed = torch.cat(_aggregate_faces(membership, *parts), dim=1)
    each = [*zip(*(part.tolist() for part in parts), strict=True)]
    expected = [
        aggregate_in_a_loop([each[face] for face in range(1, len(owners)) if owners[face] == picture])
        for picture in range(PICTURES)
    ]
    assert summed.shape == (PICTURES, FACE_WIDTH + POOLED)
    torch.testing.assert_close(summed, torch.tensor(expected), atol=1e-5, rtol=1e-5)


def test_parts_of_the_features_lie_one_after_the_other() -> None:
    widths = dict(EFFICIENTNET_LITE2_FACES.layout.blocks)
    assert (widths["faces"], widths["face_pooled"]) == (FACE_WIDTH, POOLED)


def on_black(picture: Tensor) -> Tensor:
    """Put (N, 3, rows, columns) at the top left of black squares."""
    rows, columns = picture.shape[2:]
    return functional.pad(picture, (0, SIDE - columns, 0, SIDE - rows))


def smooth(rows: int, columns: int) -> Tensor:
    """Return two pictures (2, 3, rows, columns), 20 to 255, of patches of colour with smooth transitions."""
    patches = torch.rand(2, 3, 4, 4, generator=torch.Generator().manual_seed(rows)) * 235 + 20
    return functional.interpolate(patches, (rows, columns), mode="bilinear")


@pytest.mark.parametrize(
    ("rows", "columns", "tolerance"),
    [(120, 260, 1e-3), (260, 120, 1e-3), (200, 200, 1e-3), (416, 277, 1.0), (300, 416, 1.0)],
)
def test_a_picture_on_black_is_squashed_as_if_alone(rows: int, columns: int, tolerance: float) -> None:
    """Except for the last two pixels at the right and bottom, which are interpolated with the black.

    Where a picture shrinks, `roi_align` averages over more pixels than bilinear interpolation does.
    """
    picture = smooth(rows, columns)
    small = squash_pictures(on_black(picture))
    assert small.shape == (2, 3, LITE2_SIDE, LITE2_SIDE)
    alone = functional.interpolate(picture, (LITE2_SIDE, LITE2_SIDE), mode="bilinear")
    torch.testing.assert_close(small[..., :-2, :-2], alone[..., :-2, :-2], atol=tolerance, rtol=0)


@pytest.mark.parametrize(("rows", "columns"), [(416, 416), (208, 416), (416, 104), (90, 60)])
def test_a_ramp_stays_a_ramp(rows: int, columns: int) -> None:
    ramp = torch.linspace(1, 255, columns).expand(1, 3, rows, columns)
    small = squash_pictures(on_black(ramp))[0, :, :-3, :-3]
    per_pixel = 254 / (columns - 1)
    places = (torch.arange(LITE2_SIDE - 3) + 0.5) * columns / LITE2_SIDE - 0.5
    expected = (1 + places * per_pixel).clamp(min=1)
    torch.testing.assert_close(small, expected.expand_as(small), atol=0.51 * per_pixel, rtol=0)
    assert (small[..., 1:] >= small[..., :-1]).all()


def test_pictures_of_one_batch_are_taken_off_each_for_itself() -> None:
    shapes = [(416, 100), (100, 416), (5, 7)]
    whole = torch.cat([on_black(smooth(*shape)[:1]) for shape in shapes])
    together = squash_pictures(whole)
    for place in range(len(shapes)):
        torch.testing.assert_close(together[place], squash_pictures(whole[place : place + 1])[0])


def test_an_all_black_picture_stays_black() -> None:
    assert not squash_pictures(torch.zeros(1, 3, SIDE, SIDE)).any()
