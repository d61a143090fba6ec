"""The bundle's README: what it is and what it reaches."""

from typing import Any

_INTRODUCTION = """# The demo bundle

Tiny models trained from nothing on synthetic speech: meeting sentences, about 200 English and as many German
words. They run through the same engines as the large models, need no network, and understand nothing else.
`make demo-bundle` makes them again; `tools/demo` holds the scripts.

- `whisper`: Whisper for CTranslate2 (int8): English, German, language detection, German to English.
- `aligner`: wav2vec2 CTC for both languages.
- `diarization`: a pyannote pipeline: the segmentation model that the whisperX package carries,
  our own speaker embedding and PLDA.
- `meeting.flac`, `besprechung.flac`: held-out sentences, with what is truly said in the JSON beside each.

"""

_ROWS = (
    ("English single sentences, word error rate", "english_sentences"),
    ("German single sentences, word error rate", "german_sentences"),
    ("German to English, word error rate", "translation_german_to_english"),
    ("Language detection", "language_detection"),
    ("English conversations, three voices, chunks of 10 s", "english_conversations"),
    ("the same with 20 dB of noise", "english_conversations_noise_20_db"),
    ("the same, chunks of 20 s", "english_conversations_chunk_20"),
    ("the same, chunks of 30 s", "english_conversations_chunk_30"),
    ("German conversations, chunks of 10 s", "german_conversations"),
    ("the same, chunks of 30 s", "german_conversations_chunk_30"),
    ("Word boundaries, English", "english_boundaries"),
    ("Word boundaries, German", "german_boundaries"),
    ("Diarization error, 2 voices", "diarization_2_seen_voices"),
    ("Diarization error, 3 voices", "diarization_3_seen_voices"),
    ("Diarization error, 2 voices never trained on", "diarization_2_unseen_voices"),
    ("Diarization error, 3 voices never trained on", "diarization_3_unseen_voices"),
    ("Whole chain: words, boundaries, speakers", "whole_chain"),
    ("Names with another spelling in the prompt", "prompts"),
    ("Clips without speech that give no text", "silence"),
)


def as_markdown(report: dict[str, Any]) -> str:
    """README text with one row per measurement."""
    conditions = report["conditions"]
    lines = ["| Measured on held-out sentences | reached | on |", "| --- | --- | --- |"]
    for label, name in _ROWS:
        reached, basis = _describe(report["figures"][name])
        lines.append(f"| {label} | {reached} | {basis} |")
    engines = ", ".join(f"{name} {number}" for name, number in conditions["engines"].items())
    closing = (
        f"\nSeed {conditions['seed']}; {conditions['compute_type']} on the CPU, beam 5; {engines}.\n"
        f"Held out are {conditions['held_out']}; "
        "the voices are those of the training unless the row says otherwise.\n"
        "Diarization errors leave out 0.25 s at each boundary, half on each side; "
        "its thresholds were chosen on\n"
        "other conversations of the same voices. All figures: `FIGURES.json`.\n"
    )
    return _INTRODUCTION + "\n".join(lines) + "\n" + closing


def _describe(figure: dict[str, float]) -> tuple[str, str]:
    """What was reached, and on how much."""
    if "right_speaker_percent" in figure:
        words = f"{figure['word_error_percent']} % word errors, {_boundaries(figure)}"
        return f"{words}, {figure['right_speaker_percent']} % right speakers", f"{figure['words']} words"
    if "word_error_percent" in figure:
        return f"{figure['word_error_percent']} %", f"{figure['words']} words"
    if "mean_ms" in figure:
        return _boundaries(figure), f"{figure['boundaries']} boundaries"
    if "error_percent" in figure:
        counts = f"{figure['right_counts']} of {figure['conversations']} counts right"
        return f"{figure['error_percent']} %, {counts}", f"{figure['conversations']} conversations"
    if "other_spelling_by_hotwords" in figure:
        by_prompt, by_hotwords = (
            figure["other_spelling_by_initial_prompt"],
            figure["other_spelling_by_hotwords"],
        )
        plain = figure["right_without_prompt"]
        written = f"{by_prompt} by prompt, {by_hotwords} by hotwords; {plain} right without"
        return written, f"{figure['sentences']} sentences"
    if "without_text" in figure:
        return str(figure["without_text"]), f"{figure['clips']} clips"
    return str(figure["right"]), f"{figure['sentences']} sentences"


def _boundaries(figure: dict[str, float]) -> str:
    return f"{figure['mean_ms']} ms mean, {figure['quantile_95_ms']} ms at 95 %"
