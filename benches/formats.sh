#!/bin/bash
# What a render takes of the machine, format by format, for ten minutes and for an hour of the same song: peak resident memory, CPU and wall-clock
# seconds of `unisono render`. The song is eight stereo tracks of noise, as `benches/long_project.mjs` makes them.
#
# usage: benches/formats.sh FOLDER [FORMAT…]   an empty folder for the song (0.7 GB) and its mixes
#        UNISONO=path/to/unisono               default: target/release/unisono
set -euo pipefail
folder=${1:?an empty folder}
shift
[ $# != 0 ] || set -- 'wav --bits 16' 'wav --bits 24' 'wav --bits 32f' flac mp3 opus ogg
root=$(cd "$(dirname "$0")/.." && pwd)
unisono=${UNISONO:-$root/target/release/unisono}
[ -e "$folder/song/project.json" ] || node "$root/benches/long_project.mjs" "$folder/song" 8 60

printf '%-10s %8s %8s %8s %8s\n' format minutes MB CPU wall
for arguments; do
  for minutes in 10 60; do
    # shellcheck disable=SC2086
    /usr/bin/time -o "$folder/figures" -f '%M %U %S %e' \
      "$unisono" render "$folder/song" -o "$folder/mix" --format $arguments --tail 0 --range "0..$((minutes * 120))" >/dev/null
    awk -v name="${arguments/--bits /}" -v minutes=$minutes \
      '{ printf "%-10s %8d %8.1f %8.2f %8.2f\n", name, minutes, $1 / 1024, $2 + $3, $4 }' "$folder/figures"
    rm -f "$folder/mix"
  done
done
