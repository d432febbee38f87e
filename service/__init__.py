import os

# Requests are computed in parallel, each in its own thread. If numpy's products used several threads as well, these
# would wait for one another and take five times the processor time. numpy reads this when it is imported.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
