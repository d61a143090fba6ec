"""Who spoke when, with pyannote's networks."""
