"""A tiny Whisper: tokenizer, training examples, model, training and export."""
