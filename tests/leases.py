"""Renewing a lease as a worker does, one run at a time."""

from gatelab.errors import LeaseLost
from gatelab.store import Claim, Flags, Store


def renew(store: Store, claim: Claim) -> Flags:
    """
    Raises:
        LeaseLost: the run is no longer this claim's.
    """
    if (flags := store.claims.heartbeats([claim]).get(claim.run_id)) is None:
        raise LeaseLost("the run belongs to somebody else")
    return flags
