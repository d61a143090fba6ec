"""The page for everybody: rules that a program can check, small windows, long words, the system's colours."""

import io
import json
import re
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.browser.chromium import Page
from tests.browser.person import Person
from tests.browser.scripted_service import ScriptedService
from tests.browser.test_page_opening import PAGE
from tests.service import Service
from tools.vendor import NotToBeHad, packages, present

pytestmark = pytest.mark.browser

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


@pytest.fixture(scope="module")
def axe() -> str:
    """The source of axe-core, in the locked version."""
    package = packages()["axe-core"]
    try:
        return (present(package) / "axe.min.js").read_text(encoding="utf-8")
    except NotToBeHad as exc:
        pytest.skip(f"accessibility is not checked: {exc}")


def faults(tab: Page, axe: str) -> list[str]:
    """Return what breaks a rule, as the rule's name and the first element."""
    if not tab.evaluate("'axe' in window"):
        tab.evaluate(axe + "; 0")
    wanted = json.dumps({"runOnly": RULES, "resultTypes": ["violations"]})
    found = tab.evaluate(
        f"axe.run(document, {wanted}).then(r => r.violations.map(v => v.id + ': ' + v.nodes.map(n => "
        f"n.html.slice(0, 160) "
        "+ ' ' + n.any.concat(n.all, n.none).map(c => c.message)[0]).slice(0, 3).join(' | ')))"
    )
    return [str(each) for each in found]


@pytest.fixture(params=["light", "dark"])
def scheme(request: pytest.FixtureRequest, tab: Page) -> str:
    tab.prefer(prefers_color_scheme=request.param, prefers_reduced_motion="reduce")
    return str(request.param)


@pytest.mark.usefixtures("scheme")
def test_28_the_empty_page_breaks_no_rule(person: Person, tab: Page, live_service: Service, axe: str) -> None:
    person.visit(live_service.url)
    person.clicks("#more")
    tab.wait_for("document.getElementById('o-hotwords') !== null")
    assert faults(tab, axe) == []


@pytest.mark.usefixtures("scheme")
def test_28_a_recording_on_its_way_and_one_that_failed_break_no_rule(
    person: Person, tab: Page, scripted: ScriptedService, short: Path, axe: str
) -> None:
    person.visit(scripted.url)
    person.take(short)
    scripted.event("progress", stage="transcribe", done=0.5, all=0.4, seconds_left=95, audio_seconds=600)
    scripted.event("text", start=0, end=1, text="Hello Julia")
    person.waits_for_state("running")
    assert faults(tab, axe) == []
    scripted.event("error", status=500, code="engine_failed", detail="transcription failed", request_id="7")
    scripted.ends()
    person.waits_for_state("failed")
    assert faults(tab, axe) == []


@pytest.mark.usefixtures("scheme")
def test_28_a_result_with_all_that_opens_breaks_no_rule(reader: Person, tab: Page, axe: str) -> None:
    reader.clicks("#doubt")
    reader.writes("#find", "the")
    reader.clicks("#replace-open")
    reader.clicks("#zoom-in")
    reader.clicks_word(2, "name")
    assert faults(tab, axe) == []
    reader.clicks("#transcript li:nth-child(2) .edit")
    tab.wait_for("document.querySelector('#transcript textarea') !== null")
    assert faults(tab, axe) == []
    reader.presses("Escape")
    reader.clicks("#transcript li:nth-child(2) .who")
    assert faults(tab, axe) == []
    reader.presses("Escape")
    reader.clicks("#download")
    assert faults(tab, axe) == []
    reader.presses("Escape")
    reader.clicks("#help")
    assert faults(tab, axe) == []


def test_28_a_fault_would_be_found(reader: Person, tab: Page, axe: str) -> None:
    """Without this, the tests above would only show that nothing is looked at."""
    tab.evaluate("document.getElementById('play').setAttribute('aria-label', ''), 0")
    assert any(fault.startswith("button-name") for fault in faults(tab, axe))


def test_28_forced_colours_replace_those_of_the_page_and_nothing_is_lost(
    reader: Person, tab: Page, axe: str
) -> None:
    """In a picture of the window: lanes are drawn by a script, which no browser recolours by itself."""
    box = reader.box("#lanes")
    lanes = (*map(round, (box["x"], box["y"], box["x"] + box["width"], box["y"] + box["height"])),)
    assert len(vivid(picture(tab).crop(lanes))) >= 3
    tab.prefer(forced_colors="active")
    tab.wait_for("matchMedia('(forced-colors: active)').matches")
    tab.evaluate("new Promise(drawn => requestAnimationFrame(() => requestAnimationFrame(drawn)))")
    forced = picture(tab).crop(lanes)
    assert vivid(forced) == set()
    assert len(colours(forced)) >= 2
    assert faults(tab, axe) == []
    for selector in ("#play", "#download", "#find", "#transcript", "#timeline", "#player"):
        edge = f"getComputedStyle(document.querySelector('{selector}')).borderTopWidth"
        assert tab.evaluate(edge) != "0px", selector


