"""Side-by-side measurements of speed and memory: `make bench`, or `python -m benchmarks`."""

from app.engines.engine_libraries import import_engine_libraries

# As in the service, and for both sides alike: CTranslate2 before torch.
import_engine_libraries()
