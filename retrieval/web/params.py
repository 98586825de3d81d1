"""Query parameters of the HTTP API, made from the definitions that the commands use too."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Annotated, Any, TypeVar

from fastapi import Query

from attune.core.errors import UsageError
from attune.retrieval.query_parameters import (
    BrowseParameters,
    FindParameters,
    ParameterField,
    ParameterGroup,
    SearchParameters,
    list_parameters,
    read_parameters,
)
from attune.retrieval.search import Filters

MAX_REPEATS = 16
MAX_EXPLAINED = 20

Likes = Annotated[
    list[str],
    Query(alias="like", max_length=MAX_REPEATS, description="More like these ids. May be repeated."),
]
OptionalLikes = Annotated[
    Sequence[str],
    Query(alias="like", max_length=MAX_REPEATS, description="More like these ids; none if there are words."),
]
Offset = Annotated[int, Query(ge=0, le=2000, description="Number of best results to skip.")]

_Group = TypeVar("_Group", bound=ParameterGroup)


def query_parameters(group: type[_Group], *omitted: str) -> Callable[..., _Group]:
    """Return a FastAPI dependency that reads the parameters of a group.

    Folders are only compared with paths, never opened, and files are ids.

    Args:
        group: The group.
        omitted: Fields of the group that a route does not offer; they keep their defaults.
    """
    offered = [one for one in list_parameters(group) if one.field not in omitted]

    def read(**values: Any) -> _Group:
        return read_parameters(group, values, _served_name)

    read.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [
            inspect.Parameter(
                one.field, inspect.Parameter.KEYWORD_ONLY, default=_default(one), annotation=_annotate(one)
            )
            for one in offered
        ]
    )
    return read


def page_filters(query: SearchParameters, offset: int) -> Filters:
    """Return the filters for one page of answers.

    Args:
        query: The parameters of the query; `limit` is the size of the page.
        offset: Number of best answers to skip.

    Raises:
        UsageError: The answers are varied, so that a page depends on its size and pages do not join.
    """
    if offset and query.diverse:
        raise UsageError("offset: not together with diverse; raise limit instead")
    return replace(query.make_filters(folder=None), offset=offset)


def require_few(query: FindParameters | BrowseParameters) -> None:
    """Check that not too many answers are to be explained.

    Raises:
        UsageError: There are too many.
    """
    if query.why and query.limit > MAX_EXPLAINED:
        raise UsageError(f"why: explains {MAX_EXPLAINED} results at most; set limit to it or less")


def _annotate(parameter: ParameterField) -> Any:
    definition = parameter.definition
    value_type: Any = list[parameter.type] if parameter.repeated else parameter.type  # type: ignore[name-defined]
    if parameter.default is None:
        value_type = value_type | None
    constraints = Query(
        alias=parameter.served_name,
        description=definition.help,
        ge=definition.low,
        le=definition.high if definition.served_high is None else definition.served_high,
        max_length=MAX_REPEATS if parameter.repeated else None,
        json_schema_extra={"enum": list(definition.choices)} if definition.choices else None,
    )
    return Annotated[value_type, constraints]


def _default(parameter: ParameterField) -> Any:
    served = parameter.definition.served_default
    return parameter.default if served is None else served


def _served_name(name: str) -> str:
    return name.replace("-", "_")
