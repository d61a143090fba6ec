"""WhisperX ASR API service: recordings in, words with times and speakers out."""

__version__ = "0.1.0"
