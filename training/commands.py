"""Commands that learn and judge: train, evaluate."""

from __future__ import annotations

import typer

app = typer.Typer()
