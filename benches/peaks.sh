#!/bin/bash
# Peaks of a 10-minute stereo WAV, FLAC, MP3 and Ogg Vorbis: ours beside what else is on PATH (audiowaveform, ffmpeg's decoder, cat).
# usage: benches/peaks.sh MATERIAL_FOLDER [OUR_COMMAND] [RUNS]
#   MATERIAL_FOLDER holds ten.wav, ten.flac, ten.mp3, ten.ogg.
#   OUR_COMMAND defaults to target/release/unisono; it is run as `OUR_COMMAND peaks IN -o OUT.dat -z 256 -b 8`.
#   AUDIOWAVEFORM names audiowaveform's program if it is not on PATH.
# Prints medians of RUNS (5) runs of CPU seconds (user and system) and wall-clock seconds, and how many times less we take than
# each. Programs take turns, so that load on the machine meets all alike; CPU seconds are disturbed by it less than the clock.
set -euo pipefail
material=${1:?folder with ten.wav, ten.flac, ten.mp3, ten.ogg}
ours=${2:-target/release/unisono}
runs=${3:-5}
audiowaveform=${AUDIOWAVEFORM:-audiowaveform}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# shellcheck source=benches/measure.sh
source "$(dirname "$0")/measure.sh"

[ "$runs" -ge 3 ] || { echo "at least 3 runs" >&2; exit 2; }
command -v "$ours" >/dev/null || { echo "$ours is not there: cargo build --release -p server" >&2; exit 2; }

row() { # name
  [ -s "$work/$1.times" ] || return 0
  awk -v name="$1" -v cpu="$(cpu "$1")" -v wall="$(wall "$1")" -v our_cpu="$(cpu unisono)" -v our_wall="$(wall unisono)" 'BEGIN {
    printf "  %-14s %7.3f s CPU  %7.3f s wall   %5.2f x our CPU  %5.2f x our wall\n", name, cpu, wall, cpu / our_cpu, wall / our_wall }'
}

echo "$(nproc) processors, load $(cut -d' ' -f1 /proc/loadavg), medians of $runs"
for format in wav flac mp3 ogg; do
  input=$material/ten.$format
  cat "$input" >/dev/null
  for _ in $(seq "$runs"); do
    measure unisono "$ours" peaks "$input" -o "$work/ours.dat" -z 256 -b 8
    ! command -v "$audiowaveform" >/dev/null || measure audiowaveform "$audiowaveform" -q -i "$input" -o "$work/theirs.dat" -z 256 -b 8
    ! command -v ffmpeg >/dev/null || measure ffmpeg ffmpeg -nostdin -v error -threads 1 -i "$input" -f null -
    measure cat sh -c 'cat "$1" | cat' sh "$input"
  done
  echo "$format"
  for name in unisono audiowaveform ffmpeg cat; do row "$name"; done
  rm -f "$work"/*.times
done
