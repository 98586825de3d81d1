"""Things that pictures show, and kinds of music, with words and sentences that ask for them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

LANGUAGES: Final = ("en", "de", "fr", "es")

# Parts of labels that do not tell what a picture shows, and the only part that tells how a song sounds.
_NO_CONTENT: Final = re.compile(
    r"\b(?:category|\w+_sd)=[^;]*|\b(?:animals|faces|landscapes|objects|people): |\bpainting:[^;]*"
)
_GENRES: Final = re.compile(r"genres=(.*?)(?:;\s*title=|$)")


@dataclass(frozen=True, slots=True)
class NamedThing:
    """A thing that can be asked for, and how labels name it.

    Attributes:
        name: Its name.
        pattern: Regular expression of the words, in lower case, by which a label names it.
        words: The word for it in each of `LANGUAGES`.
        sentences: A sentence that asks for it among other words in each of `LANGUAGES`; None: not asked.
    """

    name: str
    pattern: str
    words: tuple[str, str, str, str]
    sentences: tuple[str, str, str, str] | None = None

    def is_named(self, label: str) -> bool:
        """Return whether a label of a data set names it."""
        genres = _GENRES.search(label.lower())
        content = genres[1] if genres else _NO_CONTENT.sub(" ", label.lower())
        told = re.sub(r"[\d_]+", " ", content)
        return re.search(rf"\b(?:{self.pattern})\b", told) is not None


PICTURED: Final = (
    NamedThing(
        "sea",
        r"sea|ocean|seaside|beach|coast|surfer|surfing|waves?|dolphins?",
        ("sea", "Meer", "mer", "mar"),
        (
            "a calm evening by the sea",
            "ein ruhiger Abend am Meer",
            "une soirée calme au bord de la mer",
            "una tarde tranquila junto al mar",
        ),
    ),
    NamedThing(
        "dog",
        r"dogs?|puppy",
        ("dog", "Hund", "chien", "perro"),
        (
            "dogs playing on the grass",
            "spielende Hunde auf der Wiese",
            "des chiens qui jouent dans l'herbe",
            "perros jugando en la hierba",
        ),
    ),
    NamedThing(
        "cat",
        r"cats?|kitten",
        ("cat", "Katze", "chat", "gato"),
        (
            "a lazy cat in the warm sun",
            "eine faule Katze in der warmen Sonne",
            "un chat paresseux au soleil",
            "un gato perezoso al sol",
        ),
    ),
    NamedThing(
        "fire",
        r"fire|burning|fireman|lava|flames?|explosion|volcano",
        ("fire", "Feuer", "feu", "fuego"),
        (
            "fire in the dark night",
            "Feuer in der dunklen Nacht",
            "le feu dans la nuit noire",
            "fuego en la noche oscura",
        ),
    ),
    NamedThing(
        "crowd",
        r"crowd|parade|people|protest|party|audience|group|celebration|funeral|wedding|band|team|players",
        ("crowd", "Menschenmenge", "foule", "multitud"),
        None,
    ),
    NamedThing(
        "flower",
        r"flowers?|sunflower|rose|water lilies|tulips?|bouquet",
        ("flower", "Blume", "fleur", "flor"),
        (
            "colourful flowers for my love",
            "bunte Blumen für meine Liebste",
            "des fleurs colorées pour mon amour",
            "flores de colores para mi amor",
        ),
    ),
    NamedThing(
        "snow",
        r"snow|cold|ski|skier|skijump|winter|ice|sled|snowboard\w*|penguins?",
        ("snow", "Schnee", "neige", "nieve"),
        (
            "a cold winter day with snow",
            "ein kalter Wintertag mit Schnee",
            "une froide journée d'hiver avec de la neige",
            "un frío día de invierno con nieve",
        ),
    ),
    NamedThing(
        "car",
        r"cars?|truck|ambulance|automobile|traffic",
        ("car", "Auto", "voiture", "coche"),
        (
            "an old car on a lonely road",
            "ein altes Auto auf einer einsamen Straße",
            "une vieille voiture sur une route déserte",
            "un coche viejo en una carretera solitaria",
        ),
    ),
    NamedThing(
        "baby",
        r"baby|infant|newborn|babies",
        ("baby", "Baby", "bébé", "bebé"),
        (
            "a baby asleep in its bed",
            "ein Baby, das in seinem Bett schläft",
            "un bébé endormi dans son lit",
            "un bebé dormido en su cama",
        ),
    ),
    NamedThing(
        "child", r"child|children|kids?|boys?|girls?|baby|infant", ("child", "Kind", "enfant", "niño"), None
    ),
    NamedThing(
        "bird",
        r"birds?|crow|stork|ducks?|pelicans?|flamingo|swan|parrot|rooster|penguins?|eagle|hawk|owl|hummingbird|falcon|dove|pigeon|ostrich|raven",
        ("bird", "Vogel", "oiseau", "pájaro"),
        (
            "birds singing early in the morning",
            "Vögel, die früh am Morgen singen",
            "des oiseaux qui chantent au petit matin",
            "pájaros que cantan de madrugada",
        ),
    ),
    NamedThing(
        "food",
        r"food|dessert|meal|salad|pizza|soup|toast|eating|picnic|fruit\w*|pumpkin|cake|barbecue",
        ("food", "Essen", "nourriture", "comida"),
        (
            "good food with friends",
            "gutes Essen mit Freunden",
            "un bon repas entre amis",
            "buena comida con amigos",
        ),
    ),
    NamedThing(
        "forest",
        r"woods?|forest|trees?|bark|timber|jungle|pinecone",
        ("forest", "Wald", "forêt", "bosque"),
        (
            "a lonely walk through the forest",
            "ein einsamer Spaziergang durch den Wald",
            "une promenade solitaire dans la forêt",
            "un paseo solitario por el bosque",
        ),
    ),
    NamedThing(
        "mountain",
        r"mountains?|hill|climbing|climber|cliff\w*|volcano|rocks?|alp\w*",
        ("mountain", "Berg", "montagne", "montaña"),
        (
            "the silence of the high mountains",
            "die Stille der hohen Berge",
            "le silence des hautes montagnes",
            "el silencio de las altas montañas",
        ),
    ),
    NamedThing(
        "gun",
        r"guns?|weapons?|gunman|rifle|pistol|armed|shooting|shoot",
        ("gun", "Pistole", "pistolet", "pistola"),
        (
            "a man threatens us with a gun",
            "ein Mann bedroht uns mit einer Pistole",
            "un homme nous menace avec un pistolet",
            "un hombre nos amenaza con una pistola",
        ),
    ),
    NamedThing(
        "boat",
        r"boats?|sailboat|ship|sailing|canoe|kayak|rowing|submarine",
        ("boat", "Boot", "bateau", "barco"),
        (
            "a small boat drifts slowly on the water",
            "ein kleines Boot treibt langsam auf dem Wasser",
            "un petit bateau dérive lentement sur l'eau",
            "un barco pequeño flota lentamente en el agua",
        ),
    ),
    NamedThing(
        "snake",
        r"snakes?|cobra|viper|reptile",
        ("snake", "Schlange", "serpent", "serpiente"),
        (
            "a dangerous snake that frightens me",
            "eine gefährliche Schlange, die mir Angst macht",
            "un serpent dangereux qui me fait peur",
            "una serpiente peligrosa que me da miedo",
        ),
    ),
    NamedThing(
        "horse",
        r"horses?|riding|rider|jockey|zebra|pony",
        ("horse", "Pferd", "cheval", "caballo"),
        (
            "wild horses full of freedom",
            "wilde Pferde voller Freiheit",
            "des chevaux sauvages pleins de liberté",
            "caballos salvajes llenos de libertad",
        ),
    ),
    NamedThing(
        "city",
        r"city|buildings?|skyscrapers?|street|skyline|flats|houses?|town",
        ("city", "Stadt", "ville", "ciudad"),
        (
            "lights of the big city at night",
            "Lichter der großen Stadt bei Nacht",
            "les lumières de la grande ville la nuit",
            "las luces de la gran ciudad de noche",
        ),
    ),
    NamedThing(
        "garbage",
        r"garbage|trash|rubbish|waste|dirt|landfill",
        ("garbage", "Müll", "ordures", "basura"),
        (
            "disgusting garbage everywhere",
            "überall ekelhafter Müll",
            "des ordures dégoûtantes partout",
            "basura asquerosa por todas partes",
        ),
    ),
    NamedThing(
        "insect",
        r"insects?|bugs?|cockroach|mosquito|tick|ladybug|beetle|spider|bee|ant|butterfly|fly|wasp|scorpion",
        ("insect", "Insekt", "insecte", "insecto"),
        (
            "horrible insects crawling over the wall",
            "schreckliche Insekten, die über die Wand krabbeln",
            "d'horribles insectes qui rampent sur le mur",
            "insectos horribles que se arrastran por la pared",
        ),
    ),
    NamedThing("lake", r"lake|river|stream|waterfall|pond|water", ("lake", "See", "lac", "lago"), None),
    NamedThing(
        "monkey", r"monkeys?|gorr?il+a|orangutan|ape|chimp\w*", ("monkey", "Affe", "singe", "mono"), None
    ),
    NamedThing(
        "sky",
        r"sky|clouds?|rainbow|lightning|sunset|tornado|fireworks|sun|moon|hang gliding|skydiving|parachut\w+",
        ("sky", "Himmel", "ciel", "cielo"),
        None,
    ),
    NamedThing(
        "wedding",
        r"wedding|bride|groom|marriage",
        ("wedding", "Hochzeit", "mariage", "boda"),
        (
            "the happiest wedding of the year",
            "die fröhlichste Hochzeit des Jahres",
            "le mariage le plus heureux de l'année",
            "la boda más feliz del año",
        ),
    ),
    NamedThing(
        "sport",
        r"sports?|soccer|football|basketball|boxing|highjump|exercise|fitness|tennis|skateboarding|jogging|yoga|karate|gymnastics|athlete",
        ("sport", "Sport", "sport", "deporte"),
        None,
    ),
)
"""Things in pictures, each of which at least ten pictures of the labelled sets show."""

HEARD: Final = (
    NamedThing(
        "jazz",
        r"jazz",
        ("jazz", "Jazzmusik", "du jazz", "música de jazz"),
        (
            "slow jazz in a bar at night",
            "langsamer Jazz nachts in einer Bar",
            "un jazz lent dans un bar la nuit",
            "jazz lento en un bar de noche",
        ),
    ),
    NamedThing(
        "electronic",
        r"electronic",
        ("electronic music", "elektronische Musik", "musique électronique", "música electrónica"),
        (
            "techno beats to dance all night",
            "Techno, um die ganze Nacht zu tanzen",
            "de la techno pour danser toute la nuit",
            "techno para bailar toda la noche",
        ),
    ),
    NamedThing(
        "country",
        r"country",
        ("country music", "Country-Musik", "musique country", "música country"),
        (
            "a country song about lonely cowboys",
            "ein Country-Lied über einsame Cowboys",
            "une chanson country sur des cow-boys solitaires",
            "una canción country sobre vaqueros solitarios",
        ),
    ),
    NamedThing(
        "blues",
        r"blues",
        ("blues", "Blues", "du blues", "blues"),
        ("an old sad blues", "ein alter trauriger Blues", "un vieux blues triste", "un viejo blues triste"),
    ),
    NamedThing(
        "rap",
        r"rap",
        ("rap", "Rap", "du rap", "rap"),
        (
            "angry hip-hop from the street",
            "wütender Hip-Hop von der Straße",
            "du hip-hop en colère de la rue",
            "hip-hop furioso de la calle",
        ),
    ),
    NamedThing(
        "rock",
        r"pop/rock",
        ("rock", "Rockmusik", "du rock", "música rock"),
        (
            "loud rock with electric guitars",
            "lauter Rock mit elektrischen Gitarren",
            "du rock bruyant avec des guitares électriques",
            "rock ruidoso con guitarras eléctricas",
        ),
    ),
    NamedThing(
        "folk",
        r"folk",
        ("folk music", "Folkmusik", "musique folk", "música folk"),
        (
            "a quiet folk singer with a guitar",
            "ein ruhiger Folksänger mit Gitarre",
            "un chanteur folk calme avec une guitare",
            "un cantante de folk tranquilo con guitarra",
        ),
    ),
    NamedThing(
        "ambient",
        r"new age",
        ("ambient music", "Ambient-Musik", "musique ambient", "música ambient"),
        (
            "quiet ambient sounds to dream",
            "ruhige Ambient-Klänge zum Träumen",
            "des sons ambient calmes pour rêver",
            "sonidos ambient tranquilos para soñar",
        ),
    ),
    NamedThing(
        "soul",
        r"r&b",
        ("soul music", "Soulmusik", "musique soul", "música soul"),
        (
            "a warm soul singer",
            "eine warme Soulsängerin",
            "une chanteuse soul chaleureuse",
            "una cantante de soul cálida",
        ),
    ),
)
"""Kinds of music, named by genres."""

MOODS: Final = (
    "utterly hopeless",
    "light-hearted",
    "wistful",
    "somber",
    "furious",
    "serene",
    "jubilant",
    "anxious and restless",
    "deeply moved",
    "a bit down today",
    "everything is fine",
    "I miss you so much",
    "on top of the world",
    "heartbroken",
    "grumpy",
    "cosy and warm",
    "ganz verzweifelt",
    "unbeschwert",
    "wehmütig",
    "außer mir vor Wut",
    "gelassen",
    "mir ist alles zu viel",
    "ich vermisse dich",
    "geborgen",
    "désespéré",
    "insouciant",
    "furieux",
    "serein",
    "tu me manques",
    "j'ai le cafard",
    "au septième ciel",
    "desesperado",
    "despreocupado",
    "furioso",
    "sereno",
    "te echo de menos",
    "con el corazón roto",
    "en el séptimo cielo",
)
"""Sentences about moods that name no thing; nothing was chosen by them."""
