"""Side-by-side measurements of speed and memory: `make bench`, or `python -m benchmarks`."""

from app.engines.platform.allocator import keep_working_memory
from app.engines.platform.library_import import import_engine_libraries

# As in the service, and for both sides alike: memory is used again, and CTranslate2 comes before torch.
keep_working_memory()
import_engine_libraries()
