"""The files that the pages at / and /docs name: asked for anew each time, and sent anew when they changed."""

from typing import Any

from fastapi import FastAPI, Response
from starlette.staticfiles import StaticFiles

from app.api.routes.docs import HEADERS, STATIC


def mount_assets(app: FastAPI) -> None:
    """Serve the files of both pages below the addresses by which these name them."""
    app.mount("/page", _Assets(directory=STATIC / "page"), name="page")
    app.mount("/static", _Assets(directory=STATIC), name="static")


class _Assets(StaticFiles):
    """Sends files with the headers of a page: one that is opened alone is no less protected."""

    def file_response(self, *args: Any, **kwargs: Any) -> Response:
        """Return the answer for one file, or that it has not changed."""
        response = super().file_response(*args, **kwargs)
        response.headers.update(HEADERS)
        return response
