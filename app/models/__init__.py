"""Which models exist, what they can do, and how their files come to disk."""
