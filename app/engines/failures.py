"""What an engine's own exceptions become when they leave the engine."""

from collections.abc import Iterator
from contextlib import contextmanager

from app.engines.lending.memory_policy import is_out_of_memory
from app.errors import AsrError, EngineFailed


@contextmanager
def translated(stage: str) -> Iterator[None]:
    """Turn what breaks inside into EngineFailed(`stage`); ours and out-of-memory pass as they are.

    Out of memory stays raw because the caller may try again with a smaller batch.

    Raises:
        EngineFailed: anything unforeseen, with its cause chained.
    """
    try:
        yield
    except AsrError:
        raise
    except Exception as error:
        if is_out_of_memory(error):
            raise
        raise EngineFailed(stage) from error
