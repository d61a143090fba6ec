"""The page at /: drop a recording, read who said what. Its modules are served as they lie here."""

from fastapi import APIRouter, Response
from fastapi.responses import FileResponse, HTMLResponse
from starlette.exceptions import HTTPException

from app.api.dependencies import ServicesDep
from app.api.routes.docs import HEADERS, STATIC
from app.api.service_facts import as_markup, service_facts

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; media-src blob:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'"
)
"""Nothing from elsewhere, no text that becomes markup, and no other site that shows the page as its own."""

PAGE_HEADERS = {
    **HEADERS,
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "Permissions-Policy": "microphone=(self), camera=()",
    "Cross-Origin-Opener-Policy": "same-origin",
}

_FACTS = '<script type="application/json" id="service">'
_PAGE = (STATIC / "page" / "index.html").read_text(encoding="utf-8")
_BEFORE, _FOUND, _AFTER = _PAGE.partition(_FACTS + "{}")
assert _FOUND, "the page has no place for the facts of the service"

router = APIRouter(include_in_schema=False)


@router.get("/")
async def page(services: ServicesDep) -> Response:
    """Return the page, with what it has to know of this service."""
    facts = as_markup(service_facts(services))
    return HTMLResponse(f"{_BEFORE}{_FACTS}{facts}{_AFTER}", headers=PAGE_HEADERS)


@router.get("/meeting.flac")
async def sample(services: ServicesDep) -> Response:
    """Return the recording that the page offers to try the service with."""
    path = services.catalogue.sample
    if path is None:
        raise HTTPException(404, "the default model has no sample")
    return FileResponse(path, headers=HEADERS)
