"""Encodings of old tags: texts that claim to be Latin-1, and hold the bytes of another encoding.

ID3v1, the Latin-1 frames of ID3v2 and the INFO chunk of WAV were filled in the encoding of the writer's
computer. Titles are too short for detectors that compare the statistics of pages, such as charset-normalizer,
so each encoding is told by its structure: which bytes its frequent characters have, and that nobody writes
capitals after small letters inside words. A text that could be Western stays Western.
"""

# ruff: noqa: RUF001 - letters of many alphabets
from __future__ import annotations

import codecs
import re
from collections.abc import Sequence
from itertools import pairwise
from typing import Final, NamedTuple

_LETTER: Final = "[A-Za-z\u00c0-\u00ff]"
# What Western texts do not have: long runs without an ASCII character, and signs inside words.
_STRANGE: Final = re.compile(
    r"[^\x00-\x7f]{4,}|[\ufffdƒ]"
    rf"|(?<={_LETTER})[‚„†‡ˆ‰‹‘“”€¢£¤¥¦§¨«¬\xad¯±³µ¶¸¹¼¾](?={_LETTER})"
    rf"|[†‡ˆ‰¢¤¥¦§¨¬\xad¯±µ¶¸¹»¼¾](?={_LETTER})"
)
# Polish letters of Windows-1250, read as signs inside a Western word.
_POLISH: Final = re.compile(
    r"(?<=[A-Za-zêæñó])(?:[¹³]+(?=[a-zêæñóœ])|¿)|[£¯](?=[a-zêæñó])|œ(?=[gjklmpw ,.!?])"
)
# Czech, Slovak and Slovenian ones: letters that Windows-1252 has too, beside others that are strange there.
_CZECH: Final = re.compile(r"(?=.*[šžŠŽ]).*[èøìùïòÈØÌÏÒ]", re.DOTALL)
# Latin letters that touch letters of another alphabet, or Chinese, Japanese and Korean characters.
_MIXED_BYTES: Final = re.compile(rb"[A-Za-z][\xc0-\xff]|[\xc0-\xff][A-Za-z]")
_MIXED: Final = re.compile(r"[A-Za-z](?=[\u3041-\uac00-\ud7a3])|(?<=[\u3041-\uac00-\ud7a3])[A-Za-z]")
# Greek and Hebrew letters for the end of a word, before another letter.
_BREAK: Final = re.compile(r"[ςךםןףץ](?=[ΐ-ώא-ת])")
# UTF-8 by chance: a word that ends in a capital with an accent, then an ellipsis, quotation mark or dash.
_CAPITAL_THEN_SIGN: Final = re.compile(rb"[\xc0-\xdf][\x85\x91-\x97](?![A-Za-z])")
_PUNCTUATION: Final = frozenset("«»“”„‘’–—…№•·°©®")


class _Alphabet(NamedTuple):
    """An encoding with one byte for each letter, and its letters in the order of their frequency."""

    codec: str
    letters: str


class _DoubleByteSet(NamedTuple):
    """An encoding with two bytes for each character: those of the frequent ones, and those that prove it."""

    codec: str
    frequent: re.Pattern[bytes]
    proof: re.Pattern[bytes]


_CYRILLIC: Final = "оаеинтсрвлкмдпуіязыьгбчйхжїшюјцщєэфъћњґљђџёў"
_ALPHABETS: Final = (
    _Alphabet("cp1251", _CYRILLIC),
    _Alphabet("koi8_r", _CYRILLIC),
    _Alphabet("cp1253", "αοιετσνρπκμλςυηγδωίθφόάέχήβύζξώψΐΰϊϋ"),
    _Alphabet("cp1255", "יוהלאתמרשבנכדפקעחםטגןסצזךץף"),
)
# The standards themselves put the frequent characters first; punctuation counts with them. The order decides
# between equals: Korean syllables are a part of the bytes of frequent Chinese characters.
_DOUBLE_BYTE_SETS: Final = (
    _DoubleByteSet(
        "cp932",
        re.compile(rb"\x81[\x40-\xac]|\x82[\x9f-\xf1]|\x83[\x40-\x96]|[\x88-\x97][\x40-\xfc]"),
        re.compile(rb"[\x82\x83\x88-\x97]."),
    ),
    _DoubleByteSet(
        "euc_jp",
        re.compile(rb"\xa1.|\xa4[\xa1-\xf3]|\xa5[\xa1-\xf6]|[\xb0-\xcf]."),
        re.compile(rb"[\xa4\xa5]."),
    ),
    _DoubleByteSet("cp949", re.compile(rb"\xa1.|[\xb0-\xc8][\xa1-\xfe]"), re.compile(rb"[\xb0-\xc8].")),
    _DoubleByteSet("gbk", re.compile(rb"[\xa1\xa3].|[\xb0-\xd7][\xa1-\xfe]"), re.compile(rb"[\xb0-\xd7].")),
    _DoubleByteSet("cp950", re.compile(rb"\xa1.|[\xa4-\xc6]."), re.compile(rb"[\xa4-\xc6].")),
)


