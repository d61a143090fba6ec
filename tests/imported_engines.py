"""Imports, once imported, all that a service needs for a request; what tests/forked.py forks stands here."""

import os

_KEPT = ("PATH", "HOME", "OMP_NUM_THREADS")

# As in a fresh process: what the tests' own process has imported has set variables there, too.
for _name in set(os.environ) - set(_KEPT):
    del os.environ[_name]

from app.engines.platform.library_import import import_engine_libraries  # noqa: E402
from app.serving import serve  # noqa: E402

import_engine_libraries()

ENVIRONMENT = {name: value for name, value in os.environ.items() if name not in _KEPT}
"""What the imports have set, for the libraries or to keep them quiet."""
__all__ = ["ENVIRONMENT", "serve"]
