"""Conversion of CLIP's tokenizer, a lower-cased byte-pair encoding of 49,408 tokens, to JSON of `tokenizers`.

Sources: Sennrich et al., Neural Machine Translation of Rare Words with Subword Units, ACL 2016; Radford et
al., Learning Transferable Visual Models From Natural Language Supervision, ICML 2021.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from attune.core.errors import AttuneError

CHECK_SENTENCES: Final[Sequence[str]] = (
    "",
    "a calm evening by the sea",
    "A  Sad, but HOPEFUL  melody\tin the rain",
    "it's not what we're used to; I'll say they've gone, I'd go",
    "It\u2019s \u201cfine\u201d — isn't it…?",
    "3 dogs & 12 cats (1999), 50% off! #winter @home",
    "ein stürmischer Tag an der Nordsee, große Wellen",
    "une soirée d'été au bord de la mer, ça va",
    "una niña soñolienta ¿dónde está?",
    "грустный вечер под дождём",
    "静かな海辺の夕方",
    "😀 party 🎉 🌊❤️",
    "supercalifragilisticexpialidocious",
    "snow_covered-mountains/at*night",
    "a very long sentence about waves and wind " * 20,
)
"""Texts whose token ids must be the same before and after the conversion."""

# What open_clip's cleaning (ftfy) changes in text that people type: curly quotes become straight.
_SINGLE_QUOTES: Final = "[\u02bc\u2018-\u201b]"
_DOUBLE_QUOTES: Final = "[\u201c-\u201f]"
_WORDS: Final = r"'s|'t|'re|'ve|'m|'ll|'d|\p{L}+|\p{N}|[^\s\p{L}\p{N}]+"
_PADDING: Final = 0


class ForeignTokenizer(AttuneError):  # noqa: N818 - the name says what is wrong
    """A tokenizer cannot be converted; the text is a clause that says why."""


def convert_tokenizer(tokenizer: Any) -> bytes:
    """Return a tokenizer of open_clip as JSON of `tokenizers`, which gives the same ids.

    Differences remain in texts that nobody types: entities of HTML, escape sequences and wrongly decoded
    characters are not repaired, and the names of special tokens are text like any other.

    Args:
        tokenizer: What `open_clip.get_tokenizer` returns.

    Raises:
        ForeignTokenizer: It is not CLIP's, differs for one of `CHECK_SENTENCES`, or `tokenizers` is missing.
    """
    import open_clip
    from open_clip import tokenizer as definitions

    if type(tokenizer) is not open_clip.SimpleTokenizer:
        raise ForeignTokenizer(f"its tokenizer ({type(tokenizer).__name__}) is not CLIP's")
    if tokenizer.clean_fn is not definitions.get_clean_fn("lower") or tokenizer.reduction_fn is not None:
        raise ForeignTokenizer("its tokenizer cleans or shortens texts in a way of its own")
    try:
        converted = _build(tokenizer)
    except ModuleNotFoundError as error:
        raise ForeignTokenizer(
            f'its tokenizer needs {error.name}: pip install "attune-affect[clip]"'
        ) from error
    for text in CHECK_SENTENCES:
        if converted.encode(text).ids != tokenizer([text])[0].tolist():
            raise ForeignTokenizer(f"its tokenizer, when converted, reads {text[:40]!r} differently")
    return bytes(converted.to_str().encode())


def _build(tokenizer: Any) -> Any:
    from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors

    names = {place: token for token, place in tokenizer.encoder.items()}
    start, end = (names[place] for place in (tokenizer.sot_token_id, tokenizer.eot_token_id))
    converted = Tokenizer(
        models.BPE(vocab=dict(tokenizer.encoder), merges=list(tokenizer.bpe_ranks), end_of_word_suffix="</w>")
    )
    converted.normalizer = normalizers.Sequence(
        [
            normalizers.NFC(),
            normalizers.Replace(Regex(_SINGLE_QUOTES), "'"),
            normalizers.Replace(Regex(_DOUBLE_QUOTES), '"'),
            normalizers.Lowercase(),
        ]
    )
    converted.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_WORDS), "removed", invert=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    converted.post_processor = processors.TemplateProcessing(
        single=[start, "$A", end],
        special_tokens=[(start, tokenizer.sot_token_id), (end, tokenizer.eot_token_id)],
    )
    converted.enable_truncation(tokenizer.context_length)
    converted.enable_padding(length=tokenizer.context_length, pad_id=_PADDING, pad_token=names[_PADDING])
    return converted
