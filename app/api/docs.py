"""The interactive page at /docs, served from files of this package: nothing is loaded from another host."""

from pathlib import Path

from fastapi import APIRouter, FastAPI
from fastapi.responses import FileResponse, RedirectResponse
from starlette.staticfiles import StaticFiles

STATIC = Path(__file__).parent / "static"

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""Makes the browser itself refuse whatever does not come from this service."""

router = APIRouter(include_in_schema=False)


def install_docs(app: FastAPI) -> None:
    """Serve the page, its assets and the way to it from /."""
    app.include_router(router)
    app.mount("/static", StaticFiles(directory=STATIC), name="static")


@router.get("/")
async def to_docs() -> RedirectResponse:
    """Lead a person who opens the address of the service to its page."""
    return RedirectResponse("./docs")


@router.get("/docs")
async def docs() -> FileResponse:
    """Return the page."""
    headers = {
        "Content-Security-Policy": CONTENT_SECURITY_POLICY,
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "no-cache",
    }
    return FileResponse(STATIC / "docs.html", media_type="text/html; charset=utf-8", headers=headers)
