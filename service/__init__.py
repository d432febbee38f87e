import os

# Requests are computed side by side, each in a thread of its own. More threads of numpy's products wait for one another
# and take five times the processor time. numpy reads this when it is imported.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