def decode_texts(raw_texts: Sequence[bytes]) -> list[str]:
    """Decode texts that are said to be Latin-1.

    Args:
        raw_texts: All such texts of one file, which share an encoding.

    Returns:
        The texts, in the order of `raw_texts`: as UTF-8 if they are valid UTF-8; in the encoding that they
        most likely have, if they cannot be Western; else as Windows-1252, the Latin-1 of Windows. Bytes
        without a meaning become U+FFFD; half a character at the end, where ID3v1 cuts a text, is dropped.
    """
    foreign = [raw for raw in raw_texts if not raw.isascii()]
    encoding = _detect_encoding(foreign) if foreign else "ascii"
    return [raw.decode("ascii") if raw.isascii() else _decode(raw, encoding) for raw in raw_texts]


def _detect_encoding(raw_texts: Sequence[bytes]) -> str:
    if _is_utf8(raw_texts):
        return "utf-8"
    western = "\n".join(_decode(raw, "cp1252") for raw in raw_texts)
    strange = sum(len(run) for run in _STRANGE.findall(western))
    if strange >= 2:
        share = strange / sum(char > "\x7f" for char in western)
        scores = [(_score_alphabet(raw_texts, alphabet), alphabet.codec) for alphabet in _ALPHABETS]
        best, codec = max(scores, key=lambda scored: scored[0])
        if best >= 0.5 and share >= 0.5:
            return codec
        scores = [(_score_double_bytes(raw_texts, one), one.codec) for one in _DOUBLE_BYTE_SETS]
        best, codec = max(scores, key=lambda scored: scored[0])
        if best >= (0.8 if share >= 0.5 else 0.95):
            return codec
    return "cp1250" if _POLISH.search(western) or _CZECH.search(western) else "cp1252"


def _is_utf8(raw_texts: Sequence[bytes]) -> bool:
    try:
        whole = [_decode_whole(raw, "utf-8") for raw in raw_texts]
    except UnicodeDecodeError:
        return False
    return not all(_CAPITAL_THEN_SIGN.sub(b"", text.encode()).isascii() for text in whole)


def _score_alphabet(raw_texts: Sequence[bytes], alphabet: _Alphabet) -> float:
    """Return how frequent the letters are, less what speaks against it; 0 if the texts cannot be that."""
    try:
        text = "\n".join(raw.decode(alphabet.codec) for raw in raw_texts)
    except UnicodeDecodeError:
        return 0.0
    other = [char for char in text if char > "\x7f" and char not in _PUNCTUATION]
    ranks = [alphabet.letters.index(char) for char in text.lower() if char in alphabet.letters]
    if len(ranks) < max(4, len(other)) or any(_MIXED_BYTES.search(raw) for raw in raw_texts):
        return 0.0
    breaks = len(_BREAK.findall(text)) + sum(a.islower() and b.isupper() for a, b in pairwise(text))
    capitals = all(char.isupper() for char in other)
    return 1 - sum(ranks) / len(ranks) / 30 - 2 * breaks / len(ranks) - (0.1 if capitals else 0.0)


def _score_double_bytes(raw_texts: Sequence[bytes], encoding: _DoubleByteSet) -> float:
    """Return the share of frequent characters, less what speaks against it; 0 if the texts cannot be that."""
    try:
        text = "\n".join(_decode_whole(raw, encoding.codec) for raw in raw_texts)
    except UnicodeDecodeError:
        return 0.0
    pairs = [char.encode(encoding.codec) for char in text if char > "\x7f"]
    if len(pairs) < 3 or not any(encoding.proof.fullmatch(pair) for pair in pairs):
        return 0.0
    mixed = len(_MIXED.findall(text))
    return (sum(encoding.frequent.fullmatch(pair) is not None for pair in pairs) - mixed) / len(pairs)


def _decode_whole(raw: bytes, codec: str) -> str:
    """Decode strictly, without half a character at the end."""
    return codecs.getincrementaldecoder(codec)().decode(raw)


def _decode(raw: bytes, codec: str) -> str:
    try:
        return _decode_whole(raw, codec)
    except UnicodeDecodeError:
        return raw.decode("cp1252", "replace")
