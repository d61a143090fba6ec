"""Speech synthesisers called in-process or in batch; each gives 16 kHz audio with true word times."""
