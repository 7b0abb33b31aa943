// measure.mjs PEER edits [CLIENTS] [SECONDS] | fanout [READERS] [SECONDS]: what `live` measures of Unisono, of a peer.
// The clients are in this process, the server is one of its own; an edit counts when every other client has it.
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { once } from 'node:events';
import { connect } from './clients.mjs';

/** Edits of one client that are on their way at the same time, as in `live`. */
const WINDOW = 256;
const BATCH = 32;
const TICKS_PER_SECOND = 100;

const [peer, mode, first, second] = process.argv.slice(2);
const server = spawn(process.execPath, ['servers.mjs', peer], { stdio: ['ignore', 'pipe', 'ignore'] });
const [line] = await once(server.stdout, 'data');
const port = Number(line.toString());

function cpuSeconds() {
  const stat = readFileSync(`/proc/${server.pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

function megabytes() {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${server.pid}/status`, 'utf8'))[1]) / 1024;
}

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

async function edits(count, seconds) {
  // What client i has seen of client j: the number of its last edit.
  const seen = Array.from({ length: count }, () => new Array(count).fill(0));
  const clients = [];
  for (let i = 0; i < count; i++) {
    clients.push(await connect(peer, port, i, (from, value) => (seen[i][from] = value)));
  }
  const sent = new Array(count).fill(0);
  const delivered = (j) => Math.min(...seen.filter((_, i) => i !== j).map((row) => row[j]));
  const [begun, cpu] = [performance.now(), cpuSeconds()];
  while (performance.now() - begun < seconds * 1000) {
    for (let i = 0; i < count; i++) {
      if (sent[i] + BATCH > delivered(i) + WINDOW) continue;
      for (let n = 0; n < BATCH; n++) clients[i].edit(++sent[i]);
    }
    await new Promise(setImmediate);
  }
  const limit = performance.now() + 30_000;
  while (sent.some((last, j) => delivered(j) < last)) {
    if (performance.now() > limit) throw new Error('not everything came');
    await pause(1);
  }
  const [wall, used] = [(performance.now() - begun) / 1000, cpuSeconds() - cpu];
  const total = sent.reduce((sum, one) => sum + one, 0);
  console.log(
    `${count} clients: ${total} edits, ${Math.round(total / wall)} a second, ${((used * 1e6) / total).toFixed(1)} µs of ` +
      `server CPU an edit, ${Math.round((used / wall) * 100)} % of a core, ${Math.round(megabytes())} MB`,
  );
}

async function fanout(readers, seconds) {
  const late = [];
  const clients = [await connect(peer, port, 0, () => {})];
  for (let i = 1; i <= readers; i++) {
    clients.push(await connect(peer, port, i, (from, value) => late.push(performance.now() - value)));
  }
  await pause(1000);
  late.length = 0;
  const cpu = cpuSeconds();
  const begun = performance.now();
  for (let n = 0; n < seconds * 100; n++) {
    const wait = begun + n * 10 - performance.now();
    if (wait > 0) await pause(wait);
    clients[0].edit(performance.now());
  }
  await pause(200);
  const used = cpuSeconds() - cpu;
  await pause(2000);
  late.sort((a, b) => a - b);
  const at = (part) => late[Math.floor(late.length * part)].toFixed(1);
  console.log(
    `${readers} readers: ${late.length} deliveries, p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, ` +
      `${((used * 1e4) / late.length).toFixed(3)} s of CPU per 10,000, ${Math.round(megabytes())} MB`,
  );
}

try {
  if (mode === 'edits') await edits(Number(first ?? 8), Number(second ?? 4));
  else await fanout(Number(first ?? 200), Number(second ?? 4));
} finally {
  server.kill('SIGKILL');
}
process.exit(0);
