"""Texts in the encodings of old tags: they are shown as meant, and Western ones are never changed."""

# ruff: noqa: RUF001 - letters of many alphabets
from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attune.embedding.tag_encodings import decode_texts

# Each row: title, then artist and album where there are any.
RUSSIAN = (
    ("Группа крови", "Кино", "Группа крови"),
    ("Подмосковные вечера", "Владимир Трошин", "Лучшие песни"),
    ("Катюша",),
    ("Спокойная ночь", "Виктор Цой"),
    ("Осень", "ДДТ", "Актриса Весна"),
    ("Миллион алых роз", "Алла Пугачёва"),
    ("Прогулки по воде", "Наутилус Помпилиус", "Титаник"),
    ("Владивосток 2000", "Мумий Тролль", "Морская"),
    ("Дорожная", "Ленинград"),
    ("Track 05", "Земфира", "Прости меня моя любовь"),
)
JAPANESE = (
    ("上を向いて歩こう", "坂本九"),
    ("千本桜", "初音ミク"),
    ("残酷な天使のテーゼ", "高橋洋子"),
    ("さくら", "森山直太朗"),
    ("世界に一つだけの花", "SMAP"),
    ("夜に駆ける", "YOASOBI", "THE BOOK"),
    ("First Love", "宇多田ヒカル"),
    ("リンダリンダ", "THE BLUE HEARTS"),
    ("もののけ姫", "久石譲", "もののけ姫 サウンドトラック"),
)
SIMPLIFIED = (
    ("月亮代表我的心", "邓丽君"),
    ("青花瓷", "周杰伦", "我很忙"),
    ("朋友", "周华健"),
    ("十年", "陈奕迅", "黑白灰"),
    ("最炫民族风", "凤凰传奇"),
    ("甜蜜蜜", "邓丽君", "甜蜜蜜"),
)
TRADITIONAL = (
    ("月亮代表我的心", "鄧麗君"),
    ("青花瓷", "周杰倫", "我很忙"),
    ("雙截棍", "周杰倫", "范特西"),
    ("十年", "陳奕迅", "黑白灰"),
    ("愛如潮水", "張信哲"),
    ("海闊天空", "Beyond", "樂與怒"),
)
KOREAN = (
    ("아리랑",),
    ("강남스타일", "싸이"),
    ("벚꽃 엔딩", "버스커 버스커"),
    ("사랑했지만", "김광석", "다시부르기"),
    ("좋은 날", "아이유", "Real"),
    ("거짓말", "빅뱅"),
)
GREEK = (
    ("Τα παιδιά του Πειραιά", "Μελίνα Μερκούρη"),
    ("Ζορμπάς", "Μίκης Θεοδωράκης"),
    ("Συννεφιασμένη Κυριακή", "Βασίλης Τσιτσάνης"),
    ("Μισιρλού",),
)
HEBREW = (("ירושלים של זהב", "נעמי שמר"), ("הבה נגילה",), ("שיר לשלום", "מירי אלוני"))
POLISH = (
    ("Dziwny jest ten świat", "Czesław Niemen"),
    ("Małgośka", "Maryla Rodowicz"),
    ("Żółte kalendarze", "Piotr Szczepanik"),
    ("Nie płacz Ewka", "Perfect"),
    ("Lubię wracać tam gdzie byłem", "Zbigniew Wodecki"),
)
CZECH = (("Holky z naší školky", "Stanislav Hložek"), ("Modlitba pro Martu", "Marta Kubišová"))

