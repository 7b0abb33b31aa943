# Sourced by the benchmarks: seconds of programs that take turns, so that load on the machine meets all alike, and their medians.
# Who sources it has a folder of its own, $work.

# measure NAME COMMAND…: runs it and notes under the name what it took. What it says is shown only if it fails; then this ends.
measure() {
  local name=$1 TIMEFORMAT='%3U %3S %3R'
  shift
  { time "$@" > /dev/null 2> "$work/errors" < /dev/null; } 2>> "$work/$name.times" || { cat "$work/errors" >&2; exit 1; }
}

median() { sort -n | awk '{ v[NR] = $1 } END { print NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'; }

# cpu NAME, wall NAME: the median of the seconds that its runs took of the processor, user and system, and of the clock.
cpu() { awk '{ print $1 + $2 }' "$work/$1.times" | median; }
wall() { awk '{ print $3 }' "$work/$1.times" | median; }

# figures NAME BASE: CPU and wall-clock seconds, and CPU as a ratio to that of BASE.
figures() {
  awk -v cpu="$(cpu "$1")" -v wall="$(wall "$1")" -v base="$(cpu "$2")" 'BEGIN { printf "%8.2f %8.2f %8.2f", cpu, wall, cpu / base }'
}
