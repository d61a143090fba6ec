"""Speech recognition, alignment and diarization; the only place that imports torch."""
