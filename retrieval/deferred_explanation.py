"""Explanation of answers after their query, when somebody asks for one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property

from attune.embedding.network import Network
from attune.indexer.library import LibraryReader
from attune.retrieval.answers import Answer
from attune.retrieval.explain import Explainer
from attune.retrieval.seeds import QuerySource, Span
from attune.retrieval.words.aims import Target
from attune.retrieval.words.explanation import explain_target


class DeferredExplanation:
    """A query and what it was asked of, for questions about its answers.

    Args:
        open_reader: Returns the library that was searched; raises LibraryError once it is closed.
        network: The network of that library.
        seeds: Source of the query's files.
        references: The query's files; none if it was a place or words alone.
        span: The part of each song in the query that was used.
        make_target: Returns what the answers should be near to, and far from; called at the first question.
    """

    def __init__(
        self,
        open_reader: Callable[[], LibraryReader],
        network: Network,
        seeds: QuerySource,
        references: Sequence[str],
        span: Span,
        make_target: Callable[[], Target],
    ) -> None:
        self._open_reader = open_reader
        self._network = network
        self._seeds = seeds
        self._references = references
        self._span = span
        self._make_target = make_target

    def explain(self, answer: Answer) -> str:
        """Return one line that explains an answer.

        Raises:
            LibraryError: The library that was searched is closed.
        """
        reader = self._open_reader()
        if not self._references:
            return explain_target(self._target, reader, answer)
        (vector,) = reader.vectors([answer.item.id])
        return self._explainer.explain(answer, vector)

    @cached_property
    def _target(self) -> Target:
        return self._make_target()

    @cached_property
    def _explainer(self) -> Explainer:
        reader = self._open_reader()
        return Explainer(reader, self._network, self._seeds, self._references, self._span, self._target)
