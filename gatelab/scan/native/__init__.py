"""The native CPU engine: fused forward, loss and backward in C++ behind a plain C interface (`source/engine.h`)."""

from gatelab.scan.native.library import Library, Unavailable, load
from gatelab.scan.native.program import Layout, Program, layout_of

__all__ = ["Layout", "Library", "Program", "Unavailable", "layout_of", "load"]