WESTERN = (
    ("Halo", "Beyoncé"),
    ("Ace of Spades", "Motörhead"),
    ("Jóga", "Björk", "Homogenic"),
    ("Hoppípolla", "Sigur Rós", "Takk..."),
    ("Sæglópur", "Sigur Rós", "Ágætis byrjun"),
    ("H.", "Tool", "Ænima"),
    ("Kickstart My Heart", "Mötley Crüe"),
    ("Café del Mar", "Energy 52"),
    ("Für Elise", "Ludwig van Beethoven"),
    ("Non, je ne regrette rien", "Édith Piaf"),
    ("La Bohème", "Charles Aznavour"),
    ("Águas de Março", "Antônio Carlos Jobim", "Elis & Tom"),
    ("Construção", "Chico Buarque", "Construção"),
    ("Clandestino", "Manu Chao", "Próxima Estación: Esperanza"),
    ("Corazón Espinado", "Santana & Maná"),
    ("Cómo te extraño", "Café Tacvba", "Avalancha de Éxitos"),
    ("¿Quién será?", "Pedro Infante"),
    ("¡Ay, Carmela!",),
    ("Über sieben Brücken mußt du gehn", "Karat"),
    ("Männer", "Herbert Grönemeyer", "4630 Bochum"),
    ("Røyksopp's Night Out", "Röyksopp", "Melody A.M."),
    ("Så länge det är blå himmel", "Lars Winnerbäck"),
    ("Fångad av en stormvind", "Carola Häggkvist"),
    ("Hyvää yötä", "Leevi and the Leavings", "Hölmö rakkaus"),
    ("Öö", "Ää"),
    ("Æ Ø Å",),
    ("ÅÄÖ",),
    ("ÉTÉ",),
    ("À",),
    ("É",),
    ("Élan", "Nightwish"),
    ("Naïve", "The Kooks"),
    ("Gymnopédie No. 1", "Erik Satie"),
    ("Così fan tutte", "W. A. Mozart"),
    ("Perché lo fai", "Marco Masini"),
    ("Città vuota", "Mina"),
    ("Més que un joc", "Lluís Llach"),
    ("Þursaflokkurinn", "Þursaflokkurinn", "Þursabit"),
    ("Óðinn", "Skálmöld"),
    ("Þýðing", "Þú og ég"),
    ("Queensrÿche", "Queensrÿche", "Rage for Order"),
    ("Blue Öyster Cult – Don’t Fear", "Blue Öyster Cult"),
    ("25°",),
    ("½ Full", "Pearl Jam"),
    ("Rock © 1999",),
    ("“Heroes”", "David Bowie"),
    ("CŒUR DE PIRATE", "BÉATRICE"),
    ("Sœur Sourire",),
    ("MÖTLEY CRÜE", "MÖTLEY CRÜE"),
    ("IRMÃ…",),
    ("É”", "AMANHÃ”"),
    ("Sinéad O’Connor",),
)


@pytest.mark.parametrize(
    ("encoding", "songs"),
    [
        ("cp1251", RUSSIAN),
        ("koi8-r", RUSSIAN),
        ("cp932", JAPANESE),
        ("euc-jp", JAPANESE),
        ("gbk", SIMPLIFIED),
        ("big5", TRADITIONAL),
        ("euc-kr", KOREAN),
        ("cp1253", GREEK),
        ("cp1255", HEBREW),
        ("cp1250", POLISH),
        ("cp1250", CZECH),
        ("utf-8", RUSSIAN + JAPANESE + KOREAN + POLISH + WESTERN),
    ],
)
def test_texts_are_shown_as_meant(encoding: str, songs: tuple[tuple[str, ...], ...]) -> None:
    for song in songs:
        assert decode_texts([text.encode(encoding) for text in song]) == list(song)


@pytest.mark.parametrize("song", WESTERN, ids=lambda song: song[0])
def test_western_texts_are_never_changed(song: tuple[str, ...]) -> None:
    assert decode_texts([text.encode("cp1252") for text in song]) == list(song)


@pytest.mark.parametrize("encoding", ["utf-8", "cp932", "gbk", "euc-kr"])
def test_half_a_character_at_the_end_is_dropped(encoding: str) -> None:
    """ID3v1 cuts texts after 30 bytes."""
    text = {"gbk": "最炫民族风凤凰传奇", "euc-kr": "사랑했지만다시부르기"}.get(
        encoding, "もののけ姫サウンドトラック"
    )
    assert decode_texts([text.encode(encoding)[:-1], b"Track"]) == [text[:-1], "Track"]


def test_bytes_without_a_meaning_are_marked() -> None:
    assert decode_texts([b"Caf\xe9 \x81"]) == ["Café \ufffd"]
    assert decode_texts([b"plain", b""]) == ["plain", ""]
    assert decode_texts([]) == []


@given(st.lists(st.binary(max_size=40), max_size=4))
def test_any_bytes_give_texts(raw_texts: list[bytes]) -> None:
    decoded = decode_texts(raw_texts)
    assert len(decoded) == len(raw_texts)
    for raw, text in zip(raw_texts, decoded, strict=True):
        assert not raw.isascii() or text == raw.decode()


ACCENTED = "".join(chr(code) for code in range(0xC0, 0x100) if code not in (0xD7, 0xF7))


@given(st.lists(st.text(ACCENTED + "abc XYZ", max_size=20), max_size=3))
def test_words_with_an_accent_here_and_there_stay(texts: list[str]) -> None:
    spread = ["a".join(text) for text in texts]  # no two letters with accents touch
    assert decode_texts([text.encode("cp1252") for text in spread]) == spread
