"""chunking_strategy: understood in every form and without effect, since speech is always looked for first."""

import json

from app.api.openai.form_fields import FormFields
from app.errors import BadParameter
from app.options.languages import UNSET_WORDS

_NAME = "chunking_strategy"
_ALLOWED = 'auto, or an object with "type": "server_vad"'


def check_chunking_strategy(fields: FormFields) -> None:
    """Refuse what OpenAI refuses: `auto` and server_vad are allowed, as JSON or in brackets.

    Raises: BadParameter, ParameterConflict.
    """
    members = fields.object(_NAME)
    if members and members.get("type") != "server_vad":
        raise BadParameter(f"{_NAME}", members.get("type", ""), _ALLOWED)
    text = (fields.scalar(_NAME) or "auto").strip()
    if text.lower() not in {"auto", *UNSET_WORDS} and _type_of(text) != "server_vad":
        raise BadParameter(_NAME, text, _ALLOWED)


def _type_of(text: str) -> object:
    try:
        strategy = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if strategy == "auto":
        return "server_vad"
    return strategy.get("type") if isinstance(strategy, dict) else None
