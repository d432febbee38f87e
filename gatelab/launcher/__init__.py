"""A whole Gatelab on one machine: `python -m gatelab.launcher` starts, watches and stops its processes.

It starts a Valkey server on a UNIX socket, brings the database up to date, and runs the service and the workers.
It is small, since the processes that it starts do all heavy work.
"""
