"""Any recording to 16 kHz mono samples."""
