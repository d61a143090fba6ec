"""Makes the compose file of a release out of the one in the repository."""

import re

_IMAGE = re.compile(r"^(  image: \$\{ASR_IMAGE:-)[^}]*\}$", re.MULTILINE)
_BUILD = re.compile(r"^  build:\n(?:    .*\n)+", re.MULTILINE)
_HEAD = re.compile(r"\A(?:#.*\n)+")

_NEW_HEAD = """\
# Alone, without a clone: settings come from the environment or from a file .env beside this one.
#   docker compose --profile gpu up -d
#   docker compose --profile cpu up -d       without a GPU
"""


def compose_file(compose: str, image: str) -> str:
    """Return `compose` so that it runs `image`, unless ASR_IMAGE names another one, and builds nothing.

    Raises:
        ValueError: `compose` is not of the form that is expected, or `image` is no name of an image.
    """
    if not re.fullmatch(r"[a-z0-9][a-z0-9._:/-]*", image):
        raise ValueError(f"{image!r} is no name of an image: lower case, as in owner/name:1.0.0")
    for pattern, replacement in ((_IMAGE, rf"\g<1>{image}}}"), (_BUILD, ""), (_HEAD, _NEW_HEAD)):
        compose, count = pattern.subn(replacement, compose)
        if count != 1:
            raise ValueError(
                "docker-compose.yml has changed its form: bring tools/release/compose up to date"
            )
    return compose
