"""`make bench`: what a burst costs, then what the pages over a long log cost. ARGS=sending or ARGS=log: one of them."""

import sys
from collections.abc import Callable

from tests.bench import log, sending

PARTS: dict[str, Callable[[], None]] = {"sending": sending.main, "log": log.main}


def main(chosen: list[str]) -> None:
    for name in chosen or PARTS:
        if name not in PARTS:
            raise SystemExit(f"there is no {name}: choose of {', '.join(PARTS)}")
        PARTS[name]()


if __name__ == "__main__":
    main(sys.argv[1:])
