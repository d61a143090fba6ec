"""Measures the finished bundle through the real engines."""
