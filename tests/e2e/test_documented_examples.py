"""Examples of the README and the guides print what the documents show, in a folder with the samples."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from attune.retrieval.demo import SAMPLES
from attune.tests.e2e.command import ATTUNE
from attune.tests.e2e.test_snapshots import differences

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = ("README.md", "docs/curate.md", "docs/journey.md")
ELLIPSIS = "…"  # the rest of the output is left out


def read_examples(document: Path) -> list[tuple[str, str]]:
    """Return the commands of a document's indented blocks that start with `$`, each with its output."""
    examples: list[tuple[str, list[str]]] = []
    inside = False
    for line in document.read_text(encoding="utf-8").splitlines():
        if line.startswith("    $ "):
            examples.append((line[6:], []))
            inside = True
        elif inside and (line.startswith("    ") or not line):
            examples[-1][1].append(line[4:])
        else:
            inside = False
    return [(command, mask_times("\n".join(output).rstrip())) for command, output in examples]


def mask_times(text: str) -> str:
    return re.sub(r"\d+ ms\b", "N ms", text)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder that holds the samples, as a clone does."""
    folder = tmp_path_factory.mktemp("clone")
    (folder / "samples").symlink_to(SAMPLES)
    return folder


def run_in(folder: Path, command: str) -> str:
    environment = os.environ | {
        "ATTUNE_LIBRARY": ".cache/samples",
        "COLUMNS": "124",
        "PATH": f"{ATTUNE.parent}{os.pathsep}{os.environ['PATH']}",
    }
    result = subprocess.run(
        ["bash", "-c", command], capture_output=True, text=True, cwd=folder, env=environment, check=False
    )
    assert result.returncode == 0, result.stderr
    return mask_times("\n".join(line.rstrip() for line in (result.stderr + result.stdout).splitlines()))


@pytest.mark.slow
def test_the_examples_print_what_the_documents_say(folder: Path) -> None:
    wrong = []
    for document in DOCUMENTS:
        for command, expected in read_examples(ROOT / document):
            seen = run_in(folder, command).rstrip()
            if ELLIPSIS in expected.splitlines():
                kept = expected.splitlines().index(ELLIPSIS)
                expected = "\n".join(expected.splitlines()[:kept])
                seen = "\n".join(seen.splitlines()[:kept])
            wrong += [f"{document}: {command}: {found}" for found in differences(seen, expected)]
    assert wrong == []


@pytest.mark.slow
def test_the_table_of_further_commands_runs(folder: Path) -> None:
    """Commands of the README's second table run; those that serve a page or need minutes are left out."""
    run_in(folder, "attune build-index -q samples")
    table = (ROOT / "README.md").read_text(encoding="utf-8").partition("## More commands")[2]
    commands = [
        command for row in re.findall(r"(?m)^\| (`attune .*?) \|", table) for command in row.split("`, `")
    ]
    run = [command.strip("`") for command in commands if not re.search(r"serve|storyboard|accurate", command)]
    assert len(run) >= 8
    for command in run:
        run_in(folder, command)
