"""Makes the embedded demo bundle from Debian's speech synthesisers: `python -m tools.demo`."""
