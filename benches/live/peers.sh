#!/usr/bin/env bash
# The same two measurements of Unisono and of other ways to keep several browsers in step, one after the other in one run.
#
#   benches/live/peers.sh [ROUNDS]
#
# Needs target/release/unisono and target/release/examples/live (see ../README.md), Node.js, and npm's registry: the peers
# are installed, with fixed versions, into a folder outside the project that is deleted afterwards.
set -euo pipefail
cd "$(dirname "$0")/../.."
rounds=${1:-3}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cp benches/live/*.mjs "$folder"
(cd "$folder" && npm install --silent --no-audit --no-fund --ignore-scripts \
  @hocuspocus/server@3.4.4 @hocuspocus/provider@3.4.4 yjs@13.6.33 y-websocket@2.1.0 ws@8.23.0 \
  @tldraw/sync-core@5.1.1 @tldraw/store@5.1.1 @tldraw/tlschema@5.1.1 react@18 react-dom@18)
for round in $(seq "$rounds"); do
  echo "round $round, load $(cut -d ' ' -f 1 /proc/loadavg)"
  for mode in "edits 8 4" "fanout 200 4"; do
    # shellcheck disable=SC2086
    echo "  ${mode%% *} unisono: $(target/release/examples/live $mode)"
    # shellcheck disable=SC2086
    echo "  ${mode%% *} bare broadcaster: $(target/release/examples/live bare-$mode)"
    for peer in ws y-websocket hocuspocus tldraw; do
      # shellcheck disable=SC2086
      echo "  ${mode%% *} $peer: $(cd "$folder" && node measure.mjs "$peer" $mode)"
    done
  done
done
