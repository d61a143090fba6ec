"""The suites of /asr for limits, stalls, fairness and leaving, behind what stands before a replica.

That is Ray's middleware with ours, and the server that Ray has installed. Whole cells cannot run these
suites: they hold engines at a gate inside their own process. The other files here are about whole cells.
"""

from collections.abc import Iterator

import pytest
from starlette.types import ASGIApp, Receive, Scope, Send

from tests.api import test_intake_leaving, test_intake_upload
from tests.wire import DOOR

pytest.importorskip("ray", reason="Ray is missing: make cluster-test installs it")

pytestmark = pytest.mark.filterwarnings("ignore:Using extra keyword arguments:DeprecationWarning")
"""Ray's own, when it is imported."""


def before_a_replica(app: ASGIApp) -> ASGIApp:
    """Return `app` with what Ray and app.cluster put before it."""
    from ray.serve._private.http_util import _apply_middlewares

    from app.cluster import middlewares

    wrapped = _apply_middlewares(app, middlewares())

    async def whole(scope: Scope, receive: Receive, send: Send) -> None:
        await (app if scope["type"] == "lifespan" else wrapped)(scope, receive, send)

    return whole


@pytest.fixture(autouse=True, scope="module")
def as_in_a_cell() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DOOR, "before", before_a_replica)
        yield


def _adopt() -> None:
    """Make the tests and fixtures of the suites those of this module."""
    for suite in (test_intake_upload, test_intake_leaving):
        for name, thing in vars(suite).items():
            is_test = name.startswith("test_") and callable(thing)
            if is_test or name in ("wire", "slow_lane", "nothing_is_left"):
                globals()[name] = thing


_adopt()


def test_the_server_is_the_one_of_a_replica() -> None:
    import httptools

    assert httptools.HttpRequestParser
