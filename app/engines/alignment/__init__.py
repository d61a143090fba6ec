"""Word times by forced alignment with wav2vec2 CTC models."""
