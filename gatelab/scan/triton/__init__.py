"""The scan and the products around it for a pack of members, in Triton. Importing this imports Triton.

The members are the first dimension of all arrays. float32 is computed in float32 (no TF32); float64 works too, for
checks. Without a GPU the kernels run in Triton's interpreter, if TRITON_INTERPRET=1 is in the environment before the
import.
"""

from gatelab.scan.triton.code import Code, code_of
from gatelab.scan.triton.graphs import Replayed
from gatelab.scan.triton.launch import Form
from gatelab.scan.triton.layers import gather, linear, spread
from gatelab.scan.triton.products import totals
from gatelab.scan.triton.scan import scan
from gatelab.scan.triton.trial import why_not

__all__ = ["Code", "Form", "Replayed", "code_of", "gather", "linear", "scan", "spread", "totals", "why_not"]
