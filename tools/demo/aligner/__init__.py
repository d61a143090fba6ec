"""A tiny wav2vec2 CTC model that marks where each word starts and ends."""
