"""The recordings of known voices: decoded like any other, and turned into vectors by the diarizer."""

from collections.abc import Mapping, Sequence

from app.audio.decoder import Decoder
from app.audio.waveform import SAMPLE_RATE, Waveform
from app.checkpoint import Checkpoint
from app.engines.interfaces import Diarizer, SpeakerCountRange
from app.errors import AudioTooLong, BadParameter, BadRequest
from app.known_speakers import Voice
from app.request_context import KnownSpeaker

_PARAMETER = "known_speaker_references"
SHORTEST_SECONDS, LONGEST_SECONDS = 0.5, 30.0


def decode_samples(
    decoder: Decoder, known: Sequence[KnownSpeaker], checkpoint: Checkpoint
) -> dict[str, Waveform]:
    """Return the samples of each known voice by name.

    Raises:
        BadParameter: one of them is no recording, or too short or too long.
    """
    return {speaker.name: _decode(decoder, speaker, checkpoint) for speaker in known}


def voices_of(
    diarizer: Diarizer, samples: Mapping[str, Waveform], checkpoint: Checkpoint
) -> dict[str, Voice]:
    """Return the vector of each known voice, as the one person in its recording.

    Raises:
        BadParameter: nobody speaks in one of them.
    """
    voices: dict[str, Voice] = {}
    for name, waveform in samples.items():
        heard = diarizer.diarize(waveform, SpeakerCountRange(1, 1), checkpoint)
        voice = next(iter(heard.embeddings.values()), None)
        if voice is None:
            raise BadParameter(_PARAMETER, name, "recordings in which the person speaks")
        voices[name] = voice
    return voices


def _decode(decoder: Decoder, speaker: KnownSpeaker, checkpoint: Checkpoint) -> Waveform:
    allowed = f"recordings of {SHORTEST_SECONDS:g} to {LONGEST_SECONDS:g} seconds"
    try:
        with speaker.sample.open() as path:
            waveform = decoder.decode(path, checkpoint)
    except (AudioTooLong, BadRequest) as exc:
        raise BadParameter(_PARAMETER, speaker.name, f"{allowed} ({exc})") from exc
    if not SHORTEST_SECONDS <= len(waveform) / SAMPLE_RATE <= LONGEST_SECONDS:
        length = f"{len(waveform) / SAMPLE_RATE:.1f} s"
        raise BadParameter(_PARAMETER, f"{speaker.name}: {length}", allowed)
    return waveform
