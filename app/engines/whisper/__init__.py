"""Speech to text with Whisper in CTranslate2."""
