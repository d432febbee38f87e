"""The errors of the launcher."""

from gatelab.errors import GatelabError


class CannotStart(GatelabError):
    """The embedded Gatelab cannot start here; the message says what to change."""

    code = "cannot-start"
    title = "Cannot start"
