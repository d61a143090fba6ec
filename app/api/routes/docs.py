"""The interactive page at /docs, served from files of this package: nothing is loaded from another host."""

from pathlib import Path

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

STATIC = Path(__file__).parents[1] / "static"

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""Makes the browser itself refuse whatever does not come from this service."""

HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    # Not no-referrer: with that some browsers hide even from this service that its own page sent a form.
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-cache",
}


PAGE = (STATIC / "docs.html").read_text(encoding="utf-8")
"""Read once: its answer waits for no thread, however many uploads keep those busy."""

router = APIRouter(include_in_schema=False)


@router.get("/docs")
async def docs(request: Request) -> Response:
    """Return the page; it names its assets beside itself, so that /docs/ has to be left for /docs first."""
    asked = request.scope.get("raw_path", b"")
    slashes = len(asked) - len(asked.rstrip(b"/"))
    if slashes:
        return RedirectResponse("../" * slashes + "docs")
    return HTMLResponse(PAGE, headers=HEADERS)
