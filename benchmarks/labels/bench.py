"""Labels: combining answers, label errors, learning, the server and the desk, one after another.

Peers run beside ours where they are installed (crowd-kit, Snorkel, cleanlab), a Label Studio where
`benchmarks.labels.server` is given one. Routing needs recorded crowds: `benchmarks.labels.routing`.
"""

import sys

from benchmarks.labels import aggregation, desk, errors, learning, server


def main() -> None:
    """Run the benchmarks."""
    del sys.argv[1:]
    for part in (aggregation, errors, learning, server, desk):
        part.main()


if __name__ == "__main__":
    main()
