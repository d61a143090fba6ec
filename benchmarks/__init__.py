"""Side-by-side measurements of speed and memory: `make bench`, or `python -m benchmarks`."""

from app.engines.engine_libraries import import_engine_libraries
from app.engines.host_memory import keep_working_memory

# As in the service, and for both sides alike: memory is used again, and CTranslate2 comes before torch.
keep_working_memory()
import_engine_libraries()
