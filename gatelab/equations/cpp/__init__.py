"""The C++ code of cells. Nothing but the standard library is needed: the package is built with it."""
