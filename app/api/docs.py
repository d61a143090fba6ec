"""The interactive page at /docs, served from files of this package: nothing is loaded from another host."""

from pathlib import Path

from fastapi import APIRouter, FastAPI
from fastapi.responses import HTMLResponse, RedirectResponse
from starlette.staticfiles import StaticFiles

STATIC = Path(__file__).parent / "static"

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""Makes the browser itself refuse whatever does not come from this service."""

HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}


def install_docs(app: FastAPI) -> None:
    """Serve the page, its assets and the way to it from /.

    The page is read once: its answer waits for no thread, however many uploads keep those busy.
    """
    page = (STATIC / "docs.html").read_text(encoding="utf-8")
    router = APIRouter(include_in_schema=False)

    @router.get("/")
    async def to_docs() -> RedirectResponse:
        """Lead a person who opens the address of the service to its page."""
        return RedirectResponse("./docs")

    @router.get("/docs")
    async def docs() -> HTMLResponse:
        """Return the page."""
        return HTMLResponse(page, headers=HEADERS)

    app.include_router(router)
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
