"""The parts of the page that know no page: what comes in and goes out, in a real browser."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.browser.chromium import Chromium, Page
from tests.service import Service

pytestmark = pytest.mark.browser


class Modules:
    """Calls functions of the page's modules."""

    def __init__(self, page: Page) -> None:
        self._page = page

    def call(self, module: str, function: str, *arguments: Any) -> Any:
        """Return what a function returns; a Map as a list of pairs."""
        given = ", ".join(json.dumps(argument) for argument in arguments)
        return self.run(
            module, f"const found = m.{function}({given}); return found instanceof Map ? [...found] : found"
        )

    def run(self, module: str, body: str) -> Any:
        """Return what a function with this body returns; m is the module."""
        return self._page.evaluate(f"import('/page/{module}.js').then(m => {{ {body} }})")


@pytest.fixture(scope="module")
def modules(running_browser: Chromium, live_service: Service) -> Iterator[Modules]:
    with running_browser.page() as page:
        page.open(live_service.url)
        page.wait_for("document.body?.classList.contains('ready')")
        yield Modules(page)


@pytest.mark.parametrize(
    "pieces",
    [
        ["event: queue\ndata: {}\n\n: sign\n\ndata: last\n\n"],
        ["event: que", "ue\nda", "ta: {}\n", "\n:", " sign\n\nd", "ata: last\n\n"],
        list("event: queue\ndata: {}\n\n: sign\n\ndata: last\n\n"),
        ["event: queue\r\ndata: {}\r\n\r\n: sign\r\n\r\ndata: last\r\n\r\n"],
    ],
)
def test_a_stream_is_read_however_it_is_cut(pieces: list[str], modules: Modules) -> None:
    heard = modules.run(
        "job",
        "const heard = []; "
        "const read = m.eventReader((name, data) => heard.push(data ? [name, data] : name)); "
        f"for (const piece of {json.dumps(pieces)}) read(piece); return heard;",
    )
    assert heard == [["queue", "{}"], "sign", ["message", "last"]]


def test_lines_of_data_are_joined_and_an_unfinished_event_is_none(modules: Modules) -> None:
    heard = modules.run(
        "job",
        "const heard = []; const read = m.eventReader((name, data) => heard.push(data)); "
        "read('data: a\\ndata: b\\n\\ndata: never finished\\n'); return heard;",
    )
    assert heard == ["a\nb"]


WORDS = [
    {"word": "one", "start": 0.0, "end": 0.4, "score": 0.9, "speaker": "A"},
    {"word": "two", "start": 0.5, "end": 0.9, "score": 0.8, "speaker": "A"},
    {"word": "three", "start": 1.0, "end": 1.6, "score": 0.7, "speaker": "A"},
]
SEGMENT = {"start": 0.0, "end": 1.6, "text": "one two three", "speaker": "A", "words": WORDS}


@pytest.mark.parametrize(
    ("text", "times"),
    [
        ("one two three", [(0, 0.4), (0.5, 0.9), (1.0, 1.6)]),
        ("one three", [(0, 0.4), (1.0, 1.6)]),
        ("one TWO three", [(0, 0.4), (0.5, 0.9), (1.0, 1.6)]),
        ("one and two three", [(0, 0.4), (0.4, 0.5), (0.5, 0.9), (1.0, 1.6)]),
        ("zero one two three", [(0, 0), (0, 0.4), (0.5, 0.9), (1.0, 1.6)]),
        ("one two three four", [(0, 0.4), (0.5, 0.9), (1.0, 1.6), (1.6, 1.6)]),
        ("one aa bbbb three", [(0, 0.4), (0.5, 0.633), (0.633, 0.9), (1.0, 1.6)]),
        ("three one two", [(0, 0), (0, 0.4), (0.5, 0.9)]),
        ("all new", [(0, 0.8), (0.8, 1.6)]),
    ],
)
def test_words_that_stay_keep_their_times_and_new_ones_share_the_gap(
    text: str, times: list[tuple[float, float]], modules: Modules
) -> None:
    words = modules.call("transcript", "retimed", SEGMENT, text)["words"]
    assert [word["word"] for word in words] == text.split()
    assert [(word["start"], word["end"]) for word in words] == times
    assert {word["speaker"] for word in words} == {"A"}
    assert all(word in WORDS for word in words if "score" in word)


def test_a_language_without_blanks_is_edited_by_characters(modules: Modules) -> None:
    words = [{"word": each, "start": index, "end": index + 1} for index, each in enumerate("你好世界")]
    segment = {"start": 0, "end": 4, "text": "你好世界", "words": words}
    edited = modules.call("transcript", "retimed", segment, "你们好世界")["words"]
    assert "".join(word["word"] for word in edited) == "你们好世界"
    assert [word for word in edited if word in words] == words


def test_a_line_without_words_only_changes_its_text(modules: Modules) -> None:
    assert modules.call("transcript", "retimed", {"start": 0, "end": 1, "text": "a"}, "b") == {
        "start": 0,
        "end": 1,
        "text": "b",
    }


def work(*segments: dict[str, Any]) -> dict[str, Any]:
    speakers = [{"id": name, "name": name, "colour": index} for index, name in enumerate("AB")]
    return {"about": {"duration": 9}, "segments": list(segments), "speakers": speakers}


