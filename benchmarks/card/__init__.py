"""What only a GPU shows: number formats, code that is compiled, peaks of memory, the largest models."""
