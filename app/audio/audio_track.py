"""The sound tracks of a file, as ffmpeg lists them, and the one that a request means."""

import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from app.errors import BadParameter
from app.options.languages import language_code
from app.transcript import AudioTrack

_STREAM = re.compile(
    r"Stream #\d+:(?P<index>\d+)(?:\[\w+\])?(?:\((?P<language>[^)]*)\))?: "
    r"(?P<kind>\w+): (?P<codec>\w+)(?P<rest>.*)"
)
_TITLE = re.compile(r"title\s*: (?P<title>.+)")
_CHANNELS_BY_NAME = {"mono": 1, "stereo": 2, "downmix": 2, "quad": 4, "cube": 8, "hexagonal": 6}
_CHANNELS_BY_NAME |= {"octagonal": 8, "hexadecagonal": 16}
_LONGEST_TITLE = 200
_MOST_TRACKS_SHOWN = 8


class TrackListing:
    """Reads the list of tracks out of what ffmpeg says of its input."""

    def __init__(self) -> None:
        self._by_index: dict[int, AudioTrack] = {}
        """A stream that belongs to several programs is listed in each of them."""
        self._in_input = False
        self._last: int | None = None

    @property
    def tracks(self) -> tuple[AudioTrack, ...]:
        """Return those that were listed so far, in the order of the file."""
        ordered = sorted(self._by_index.items())
        return tuple(replace(track, number=number) for number, (_, track) in enumerate(ordered, 1))

    def take(self, line: str) -> None:
        """Take a line of ffmpeg's, without its level."""
        words = line.strip()
        if words.startswith(("Input #", "Output #", "Stream mapping")):
            self._in_input = words.startswith("Input #")
        elif self._in_input:
            self._take_detail(words)

    def _take_detail(self, words: str) -> None:
        stream, title = _STREAM.match(words), _TITLE.match(words)
        if stream is not None:
            self._last = int(stream["index"]) if stream["kind"] == "Audio" else None
            if self._last is not None:
                self._by_index[self._last] = _track(stream)
        elif title is not None and self._last is not None:
            track = self._by_index[self._last]
            self._by_index[self._last] = replace(track, title=title["title"][:_LONGEST_TITLE])


def _track(stream: re.Match[str]) -> AudioTrack:
    language = stream["language"]
    known = language if language and language != "und" else None
    return AudioTrack(0, stream["codec"], _channels(stream["rest"]), known)


def _channels(rest: str) -> int | None:
    """Return the number of channels in a description such as ", 48000 Hz, 5.1(side), fltp"."""
    parts = [part.strip() for part in rest.split(",")]
    layout = next((after for rate, after in pairwise(parts) if rate.endswith(" Hz")), "")
    counted = re.match(r"(\d+) channels|(\d+(?:\.\d+)+)|(\w+)", layout)
    if counted is None:
        return None
    if counted[1]:
        return int(counted[1])
    if counted[2]:
        return sum(map(int, counted[2].split(".")))
    return _CHANNELS_BY_NAME.get(counted[3])


def chosen_track(wanted: str, tracks: Sequence[AudioTrack]) -> AudioTrack:
    """Return the track that has the number or the language `wanted`; of several the first.

    Raises:
        BadParameter: there is none.
    """
    code = language_code(wanted) or wanted.lower()
    for track in tracks:
        language = track.language or ""
        if str(track.number) == wanted or code in (language_code(language), language.lower()):
            return track
    raise BadParameter("audio_track", wanted, f"one of the recording's own: {in_words(tracks)}")


def in_words(tracks: Sequence[AudioTrack]) -> str:
    """Return the list of tracks for people."""
    shown = [
        " ".join(filter(None, (str(track.number), _details(track)))) for track in tracks[:_MOST_TRACKS_SHOWN]
    ]
    rest = len(tracks) - len(shown)
    return "; ".join([*shown, *([f"and {rest} more"] if rest else [])])


def _details(track: AudioTrack) -> str:
    channels = None if track.channels is None else f"{track.channels} channel{'s' * (track.channels > 1)}"
    title = None if track.title is None else ascii(track.title[:40])
    return f"({', '.join(filter(None, (track.language, title, channels, track.codec)))})"
