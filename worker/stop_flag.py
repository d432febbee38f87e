"""The flag by which a Celery parent tells its children to finish their step and leave."""

import mmap


class SharedFlag:
    """A flag in memory that forked processes share. It has no lock that a killed process could leave behind."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, 1)

    def set(self) -> None:
        self._memory[0] = 1

    def __bool__(self) -> bool:
        return self._memory[0] == 1


STOP = SharedFlag()
"""Made at import, before the parent forks: children see what the parent sets."""
