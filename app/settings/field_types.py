"""How one setting's text is read: lists, choices, switches and addresses, as people write them.

Messages never repeat a value that may hold a secret.
"""

import ipaddress
import re
from collections.abc import Sequence
from typing import Annotated
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr
from pydantic_settings import NoDecode

from app.options.fields import read_choice

_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*")
_HOST = re.compile(r"[a-z0-9._-]+|\[[0-9a-f:.]+\]")
_DEFAULT_PORTS = {"http": 80, "https": 443}


def split_list(value: object) -> object:
    """Return the entries of a comma-separated text without blanks and empty ones; other values as they are.

    >>> split_list(" en, de,")
    ('en', 'de')
    """
    if not isinstance(value, str):
        return value
    return tuple(filter(None, (part.strip() for part in value.split(","))))


def _read_keys(keys: object) -> object:
    found = split_list(keys)
    if isinstance(keys, str) and not found:
        raise ValueError("is set but holds no key; write a key, or leave the name out to let everybody in")
    return found


def _proxy(entry: str) -> str:
    if entry == "*":
        return entry
    try:
        ipaddress.ip_network(entry)
    except ValueError:
        raise ValueError(
            f"{entry!r} is neither an IP address nor a network such as 10.0.0.0/8; use these, or *"
        ) from None
    return entry


def _proxies(entries: Sequence[str]) -> tuple[str, ...]:
    checked = tuple(map(_proxy, entries))
    return ("*",) if "*" in checked else checked


def _origin(entry: str) -> str:
    """Return a web origin as a browser writes it: lower case, no slash at the end, no default port."""
    if entry in ("*", "null"):
        return entry
    try:
        parts = urlsplit(entry.lower())
        port = parts.port
    except ValueError:
        raise ValueError(_ORIGIN_EXPLAINED) from None
    if not _is_origin(parts):
        raise ValueError(_ORIGIN_EXPLAINED)
    host = parts.netloc.removesuffix(f":{port}") if port is not None else parts.netloc.removesuffix(":")
    usual = port is None or port == _DEFAULT_PORTS.get(parts.scheme)
    return f"{parts.scheme}://{host}" + ("" if usual else f":{port}")


_ORIGIN_EXPLAINED = "an entry is no web origin; write scheme://host or scheme://host:port, without path, or *"


def _is_origin(parts: SplitResult) -> bool:
    host = re.sub(r":\d*$", "", parts.netloc)
    bare = parts.path in ("", "/") and not parts.query and not parts.fragment
    return bare and bool(_SCHEME.fullmatch(parts.scheme)) and bool(_HOST.fullmatch(host))


def _origins(entries: Sequence[str]) -> tuple[str, ...]:
    return tuple(map(_origin, entries))


def _hub_address(address: str) -> str:
    """Return the address of a hub as it is; raise ValueError, without its password, if it names no host."""
    try:
        parts = urlsplit(address)
        fits = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        fits = False
    if not fits:
        raise ValueError("is no web address; write it as https://host or http://host:port")
    return address


Auto = BeforeValidator(lambda value: None if read_choice(value) == "auto" else value)
"""Makes auto another word for unset."""
Choice = BeforeValidator(read_choice)
"""Makes one of several words readable in any case."""
CommaList = Annotated[tuple[str, ...], NoDecode, BeforeValidator(split_list)]
"""Written as text with commas."""
Keys = Annotated[tuple[SecretStr, ...], NoDecode, BeforeValidator(_read_keys)]
"""Keys, separated by commas; what is set must hold at least one."""
Proxies = Annotated[tuple[str, ...], NoDecode, BeforeValidator(split_list), AfterValidator(_proxies)]
"""IP addresses and networks; one * stands for all."""
Origins = Annotated[tuple[str, ...], NoDecode, BeforeValidator(split_list), AfterValidator(_origins)]
"""Web origins in the form in which browsers send them."""
HubAddress = Annotated[str, AfterValidator(_hub_address)]
"""An http or https address."""
Timeout = Annotated[float, Field(gt=0, le=10_000_000)]
"""Seconds; the bound, some 115 days, keeps clear of what clocks and waiting threads can count."""
Period = Annotated[float, Field(ge=0, le=10_000_000)]
"""Seconds, with a meaning of its own for 0."""