def picture(tab: Page) -> Image.Image:
    return Image.open(io.BytesIO(tab.screenshot(1280, 860))).convert("RGB")


def colours(image: Image.Image) -> set[tuple[int, int, int]]:
    found = image.getcolors(1 << 24)
    assert found is not None
    return {colour for _, colour in found}


def vivid(image: Image.Image) -> set[tuple[int, int, int]]:
    """Return the colours that are no greys."""
    return {colour for colour in colours(image) if max(colour) - min(colour) > 60}


SIZES = [(320, 640), (1280, 400), (640, 480)]
"""The last is what 200 % makes of 1280 x 960."""

OVERFLOWING = """
(() => {
  const wide = document.documentElement.scrollWidth - innerWidth;
  const clipped = [...document.querySelectorAll('button, label, h1, h2, p, th, td, select')].filter((e) =>
    e.checkVisibility() && !e.closest('.unseen, [hidden]') && getComputedStyle(e).textOverflow !== 'ellipsis'
    && e.tagName !== 'SELECT' && e.scrollWidth > e.clientWidth + 1 && e.clientWidth > 1
    && getComputedStyle(e).overflowX !== 'visible');
  const small = [...document.querySelectorAll('button, select, input, a')].filter((e) => {
    const b = e.getBoundingClientRect();
    if (!e.checkVisibility() || e.closest('.unseen, .skip') || e.type === 'file') return false;
    const box = e.type === 'checkbox' ? e.closest('label').getBoundingClientRect() : b;
    return box.width < 24 || box.height < 24;
  });
  const off = [...document.querySelectorAll('button, input, select')].filter((e) => {
    const b = e.getBoundingClientRect();
    return e.checkVisibility() && !e.closest('.unseen') && (b.left < -1 || b.right > innerWidth + 1);
  });
  const named = (list) => list.map((e) => e.outerHTML.slice(0, 120));
  return { wide, clipped: named(clipped), small: named(small), off: named(off) };
})()
"""


@pytest.mark.parametrize(("width", "height"), SIZES)
@pytest.mark.parametrize("words", ["en", "longer"])
def test_29_nothing_is_cut_off_in_a_small_window(
    width: int, height: int, words: str, person: Person, tab: Page, live_service: Service,
    answer: dict[str, Any], meeting: Path, tmp_path: Path,
) -> None:  # fmt: skip
    """In English, and in a language whose words are two fifths longer and have accents."""
    if words == "longer":
        tab.replace(
            "*/page/strings/en.txt", longer((PAGE / "strings" / "en.txt").read_text(encoding="utf-8"))
        )
    tab.resize(width, height)
    person.visit(live_service.url)
    assert tab.evaluate(OVERFLOWING) == {"wide": 0, "clipped": [], "small": [], "off": []}
    person.reads(answer, meeting, tmp_path)
    person.clicks("#replace-open")
    assert tab.evaluate(OVERFLOWING) == {"wide": 0, "clipped": [], "small": [], "off": []}


def longer(source: str) -> str:
    """Return the strings with every sentence longer; names in braces stay what they are."""

    def stretched(found: re.Match[str]) -> str:
        parts = re.split(r"(\{\w+\})", found[0])
        said = "".join(part if part.startswith("{") else part.translate(ACCENTS) for part in parts)
        return said + "ĩ" * max(1, len(found[0]) * 2 // 5)

    return re.sub(r"(?<= = ).+$", stretched, source, flags=re.MULTILINE)


ACCENTS = str.maketrans("aeiouAEOU", "äéîõüÄÉÖÜ")


@pytest.mark.parametrize(("width", "height"), [(320, 640), (1280, 400), (1280, 900)])
def test_29_what_has_the_focus_is_not_covered(width: int, height: int, reader: Person, tab: Page) -> None:
    """By the player on a phone, or by anything else: each control is looked at while it has the focus."""
    tab.resize(width, height)
    tab.evaluate("document.getElementById('title').focus()")
    covered = (
        "(() => { const e = document.activeElement, b = e.getBoundingClientRect(); if (e === "
        "document.body) return null; "
        "const x = Math.min(innerWidth - 1, Math.max(0, b.left + b.width / 2)), y = b.top + "
        "Math.min(b.height / 2, 20); "
        "const top = document.elementFromPoint(x, y); return top && (e.contains(top) || "
        "top.contains(e)) ? null : e.outerHTML.slice(0, 120); })()"
    )
    for _ in range(30):
        reader.presses("Tab")
        assert tab.evaluate(covered) is None
    tab.evaluate("document.querySelector('#transcript .time').focus()")
    for _ in range(15):
        reader.presses("ArrowDown")
        assert tab.evaluate(covered) is None


def test_the_transcript_is_printed_alone(reader: Person, tab: Page) -> None:
    tab.call("Emulation.setEmulatedMedia", media="print")
    shown = tab.evaluate(
        "[...document.querySelectorAll('#player, #timeline, .bar, #start, #search, .actions, "
        "#transcript, #title')]"
        ".filter(e => e.checkVisibility()).map(e => e.id)"
    )
    assert shown == ["title", "transcript"]
