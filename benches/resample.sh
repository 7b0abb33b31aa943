#!/bin/bash
# Converts 10 minutes of stereo from 48 to 44.1 kHz: `unisono render` (a project of one clip, through the real engine), and beside
# it ffmpeg's soxr at precision 28 and 20 and `sox rate -v`, whichever are on the PATH. All read a 16-bit WAV and write one.
# Runs are interleaved; printed are medians of CPU and wall-clock seconds, and CPU as a ratio to Unisono's. Then, for each tool,
# what becomes of tones: in the pass band their level, above 22.05 kHz what folds back, both in dB against the tone.
#
# usage: benches/resample.sh FOLDER [RUNS]     FOLDER/ten48.wav, as the bench material's script makes it; needs sox
#        UNISONO=path/to/unisono               default: target/release/unisono
set -euo pipefail
material=${1:?the folder that holds ten48.wav}
runs=${2:-5}
root=$(cd "$(dirname "$0")/.." && pwd)
unisono=${UNISONO:-$root/target/release/unisono}
work=$(mktemp -d "${TMPDIR:-/tmp}/resample.XXXXXX")
trap 'rm -rf "$work"' EXIT
# shellcheck source=benches/measure.sh
source "$root/benches/measure.sh"
[ "$runs" -ge 3 ] || { echo "at least 3 runs" >&2; exit 2; }

# A project at 44.1 kHz and 60 beats a minute with one clip: a beat is a second.
project() { # folder, recording, seconds
  mkdir -p "$1/audio"
  ln "$2" "$1/audio/f.wav" 2>/dev/null || cp "$2" "$1/audio/f.wav"
  cat > "$1/project.json" <<JSON
{"format":"unisono","version":1,"projectId":"p","recordMap":{
 "projects":{"p":{"id":"p","version":1,"name":"bench","bpm":60,"sampleRate":44100}},
 "tracks":{"t":{"id":"t","version":1,"projectId":"p","name":"t","type":"audio"}},
 "clips":{"c":{"id":"c","version":1,"trackId":"t","name":"c","startBeat":0,"durationBeats":$3,"audioFileId":"f"}},
 "audio_files":{"f":{"id":"f","version":1,"projectId":"p","filename":"f.wav","contentHash":"$(printf %064d 0)","sizeBytes":$(stat -c %s "$2")}}}}
JSON
}

unisono() { "$unisono" render "$1" -o "$3" --bits "$4"; }
soxr() { ffmpeg -nostdin -v error -y -threads 1 -i "$2" -af "aresample=resampler=soxr:precision=$5" -ar 44100 -c:a "$([ "$4" = 16 ] && echo pcm_s16le || echo pcm_f32le)" "$3"; }
soxr28() { soxr "$@" 28; }
soxr20() { soxr "$@" 20; }
sox_v() { if [ "$4" = 16 ]; then sox "$2" -b 16 "$3" rate -v 44100; else sox "$2" -e floating-point -b 32 "$3" rate -v 44100; fi; }

tools=(unisono)
! command -v ffmpeg > /dev/null || tools+=(soxr28 soxr20)
! command -v sox > /dev/null || tools+=(sox_v)
project "$work/ten" "$material/ten48.wav" 600
cat "$material/ten48.wav" > /dev/null
for ((n = 0; n < runs; n++)); do
  for tool in "${tools[@]}"; do measure "$tool" "$tool" "$work/ten" "$material/ten48.wav" "$work/out.wav" 16; done
done
printf '%-10s %8s %8s %8s   medians of %d, load %s\n' tool 'CPU s' 'wall s' ratio "$runs" "$(cut -d' ' -f1 /proc/loadavg)"
for tool in "${tools[@]}"; do printf '%-10s %s\n' "$tool" "$(figures "$tool" unisono)"; done

command -v sox > /dev/null || exit 0
# The level of the middle second: where tones begin and end there is more than the tone.
level() { sox "$1" -n trim 1 1 stats 2>&1 | awk '/^RMS lev dB/ { print $4 }'; }
printf '\n%-10s' 'tone, Hz'
printf ' %12s' "${tools[@]}"
printf '\n'
for hz in 1000 10000 18000 19000 20000 22060 22500 23000 23900; do
  sox -R -n -r 48000 -e floating-point -b 32 -c 2 "$work/tone.wav" synth 3 sine "$hz" gain -6
  before=$(level "$work/tone.wav")
  rm -rf "$work/tone"
  project "$work/tone" "$work/tone.wav" 3
  printf '%-10s' "$hz"
  for tool in "${tools[@]}"; do
    "$tool" "$work/tone" "$work/tone.wav" "$work/out.wav" 32f > /dev/null 2> "$work/errors" || { cat "$work/errors" >&2; exit 1; }
    printf ' %12s' "$(awk -v a="$(level "$work/out.wav")" -v b="$before" 'BEGIN { if (a == "-inf") print a; else printf "%.2f", a - b }')"
  done
  printf '\n'
done
