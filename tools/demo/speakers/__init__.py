"""A speaker embedding and its PLDA, and the pyannote pipeline folder around them."""
