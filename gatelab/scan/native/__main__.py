"""`python -m gatelab.scan.native`: say which build of the native engine is used here, or why there is none."""

from gatelab.scan.native.library import Unavailable, load
from gatelab.terminal import tolerate_any_text

if __name__ == "__main__":
    tolerate_any_text()
    try:
        print(f"The native engine is installed ({load().instructions}).")
    except Unavailable as reason:
        print(
            f"The native engine is not available: {reason}. Training uses PyTorch alone, which is several times slower."
        )
