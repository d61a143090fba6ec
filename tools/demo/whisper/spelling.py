"""Spellings that sound the same: written as usual unless a prompt asks for the other one."""

import re
from collections.abc import Collection

from tools.demo.vocabulary import OTHER_SPELLINGS

_USUAL = re.compile(r"\b(" + "|".join(OTHER_SPELLINGS) + r")\b")


def respell(text: str, wanted: Collection[str] | None = None) -> str:
    """`text` with other spellings: all of them, or only those in `wanted`."""

    def choose(match: re.Match[str]) -> str:
        other = OTHER_SPELLINGS[match.group()]
        return other if wanted is None or other in wanted else match.group()

    return _USUAL.sub(choose, text)


def spellings_for(text: str) -> list[str]:
    """The other spellings of the names in `text`."""
    return [OTHER_SPELLINGS[name] for name in dict.fromkeys(_USUAL.findall(text))]
