"""The scan and the products around it for a pack of members, in Triton. Importing this imports Triton.

All arrays have the members in front. float32 is computed in float32 (no TF32); float64 works too, for checks.
Without a GPU the kernels run in Triton's interpreter, if TRITON_INTERPRET=1 is in the environment before the import.
"""

from gatelab.scan.triton.equations import Equations, equations, knows
from gatelab.scan.triton.graphs import Replayed
from gatelab.scan.triton.launch import Form
from gatelab.scan.triton.layers import gather, linear
from gatelab.scan.triton.products import totals
from gatelab.scan.triton.scan import scan

__all__ = ["Equations", "Form", "Replayed", "equations", "gather", "knows", "linear", "scan", "totals"]
