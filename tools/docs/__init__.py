"""Writes what the pages can take from the code and from measurements, and .env.example."""
