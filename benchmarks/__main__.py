"""Run the benchmarks and write `RESULTS.md` from the lines that they print."""

import argparse
import json
import platform
import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
RESULTS = FOLDER / "RESULTS.md"
LINES = FOLDER / "results.jsonl"

Line = dict[str, str | float]
Row = tuple[tuple[str, str], dict[str, float]]


def known() -> list[str]:
    """The pieces that have a benchmark."""
    return sorted(path.parent.name for path in FOLDER.glob("*/bench.py"))


def run(piece: str) -> list[Line]:
    """Run one benchmark and return its figures; its progress passes through."""
    lines: list[Line] = []
    command = [sys.executable, "-m", f"benchmarks.{piece}.bench"]
    with subprocess.Popen(command, cwd=FOLDER.parent, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            print(line, end="", flush=True)
            lines.append(json.loads(line))
    if process.returncode:
        raise SystemExit(f"the benchmark of {piece} failed")
    return lines


def merged(new: list[Line], pieces: list[str]) -> list[Line]:
    """New figures, and the kept ones of the pieces that were not run."""
    kept = LINES.read_text().splitlines() if LINES.exists() else []
    others = [line for line in map(json.loads, kept) if line["piece"] not in pieces]
    return sorted([*others, *new], key=lambda line: str(line["piece"]))


def added(new: list[Line]) -> list[Line]:
    """All kept figures, with those of the same name and subject replaced by new ones."""
    said = {(line["piece"], line["name"], line["subject"], line["unit"]) for line in new}
    kept = map(json.loads, LINES.read_text().splitlines() if LINES.exists() else [])
    others = [
        line
        for line in kept
        if (line["piece"], line["name"], line["subject"], line["unit"]) not in said
    ]
    return sorted([*others, *new], key=lambda line: str(line["piece"]))


def page(lines: list[Line]) -> str:
    """The figures as tables: a row a figure, a column a subject; a new one for other subjects."""
    text = [
        "# Benchmarks",
        "",
        "<!-- Written by `make bench`. -->",
        "",
        f"Ours and the peer in one run, one client, on {platform.machine()} with Python "
        f"{platform.python_version()}. Compare within a row: absolute times follow the machine.",
        "",
    ]
    for piece in sorted({str(line["piece"]) for line in lines}):
        text += [f"## {piece.capitalize()}", ""]
        for subjects, rows in tables([line for line in lines if line["piece"] == piece]):
            text.append("| figure | unit | " + " | ".join(subjects) + " |")
            text.append("|---|---|" + "---:|" * len(subjects))
            for (name, unit), values in rows:
                cells = [_shown(values[s]) if s in values else "" for s in subjects]
                text.append(f"| {name} | {unit} | " + " | ".join(cells) + " |")
            text.append("")
    return "\n".join(text)


def tables(lines: list[Line]) -> list[tuple[list[str], list[Row]]]:
    """Subjects and rows of each table: rows stay together while the same subjects are compared."""
    rows: dict[tuple[str, str], dict[str, float]] = {}
    for line in lines:
        values = rows.setdefault((str(line["name"]), str(line["unit"])), {})
        values[str(line["subject"])] = float(line["value"])
    found: list[tuple[list[str], list[Row]]] = []
    for row in rows.items():
        subjects = list(row[1])
        if found and set(subjects) <= set(found[-1][0]):
            found[-1][1].append(row)
        elif found and set(subjects) >= set(found[-1][0]):
            found[-1] = subjects, [*found[-1][1], row]
        else:
            found.append((subjects, [row]))
    return found


def _shown(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("piece", nargs="*", help=f"which; all of {', '.join(known())} if none")
    parser.add_argument(
        "--add", nargs="+", type=Path, help="files of lines printed before; nothing is run"
    )
    chosen = parser.parse_args()
    pieces = chosen.piece or known()
    if unknown := set(pieces) - set(known()):
        parser.error(f"no benchmark is named {', '.join(sorted(unknown))}")
    if chosen.add:
        printed = [line for path in chosen.add for line in path.read_text().splitlines()]
        lines = added([json.loads(line) for line in printed])
    else:
        lines = merged([line for piece in pieces for line in run(piece)], pieces)
    LINES.write_text("".join(json.dumps(line) + "\n" for line in lines))
    RESULTS.write_text(page(lines))
    print(f"wrote {RESULTS.relative_to(FOLDER.parent)}")


main()
