"""OpenAI's audio API: its fields become our options, and transcripts its forms, events and errors."""
