"""The words that fill the sentences' slots, English beside German."""

from dataclasses import dataclass

NAMES = ("Anna", "Peter", "Maria", "Thomas", "Julia", "David", "Sarah", "Martin", "Laura", "Daniel")

# Spellings that sound the same: the usual one is written unless a prompt holds the other one.
OTHER_SPELLINGS = {
    "Sarah": "Sara",
    "Thomas": "Tomas",
    "Anna": "Ana",
    "Laura": "Lora",
    "Martin": "Martyn",
    "Julia": "Giulia",
}


@dataclass(frozen=True, slots=True)
class Term:
    """One English word with its German one; for nouns the German forms carry their article."""

    english: str
    nominative: str
    accusative: str = ""
    dative: str = ""

    def __format__(self, form: str) -> str:
        """`{topic}` is the English word; `:de`, `:acc` and `:dat` are the German forms."""
        forms = {"": self.english, "de": self.nominative, "acc": self.accusative, "dat": self.dative}
        return forms[form]


def _terms(*pairs: tuple[str, str]) -> tuple[Term, ...]:
    return tuple(Term(english, german) for english, german in pairs)


def _nouns(article: str, accusative: str, dative: str, *pairs: tuple[str, str]) -> tuple[Term, ...]:
    return tuple(
        Term(english, f"{article} {german}", f"{accusative} {german}", f"{dative} {german}")
        for english, german in pairs
    )


DAYS = _terms(
    ("Monday", "Montag"),
    ("Tuesday", "Dienstag"),
    ("Wednesday", "Mittwoch"),
    ("Thursday", "Donnerstag"),
    ("Friday", "Freitag"),
    ("Saturday", "Samstag"),
    ("Sunday", "Sonntag"),
)
NUMBERS = _terms(
    ("two", "zwei"),
    ("three", "drei"),
    ("four", "vier"),
    ("five", "fünf"),
    ("six", "sechs"),
    ("seven", "sieben"),
    ("eight", "acht"),
    ("nine", "neun"),
    ("ten", "zehn"),
    ("twelve", "zwölf"),
    ("twenty", "zwanzig"),
)
TOPICS = (
    *_nouns("das", "das", "dem", ("budget", "Budget"), ("project", "Projekt"), ("product", "Produkt")),
    *_nouns("das", "das", "dem", ("design", "Design"), ("office", "Büro"), ("update", "Update")),
    *_nouns("der", "den", "dem", ("report", "Bericht"), ("schedule", "Zeitplan"), ("contract", "Vertrag")),
    *_nouns("der", "den", "dem", ("server", "Server"), ("market", "Markt")),
    Term("customer", "der Kunde", "den Kunden", "dem Kunden"),
    *_nouns("die", "die", "der", ("website", "Webseite"), ("training", "Schulung"), ("invoice", "Rechnung")),
    *_nouns("die", "die", "der", ("database", "Datenbank")),
)
QUALITIES = _terms(
    ("good", "gut"),
    ("new", "neu"),
    ("important", "wichtig"),
    ("difficult", "schwierig"),
    ("ready", "fertig"),
    ("expensive", "teuer"),
    ("clear", "klar"),
    ("slow", "langsam"),
    ("simple", "einfach"),
    ("wrong", "falsch"),
)
PLACES = _terms(
    ("Berlin", "Berlin"),
    ("London", "London"),
    ("Paris", "Paris"),
    ("Munich", "München"),
    ("Vienna", "Wien"),
    ("Hamburg", "Hamburg"),
)
TIMES = _terms(
    ("today", "heute"),
    ("tomorrow", "morgen"),
    ("this morning", "heute Vormittag"),
    ("next week", "nächste Woche"),
    ("this afternoon", "heute Nachmittag"),
    ("next month", "nächsten Monat"),
)
