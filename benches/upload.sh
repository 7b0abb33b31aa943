#!/bin/bash
# Uploads one recording of just under 500 MB to a fresh server and prints how much memory the server held: before, at most
# during the upload, and at most until the job had measured the file.
#
# usage: benches/upload.sh [SECONDS_OF_AUDIO]     2600 s of 16-bit stereo at 48 kHz are 499 MB; needs sox, curl, Linux
#        UNISONO=path/to/unisono                  default: target/release/unisono
set -euo pipefail
seconds=${1:-2600}
root=$(cd "$(dirname "$0")/.." && pwd)
unisono=${UNISONO:-$root/target/release/unisono}
work=$(mktemp -d "${TMPDIR:-/tmp}/upload.XXXXXX")
server=
trap '[ -z "$server" ] || kill "$server" 2>/dev/null; rm -rf "$work"' EXIT

sox -R -n -r 48000 -b 16 -c 2 "$work/long.wav" synth "$seconds" sine 220 sine 221 gain -6
size=$(stat -c %s "$work/long.wav")
hash=$(sha256sum "$work/long.wav" | cut -d' ' -f1)

"$unisono" serve --listen 127.0.0.1:0 --data "$work/data" > "$work/log" 2>&1 &
server=$!
for _ in $(seq 100); do grep -q '^Unisono is at' "$work/log" && break; sleep 0.1; done
url=$(sed -n 's|^Unisono is at \(.*\)/$|\1|p' "$work/log")
ask() { curl -sS --fail-with-body -b "$work/jar" -c "$work/jar" -H 'content-type: application/json' -d "$2" "$url$1"; }
memory() { awk '/^VmHWM|^VmRSS/ { printf "%s %.1f MB  ", $1, $2 / 1024 } END { print "" }' "/proc/$server/status"; }

user=$(ask /api/auth/signup '{"email":"bench@example.com","password":"a long password","name":"Bench"}' | sed 's/.*"id":"\([^"]*\)".*/\1/')
ask /api/realtime/write '{"txId":"make","authorId":"'"$user"'","clientTimestamp":0,"operations":[
  {"type":"set","table":"projects","id":"p","key":"","value":{"id":"p","name":"Bench"}},
  {"type":"set","table":"audio_files","id":"f","key":"","value":{"id":"f","projectId":"p","filename":"long.wav","contentHash":"'"$hash"'","sizeBytes":'"$size"'}}]}' > /dev/null
target=$(ask /api/audio-files/f/upload '{}' | sed 's/.*"url":"\([^"]*\)".*/\1/')
echo "before:        $(memory)"
TIMEFORMAT="upload:        %R s for $size bytes"
time curl -sS --fail-with-body -T "$work/long.wav" "$url$target"
echo "after it:      $(memory)"
started=$(date +%s%N)
until curl -sS -b "$work/jar" "$url/api/projects/p/records" | grep -q '"state":"ready"'; do
  curl -sS -b "$work/jar" "$url/api/projects/p/records" | grep -o '"refusal":"[^"]*"' && exit 1
  sleep 0.1
done
awk -v ns="$(($(date +%s%N) - started))" 'BEGIN { printf "measured:      %.1f s later\n", ns / 1e9 }'
echo "after the job: $(memory)"
