"""Imports, once imported, all that a service needs for a request; what tests/forked.py forks stands here."""

import os

_BEFORE = dict(os.environ)

from app.engines.platform.library_import import import_engine_libraries  # noqa: E402
from app.serving import serve  # noqa: E402

import_engine_libraries()

ENVIRONMENT = {name: value for name, value in os.environ.items() if _BEFORE.get(name) != value}
"""What the imports have set, for the libraries or to keep them quiet."""
__all__ = ["ENVIRONMENT", "serve"]
