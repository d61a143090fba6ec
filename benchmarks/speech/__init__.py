"""How well real voices are heard, beside the libraries: `make speech-bench`.

Weights and recordings come from packages that are fetched once; nothing of them is in this repository.
"""
