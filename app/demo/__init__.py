"""The embedded bundle: tiny models, a sample meeting, and the command that shows them at work."""