def test_a_line_that_becomes_empty_is_gone(modules: Modules) -> None:
    assert modules.call("transcript", "editText", work(SEGMENT), 0, "  ")["segments"] == []


def test_cutting_at_an_end_cuts_nothing(modules: Modules) -> None:
    for offset in (0, len(SEGMENT["text"])):  # type: ignore[arg-type]
        assert modules.call("transcript", "split", work(SEGMENT), 0, offset)["segments"] == [SEGMENT]


def test_what_was_cut_is_joined_to_what_it_was(modules: Modules) -> None:
    cut = modules.call("transcript", "split", work(SEGMENT), 0, 4)
    assert [segment["text"] for segment in cut["segments"]] == ["one", "two three"]
    assert modules.call("transcript", "join", cut, 1)["segments"] == [SEGMENT]


def test_merging_takes_words_of_other_lines_along(modules: Modules) -> None:
    """With split_speakers=false a line has words of several people."""
    mixed = {**SEGMENT, "words": [{**WORDS[0], "speaker": "B"}, *WORDS[1:]]}
    merged = modules.call("transcript", "merge", work(mixed), "B", "A")
    assert {word["speaker"] for word in merged["segments"][0]["words"]} == {"A"}
    assert [speaker["id"] for speaker in merged["speakers"]] == ["A"]


def test_a_document_comes_out_as_it_came_in(modules: Modules, answer: dict[str, Any]) -> None:
    out = modules.run("transcript", f"return m.toDocument(m.fromDocument({json.dumps(answer)}))")
    for name in ("segments", "word_segments", "language", "duration", "model"):
        assert out[name] == answer[name], name


@pytest.mark.parametrize(
    ("time", "length", "expected"),
    [(0, 10, [0, 10]), (50, 10, [45, 55]), (99, 10, [90, 100]), (50, 200, [0, 100])],
)
def test_a_window_of_the_time_line_stays_inside_the_recording(
    time: float, length: float, expected: list[float], modules: Modules
) -> None:
    assert modules.call("lanes", "windowAround", time, length, 100) == expected


def test_stretches_that_touch_are_drawn_as_one(modules: Modules) -> None:
    said = [
        {"speaker": "A", "start": 0, "end": 1},
        {"speaker": "A", "start": 1, "end": 2},
        {"speaker": "B", "start": 2, "end": 9},
    ]
    assert modules.call("lanes", "blocks", said, ["A"], [0, 10], 100) == [[0, 20]]


def test_search_takes_what_is_written_literally(modules: Modules) -> None:
    said = [{"text": "a.b (c) A.B"}, {"text": "axb"}]
    assert modules.call("search", "findAll", said, "a.b") == [
        {"index": 0, "from": 0, "to": 3},
        {"index": 0, "from": 8, "to": 11},
    ]
    assert modules.call("search", "findAll", said, " ") == []


def jobs(*states: str) -> list[dict[str, Any]]:
    return [{"id": index, "state": state, "notBefore": 0} for index, state in enumerate(states)]


@pytest.mark.parametrize(
    ("states", "starts"),
    [
        (["waiting", "waiting"], 0),
        (["uploading", "waiting"], None),
        (["checking", "waiting"], None),
        (["running", "waiting"], 1),
        (["running", "queued", "waiting"], None),
        (["done", "failed", "cancelled", "waiting"], 3),
    ],
)
def test_one_is_sent_while_one_is_worked_on(states: list[str], starts: int | None, modules: Modules) -> None:
    found = modules.call("job", "nextToStart", jobs(*states), 10)
    assert (found["id"] if found else None) == starts


def test_progress_never_falls_and_what_ended_stays_as_it_is(modules: Modules) -> None:
    events = [
        {"type": "start"},
        {"type": "progress", "stage": "transcribe", "done": 0.5, "all": 0.6, "seconds_left": 9},
        {"type": "progress", "stage": "align", "done": 0.1, "all": 0.4, "seconds_left": 8},
        {"type": "cancel"},
        {"type": "progress", "stage": "align", "done": 0.9, "all": 0.9, "seconds_left": 1},
    ]
    body = (
        "let job = m.newJob(1, {name: 'a', size: 1}, {}); const seen = []; "
        f"for (const event of {json.dumps(events)}) "
        f"{{ job = m.reduce(job, event, 5); seen.push([job.state, job.all]); }} "
        "return {seen, stages: job.stages};"
    )
    found = modules.run("job", body)
    assert found["seen"] == [
        ["uploading", 0],
        ["running", 0.6],
        ["running", 0.6],
        ["cancelled", 0.6],
        ["cancelled", 0.6],
    ]
    assert found["stages"] == {"decode": 1, "transcribe": 1, "diarize": 1, "align": 0.1}


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.4, "1 second"),
        (12, "15 seconds"),
        (59, "1 minute"),
        (240, "4 minutes"),
        (3900, "1 hour, 5 minutes"),
    ],
)
def test_estimates_are_rounded_to_what_is_worth_knowing(seconds: float, said: str, modules: Modules) -> None:
    assert modules.call("i18n", "about", seconds) == said


@pytest.mark.parametrize(("seconds", "shown"), [(0, "0:00"), (724.9, "12:04"), (3734, "1:02:14")])
def test_clock_times(seconds: float, shown: str, modules: Modules) -> None:
    assert modules.call("i18n", "clock", seconds) == shown
