"""`make bench`: what a burst, counting in quotas, and the pages over a long log cost.

ARGS=sending, ARGS=quotas or ARGS=log: one of them.
"""

import sys
from collections.abc import Callable

from tests.bench import log, quotas, sending

PARTS: dict[str, Callable[[], None]] = {"sending": sending.main, "quotas": quotas.main, "log": log.main}


def main(chosen: list[str]) -> None:
    for name in chosen or PARTS:
        if name not in PARTS:
            raise SystemExit(f"there is no {name}: choose of {', '.join(PARTS)}")
        PARTS[name]()


if __name__ == "__main__":
    main(sys.argv[1:])
