#!/bin/bash
# Encodes ten minutes of stereo to FLAC with 16 bits: our encoder (the example `flac` of `media`, from a WAV file to a FLAC file), and beside
# it whichever of ffmpeg and flac are on the PATH. Runs are interleaved; printed are medians of CPU and wall-clock seconds, CPU as a ratio to
# ours, and bytes. What ours wrote is tested by `flac -t`.
#
# usage: benches/flac.sh FOLDER [RUNS]     FOLDER/ten.wav, as the bench material's script makes it
#        cargo build --release -p media --example flac     first
#        OURS=path/to/flac     default: target/release/examples/flac
set -euo pipefail
material=${1:?the folder that holds ten.wav}
runs=${2:-5}
root=$(cd "$(dirname "$0")/.." && pwd)
ours=${OURS:-$root/target/release/examples/flac}
work=$(mktemp -d "${TMPDIR:-/tmp}/flac.XXXXXX")
trap 'rm -rf "$work"' EXIT
# shellcheck source=benches/measure.sh
source "$root/benches/measure.sh"

run_ours() { "$ours" "$material/ten.wav" "$work/ours.flac"; }
run_ffmpeg() { ffmpeg -nostdin -v error -y -i "$material/ten.wav" -c:a flac "$work/ffmpeg.flac"; }
run_flac() { flac -s -f -5 "$material/ten.wav" -o "$work/flac.flac"; }

tools=(ours)
for tool in ffmpeg flac; do command -v "$tool" > /dev/null && tools+=("$tool"); done
for ((n = 0; n < runs; n++)); do
  for tool in "${tools[@]}"; do measure "$tool" "run_$tool"; done
done
printf '%-8s %8s %8s %8s %12s   medians of %d\n' tool 'CPU s' 'wall s' ratio bytes "$runs"
for tool in "${tools[@]}"; do
  printf '%-8s %s %12d\n' "$tool" "$(figures "$tool" ours)" "$(stat -c %s "$work/$tool.flac")"
done
if command -v flac > /dev/null; then flac -ts "$work/ours.flac" && echo 'flac -t: what ours wrote is sound'; fi
