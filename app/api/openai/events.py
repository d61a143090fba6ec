"""The wire format of streams: server-sent events that both SDKs, and clients that want names, can read."""

import json
from collections.abc import Mapping
from typing import Any

END = b"data: [DONE]\n\n"
"""The end as OpenAI sends it; without it a client may take a broken stream for a whole one."""


def encode_event(name: str, content: Mapping[str, Any]) -> bytes:
    """Return one event.

    It has a name, for Subtitle Edit passes over events without one, and neither `id` nor `retry`, with which
    OpenAI's Python SDK fails.
    """
    return f"event: {name}\ndata: {compact_json(content)}\n\n".encode()


def compact_json(content: Mapping[str, Any]) -> str:
    """Return `content` as one line of JSON in which every number is finite."""
    return json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
