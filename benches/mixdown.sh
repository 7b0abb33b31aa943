#!/bin/bash
# Mixes 32 stereo stems of 3 minutes, each with a gain and a pan, to one 16-bit WAV file: `unisono render`, and beside it
# whichever of ecasound, ffmpeg and sox are on the PATH. Files are read and written by each; runs are interleaved; printed
# are medians of CPU and wall-clock seconds, and CPU as a ratio to Unisono's.
#
# usage: benches/mixdown.sh FOLDER [RUNS]     FOLDER/stems/t00.wav … t31.wav, as the bench material's script makes them
#        UNISONO=path/to/unisono              default: target/release/unisono
set -euo pipefail
material=${1:?the folder that holds stems/}
runs=${2:-3}
root=$(cd "$(dirname "$0")/.." && pwd)
unisono=${UNISONO:-$root/target/release/unisono}
work=$(mktemp -d "${TMPDIR:-/tmp}/mixdown.XXXXXX")
trap 'rm -rf "$work"' EXIT
# shellcheck source=benches/measure.sh
source "$root/benches/measure.sh"

stems=("$material"/stems/t??.wav)
gain() { awk -v i="$1" 'BEGIN { printf "%.3f", 0.12 + 0.01 * (i % 9) }'; }
pan() { awk -v i="$1" 'BEGIN { printf "%.3f", -0.8 + 0.05 * i }'; }
# What a balance at `pan` does to each side; every tool is given the same two factors.
side() { awk -v g="$(gain "$1")" -v p="$(pan "$1")" -v s="$2" 'BEGIN { f = s == "l" ? 1 - p : 1 + p; printf "%.4f", g * (f > 1 ? 1 : f) }'; }

# The archive: at 44.1 kHz and 60 beats a minute, a beat is a second.
mkdir -p "$work/project/audio"
{
  printf '{"format":"unisono","version":1,"projectId":"p","recordMap":{"projects":{"p":{"id":"p","version":1,"name":"bench","bpm":60,"sampleRate":44100}}'
  for table in tracks clips audio_files; do
    printf ',"%s":{' $table
    for i in "${!stems[@]}"; do
      [ "$i" = 0 ] || printf ','
      case $table in
        tracks) printf '"k%d":{"id":"k%d","version":1,"projectId":"p","name":"%d","type":"audio","orderKey":"%02x","volume":%s,"pan":%s}' "$i" "$i" "$i" $((128 + i)) "$(gain "$i")" "$(pan "$i")" ;;
        clips) printf '"c%d":{"id":"c%d","version":1,"trackId":"k%d","name":"%d","startBeat":0,"durationBeats":180,"audioFileId":"f%d"}' "$i" "$i" "$i" "$i" "$i" ;;
        audio_files) printf '"f%d":{"id":"f%d","version":1,"projectId":"p","filename":"%d.wav","contentHash":"%064d","sizeBytes":%d}' "$i" "$i" "$i" "$i" "$(stat -c %s "${stems[$i]}")" ;;
      esac
    done
    printf '}'
  done
  printf '}}\n'
} > "$work/project/project.json"
for i in "${!stems[@]}"; do
  ln "${stems[$i]}" "$work/project/audio/f$i.wav" 2>/dev/null || cp "${stems[$i]}" "$work/project/audio/f$i.wav"
done

run_unisono() { "$unisono" render "$work/project" -o "$work/mix.wav" --bits 16; }
run_cat() { cat "${stems[@]}" > /dev/null; }
run_sox() {
  local arguments=()
  for i in "${!stems[@]}"; do arguments+=(-v "$(gain "$i")" "${stems[$i]}"); done
  sox -m "${arguments[@]}" -b 16 "$work/mix.wav" # sox -m has no pan
}
run_ffmpeg() {
  local inputs=() filter="" labels=""
  for i in "${!stems[@]}"; do
    inputs+=(-i "${stems[$i]}")
    filter+="[$i:a]pan=stereo|c0=$(side "$i" l)*c0|c1=$(side "$i" r)*c1[s$i];"
    labels+="[s$i]"
  done
  ffmpeg -nostdin -v error -y "${inputs[@]}" -filter_complex "${filter}${labels}amix=inputs=${#stems[@]}:normalize=0" -c:a pcm_s16le "$work/mix.wav"
}
run_ecasound() {
  local arguments=(-q -b:8192 -f:16,2,44100) chains=""
  for i in "${!stems[@]}"; do
    arguments+=("-a:k$i" -i "${stems[$i]}" "-ea:$(awk -v g="$(gain "$i")" 'BEGIN { print g * 100 }')" "-epp:$(awk -v p="$(pan "$i")" 'BEGIN { print 50 + 50 * p }')")
    chains+="${chains:+,}k$i"
  done
  ecasound "${arguments[@]}" "-a:$chains" -o "$work/mix.wav"
}

tools=(unisono cat)
for tool in ecasound ffmpeg sox; do command -v "$tool" > /dev/null && tools+=("$tool"); done
run_cat
for ((n = 0; n < runs; n++)); do
  for tool in "${tools[@]}"; do measure "$tool" "run_$tool"; done
done
printf '%-10s %8s %8s %8s   medians of %d\n' tool 'CPU s' 'wall s' ratio "$runs"
for tool in "${tools[@]}"; do printf '%-10s %s\n' "$tool" "$(figures "$tool" unisono)"; done
if [ -x /usr/bin/time ]; then
  run_unisono > /dev/null
  /usr/bin/time -f 'unisono render: %M KiB at most' "$unisono" render "$work/project" -o "$work/mix.wav" > /dev/null
fi
