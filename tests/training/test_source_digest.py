"""Digest of the source that decides a result, which is the key of stored fold results."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from attune.core.progress import SilentProgress
from attune.tests.training.affect_data import make_labelled_features
from attune.training import source_digest
from attune.training.assign_folds import FOLDS
from attune.training.cross_validation import cross_validate
from attune.training.source_digest import digest_source, digest_system
from attune.training.systems.attune import Attune
from attune.training.systems.base import LabelledFeatures
from attune.training.systems.posterior_product import FittedPosteriorProduct, PosteriorProduct

pytestmark = pytest.mark.torch

MODULE = "attune.training.systems.attune"
HEAD_LOSS = ("losses.py", "loss = loss + point_share * (weights", "loss = loss + 2 * point_share * (weights")

CopySources = Callable[[str, str, str], Path]


@pytest.fixture
def copy_sources(tmp_path: Path) -> CopySources:
    """Return a function that copies the training sources, one text of one module replaced."""

    def copy(module: str, old: str, new: str) -> Path:
        folder = tmp_path / f"copy {len(list(tmp_path.iterdir()))}"
        shutil.copytree(source_digest.FOLDER, folder, ignore=shutil.ignore_patterns("__pycache__", "*.npz"))
        text = (folder / module).read_text()
        assert text.count(old) == 1
        (folder / module).write_text(text.replace(old, new))
        return folder

    return copy


@pytest.mark.parametrize(
    ("module", "old", "new"),
    [
        pytest.param("systems/attune.py", "INNER_FOLDS = 3", "INNER_FOLDS = 4", id="own constant"),
        pytest.param("linear_heads.py", "_SET_SHIFT_L2 = 0.02", "_SET_SHIFT_L2 = 0.03", id="constant"),
        pytest.param("calibration.py", "1e-3 * (bias**2)", "1e-2 * (bias**2)", id="calibration"),
        pytest.param(*HEAD_LOSS, id="loss"),
        pytest.param("systems/kernel_map.py", "width=0.02", "width=0.1", id="kernel"),
        pytest.param("manifest.py", '"Q1": (0.5, 0.5)', '"Q1": (0.4, 0.5)', id="labels, two imports away"),
    ],
)
def test_a_changed_result_is_a_changed_digest(
    copy_sources: CopySources, module: str, old: str, new: str
) -> None:
    assert digest_source((MODULE,), copy_sources(module, old, new)) != digest_source(
        (MODULE,), source_digest.FOLDER
    )


@pytest.mark.parametrize(
    ("module", "old", "new"),
    [
        pytest.param(
            "losses.py", "    logits, points = raw", "    # why\n    logits, points = raw", id="comment"
        ),
        pytest.param("losses.py", "        A scalar; a task", "        One scalar; a task", id="docstring"),
        pytest.param("linear_heads.py", '"""Steps between', '"""Number of steps between', id="of a constant"),
        pytest.param("linear_heads.py", "CLIP = 6.0", "CLIP   =   (6.0)\n", id="formatting"),
        pytest.param("plots.py", "_DPI = 120", "_DPI = 60", id="module that is not imported"),
    ],
)
def test_what_cannot_change_a_result_leaves_the_digest(
    copy_sources: CopySources, module: str, old: str, new: str
) -> None:
    assert digest_source((MODULE,), copy_sources(module, old, new)) == digest_source(
        (MODULE,), source_digest.FOLDER
    )


@pytest.mark.parametrize(
    "text",
    [
        "from attune.training.b import value",
        "from attune.training import b",
        "import attune.training.b",
        "from . import b",
        "from .b import value",
        "def late():\n    from attune.training.b import value",
        "from attune.training.c import other",
    ],
)
def test_imports_are_followed_however_they_are_written(tmp_path: Path, text: str) -> None:
    digests = set()
    for number in range(2):
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / "__init__.py").write_text("")
        (folder / "a.py").write_text(text)
        (folder / "b.py").write_text(f"from attune.training import a\nvalue = {number}")
        (folder / "c.py").write_text("from attune.training.b import value as other")
        digests.add(digest_source(("attune.training.a",), folder))
    assert len(digests) == 2


def test_the_order_of_modules_does_not_matter() -> None:
    names = ("attune.training.losses", "attune.training.plots")
    assert digest_source(names, source_digest.FOLDER) == digest_source(names[::-1], source_digest.FOLDER)
    assert digest_source(names, source_digest.FOLDER) != digest_source(names[:1], source_digest.FOLDER)


def test_parameters_are_part_of_the_digest() -> None:
    system = Attune()
    assert digest_system(system) == digest_system(Attune())
    other_kernel = replace(system, kernel_config=replace(system.kernel_config, width=0.1))
    other_recipe = replace(
        system, recipes={**system.recipes, "image": replace(system.recipes["image"], l2=2.0)}
    )
    digests = {digest_system(one) for one in (system, other_kernel, other_recipe, PosteriorProduct())}
    assert len(digests) == 4


def test_a_changed_loss_is_fitted_anew_and_a_comment_is_not(
    copy_sources: CopySources, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fits = []
    fit = PosteriorProduct.fit

    def counted(
        self: PosteriorProduct, images: LabelledFeatures, music: LabelledFeatures, seed: int
    ) -> FittedPosteriorProduct:
        fits.append(seed)
        return fit(self, images, music, seed)

    monkeypatch.setattr(PosteriorProduct, "fit", counted)
    images, music = make_labelled_features("image", 7), make_labelled_features("music", 8)
    cache = tmp_path / "cache"
    for change, expected in (
        (None, FOLDS),
        (("losses.py", "import torch\n", "import torch  # the solver\n"), FOLDS),
        (HEAD_LOSS, 2 * FOLDS),
        (("assign_folds.py", '"music": 100', '"music": 200'), 3 * FOLDS),
    ):
        if change is not None:
            monkeypatch.setattr(source_digest, "FOLDER", copy_sources(*change))
        cross_validate(PosteriorProduct(), images, music, (0,), cache, SilentProgress())
        assert len(fits) == expected


def test_sources_are_read_once_per_process() -> None:
    digest_system(Attune())
    started = time.perf_counter()
    for _ in range(100):
        digest_system(Attune())
    assert time.perf_counter() - started < 0.5
