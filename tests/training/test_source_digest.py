"""Digest of the source that decides a result, which is the key of stored fold results."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from attune.core.progress import SilentProgress
from attune.embedding.backbones import EFFICIENTNET_LITE0
from attune.embedding.feature_layout import FeatureLayout
from attune.tests.training.affect_data import make_labelled_features
from attune.training import source_digest
from attune.training.assign_folds import FOLDS
from attune.training.cross_validation import cross_validate
from attune.training.linear_heads import HeadRecipe
from attune.training.source_digest import digest_source, digest_system
from attune.training.systems.attune.system import Attune
from attune.training.systems.base import BackboneFeatures, LabelledFeatures
from attune.training.systems.posterior_product import FittedPosteriorProduct, PosteriorProduct

pytestmark = pytest.mark.torch

MODULE = "attune.training.systems.attune.system"
CALIBRATION = ("systems/attune/output_calibration.py", "1e-3 * (bias**2)", "1e-2 * (bias**2)")
HEAD_LOSS = ("losses.py", "_RELIANCE_ON_POLARITY = 0.1", "_RELIANCE_ON_POLARITY = 0.2")

CopySources = Callable[[str, str, str], Path]
CountFits = Callable[..., int]


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
        pytest.param("systems/attune/system.py", "INNER_FOLDS = 3", "INNER_FOLDS = 4", id="own constant"),
        pytest.param("linear_heads.py", "_SET_SHIFT_L2 = 0.02", "_SET_SHIFT_L2 = 0.03", id="constant"),
        pytest.param(*CALIBRATION, id="calibration"),
        pytest.param(*HEAD_LOSS, id="loss"),
        pytest.param("systems/attune/mood_space.py", "sharpness=2.5", "sharpness=2.0", id="space"),
        pytest.param("systems/attune/mood_space.py", "KNOTS = 33", "KNOTS = 17", id="places"),
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
        pytest.param("losses.py", "    signs = [", "    # why\n    signs = [", id="comment"),
        pytest.param("losses.py", '"""Return weights by', '"""Return the weights by', id="docstring"),
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
    ("module", "old", "new"),
    [
        pytest.param("raw_inputs.py", "EXCERPT_S = 30.0", "EXCERPT_S = 20.0", id="excerpt"),
        pytest.param("raw_inputs.py", "_WINDOW = 2048", "_WINDOW = 1024", id="spectrogram"),
        pytest.param("acp_descriptors.py", "n_mfcc=40", "n_mfcc=20", id="descriptors"),
    ],
)
def test_raw_inputs_of_a_changed_source_are_computed_again(
    copy_sources: CopySources, module: str, old: str, new: str
) -> None:
    names = ("attune.training.raw_inputs",)
    assert digest_source(names, copy_sources(module, old, new)) != digest_source(names, source_digest.FOLDER)


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
    other_space = replace(system, space=replace(system.space, width=0.1))
    recipe = replace(system.recipes["image"], classes=HeadRecipe(2.0))
    other_recipe = replace(system, recipes={**system.recipes, "image": recipe})
    digests = {digest_system(one) for one in (system, other_space, other_recipe, PosteriorProduct())}
    assert len(digests) == 4


@pytest.fixture
def count_fits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CountFits:
    """Return a function that cross-validates Attune's system and counts the folds that are not served.

    What is fitted is a faster system: the key of a fold follows from the source of Attune's.
    """
    fits = []

    def fit(
        self: Attune, images: LabelledFeatures, music: LabelledFeatures, seed: int
    ) -> FittedPosteriorProduct:
        fits.append(seed)
        return PosteriorProduct(steps=0).fit(images, music, seed)

    monkeypatch.setattr(Attune, "fit", fit)
    images, music = make_labelled_features("image", 7), make_labelled_features("music", 8)

    def count(system: Attune, image_layout: FeatureLayout | None = None) -> int:
        features = images.features[EFFICIENTNET_LITE0]
        laid_out = BackboneFeatures(features.values, image_layout or features.layout)
        before = len(fits)
        cross_validate(
            system,
            replace(images, features={EFFICIENTNET_LITE0: laid_out}),
            music,
            (0,),
            tmp_path / "cache",
            SilentProgress(),
        )
        return len(fits) - before

    return count


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(HEAD_LOSS, id="loss"),
        pytest.param(("linear_heads.py", "CLIP = 6.0", "CLIP = 5.0"), id="heads"),
        pytest.param(("systems/attune/mood_space.py", "KNOTS = 33", "KNOTS = 17"), id="shape of the tower"),
        pytest.param(("systems/attune/mood_space.py", "4.0 * config", "5.0 * config"), id="space"),
        pytest.param(CALIBRATION, id="calibration of outputs"),
        pytest.param(("assign_folds.py", '"music": 100', '"music": 200'), id="seed of the folds"),
        pytest.param(("assign_folds.py", "cost.min() + 1e-12", "cost.min() + 1e-3"), id="rule of the folds"),
        pytest.param(("conse.py", '.columns("pooled")', '.columns("stage5")'), id="block of features"),
    ],
)
def test_folds_of_a_changed_source_are_not_served(
    copy_sources: CopySources,
    count_fits: CountFits,
    monkeypatch: pytest.MonkeyPatch,
    change: tuple[str, str, str],
) -> None:
    assert count_fits(Attune()) == FOLDS
    monkeypatch.setattr(source_digest, "FOLDER", copy_sources(*change))
    assert count_fits(Attune()) == FOLDS


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(("losses.py", "import torch\n", "import torch  # the solver\n"), id="comment"),
        pytest.param(
            ("systems/attune/system.py", '"""Hyperparameters of the heads;', '"""Those of the heads;'),
            id="docstring",
        ),
        pytest.param(("systems/acp_net.py", "WIDTH = 1024", "WIDTH = 512"), id="layer of another system"),
        pytest.param(("calibration.py", "_BINS = 2048", "_BINS = 1024"), id="calibration of pairs"),
    ],
)
def test_folds_are_served_after_any_other_change(
    copy_sources: CopySources,
    count_fits: CountFits,
    monkeypatch: pytest.MonkeyPatch,
    change: tuple[str, str, str],
) -> None:
    assert count_fits(Attune()) == FOLDS
    monkeypatch.setattr(source_digest, "FOLDER", copy_sources(*change))
    assert count_fits(Attune()) == 0


def test_folds_of_other_parameters_or_blocks_are_not_served(count_fits: CountFits) -> None:
    system = Attune()
    assert count_fits(system) == FOLDS
    assert count_fits(Attune()) == 0
    assert count_fits(replace(system, space=replace(system.space, share=0.5))) == FOLDS
    recipe = replace(system.recipes["image"], affect=HeadRecipe(0.0012, {"pooled": 0.4}))
    assert count_fits(replace(system, recipes={**system.recipes, "image": recipe})) == FOLDS
    assert count_fits(system, FeatureLayout((("pooled", 30), ("stage5", 10)))) == FOLDS


def test_sources_are_read_once_per_process() -> None:
    digest_system(Attune())
    started = time.perf_counter()
    for _ in range(100):
        digest_system(Attune())
    assert time.perf_counter() - started < 0.5
