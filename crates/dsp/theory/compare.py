"""Compares the checked-in tables with those that theory.py has just written into the folder that is named. See README.md."""

import pathlib
import sys

# Numbers are written with nine digits, of which other versions of numpy may compute the last ones differently.
RELATIVE, ABSOLUTE = 1e-6, 1e-7
# Decibels below which a level is nothing, and what is computed of it chance.
NOTHING = -200.0


def same(one, other):
    try:
        one, other = max(float(one), NOTHING), max(float(other), NOTHING)
    except ValueError:
        return one == other
    return abs(one - other) <= ABSOLUTE + RELATIVE * max(abs(one), abs(other))


def rows(path):
    return [line.split() for line in path.read_text(encoding="ascii").splitlines()]


here, made = pathlib.Path(__file__).resolve().parent, pathlib.Path(sys.argv[1])
tables = sorted(path.name for path in here.glob("*.txt"))
wrong = [] if tables == sorted(path.name for path in made.glob("*.txt")) else ["not the same tables"]
for name in tables if not wrong else []:
    kept, theory = rows(here / name), rows(made / name)
    if len(kept) != len(theory):
        wrong.append(f"{name}: {len(kept)} lines, not {len(theory)}")
    for number, (one, other) in enumerate(zip(kept, theory), 1):
        if len(one) != len(other) or not all(map(same, one, other)):
            wrong.append(f"{name}:{number}: {' '.join(one)}, not {' '.join(other)}")
print("\n".join(wrong[:20]) or f"{len(tables)} tables are what theory says")
sys.exit(bool(wrong))
