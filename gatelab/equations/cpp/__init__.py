"""The C++ code of cells. It needs only the standard library, since it runs when the package is built."""
