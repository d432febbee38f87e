"""Gatelab from the outside: a typed Python client and the `gatelab` command.

    from gatelab import Gatelab

    with Gatelab("http://127.0.0.1:8000") as gatelab:
        job = gatelab.submit({"corpus": "time-machine", "model": {"cell": {"kind": "gru", "hidden": 128}}})
        gatelab.wait(job.id)

It needs neither torch nor a database: it installs and starts in a moment.
"""
