"""Finds misspelt settings: names in the environment and in .env that are close to one."""

from collections.abc import Iterable, Iterator
from difflib import get_close_matches

_MIN_SIMILARITY = 0.85
"""difflib's ratio from which a variable counts as a misspelt setting."""
_MIN_SIMILARITY_IN_FILE = 0.6
"""The same in .env, where every name is meant to be a setting."""
_PREFIXES_OF_OTHERS = (
    *("COMPOSE_", "DOCKER_", "CUDA_", "NVIDIA_", "HF_HUB_", "HF_HOME", "HF_XET_", "TORCH", "PYTORCH_"),
    *("PYTHON", "OMP_", "GOMP_", "KMP_", "MKL_", "ONEDNN_", "CT2_", "LD_", "MALLOC_", "LC_", "SSL_"),
)  # fmt: skip
"""How names begin that other programs read."""
_NAMES_OF_OTHERS = frozenset(
    {
        *("ASR_IMAGE", "TORCH_INDEX", "HOSTNAME", "HOME", "LANG", "PATH", "TZ", "TMPDIR", "TEMPDIR", "USER"),
        *("UID", "GID", "PUID", "PGID", "UMASK", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY"),
        *("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"),
    }
)


def misspelt_variables(names: Iterable[str], settings: Iterable[str]) -> Iterator[str]:
    """Yield a sentence for each variable of the environment that is almost a setting.

    Anything may stand in an environment, so nothing is said of names that are less alike.
    """
    known = [name.upper() for name in settings]
    for name in _unknown(names, known):
        for nearest in get_close_matches(name.upper(), known, n=1, cutoff=_MIN_SIMILARITY):
            yield f"the variable {name} is no setting and does nothing; did you mean {nearest}?"


def misspelt_lines(names: Iterable[str], settings: Iterable[str]) -> Iterator[str]:
    """Yield a sentence for each name of a .env file that is no setting and not known from other programs."""
    known = [name.upper() for name in settings]
    for name in _unknown(names, known):
        nearest = get_close_matches(name.upper(), known, n=1, cutoff=_MIN_SIMILARITY_IN_FILE)
        hint = f"; did you mean {nearest[0]}?" if nearest else ""
        yield f"{name} in .env is no setting and does nothing{hint}"


def _unknown(names: Iterable[str], known: Iterable[str]) -> Iterator[str]:
    """Yield the names that are neither settings nor known from elsewhere; case does not matter."""
    ours = set(known)
    for name in names:
        upper = name.upper()
        if upper not in ours and upper not in _NAMES_OF_OTHERS and not upper.startswith(_PREFIXES_OF_OTHERS):
            yield name
