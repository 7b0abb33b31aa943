// Plays the heaviest song of the corpus for a minute in Chromium, in real time through the shipped worklet, and counts underruns.
//
// usage: node benches/heaviest.mjs CORPUS [SECONDS]     (run `cargo run --release -p engine --example corpus -- CORPUS` and
//        `cargo xtask wasm` before, in the root of the repository)
import { readFile } from "node:fs/promises";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";
import { chromium } from "playwright-core";

const [corpus, secondsText = "60"] = process.argv.slice(2);
const manifest = JSON.parse(readFileSync("dist/manifest.json", "utf8"));
const folders = { corpus, assets: "dist/assets", tests: "crates/audio_thread/e2e" };
const TYPES = { ".js": "text/javascript", ".mjs": "text/javascript", ".wasm": "application/wasm", ".json": "application/json" };
const server = createServer(async (request, response) => {
  const [, folder, ...rest] = normalize(new URL(request.url, "http://localhost").pathname).split("/");
  const headers = { "cross-origin-opener-policy": "same-origin", "cross-origin-embedder-policy": "require-corp" };
  try {
    const body = folder === "" ? "<!doctype html>" : await readFile(join(folders[folder], ...rest));
    const type = folder === "" ? "text/html" : TYPES[extname(request.url)] ?? "application/octet-stream";
    response.writeHead(200, { "content-type": type, ...headers }).end(body);
  } catch {
    response.writeHead(404).end();
  }
});
await new Promise((done) => server.listen(0, "127.0.0.1", done));

const browser = await chromium.launch({
  executablePath: process.env.UNISONO_CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--autoplay-policy=no-user-gesture-required"],
});
const page = await browser.newPage();
await page.goto(`http://127.0.0.1:${server.address().port}/`);
const said = await page.evaluate(async ({ workletUrl, wasmUrl, seconds }) => {
  const bits = await import("/tests/same-bits.mjs");
  const module = await WebAssembly.compileStreaming(fetch(wasmUrl));
  // Each rendered twice in blocks of 128 frames: the second time counts.
  const costs = [];
  for (const entry of await bits.loadCorpus(new URL("/corpus/", location.href))) {
    await bits.renderDirect(entry, { module });
    const began = performance.now();
    await bits.renderDirect(entry, { module });
    costs.push({ entry, load: (performance.now() - began) / 1000 / (entry.frames / entry.sampleRate) });
  }
  const { entry, load } = costs.sort((a, b) => b.load - a.load)[0];
  const context = new AudioContext({ sampleRate: entry.sampleRate });
  await context.audioWorklet.addModule(workletUrl);
  const status = new SharedArrayBuffer(4 * (16 + 2 * 64));
  // Again and again: four beats, which all of them reach.
  const initial = [...bits.messagesOf(entry).slice(0, -1), { type: "loop", start: 0, end: 4 * 967_680 }, { type: "play" }];
  const node = new AudioWorkletNode(context, "unisono", {
    numberOfInputs: 0,
    numberOfOutputs: 1,
    outputChannelCount: [2],
    processorOptions: { module, status, initial },
  });
  node.connect(context.destination);
  await context.resume();
  const words = new Int32Array(status);
  await new Promise((done) => setTimeout(done, 1_000));
  const from = words[5];
  // At which second of the sound the browser skipped or the device ran dry: the former is told at once, the latter within two seconds.
  const when = [];
  for (const end = performance.now() + 1_000 * seconds; performance.now() < end; ) {
    await new Promise((done) => setTimeout(done, 100));
    while (when.length < words[7]) when.push(((words[5] * 128) / entry.sampleRate).toFixed(1));
  }
  return { name: entry.name, load, blocks: words[5] - from, expected: Math.round((seconds * entry.sampleRate) / 128), underruns: words[7], when, starved: words[6], traps: words[8] };
}, { workletUrl: manifest["worklet.js"], wasmUrl: manifest["audio_thread.wasm"], seconds: Number(secondsText) });
console.log(`heaviest: ${said.name}, ${(said.load * 100).toFixed(1)} % of real time when rendered; played ${said.blocks} blocks of about ${said.expected}`);
console.log(`underruns ${said.underruns}${said.when.length > 0 ? ` (noticed at ${said.when.join(", ")} s)` : ""}, blocks without all they wanted ${said.starved}, traps ${said.traps}, load ${readFileSync("/proc/loadavg", "utf8").trim()}`);
await browser.close();
server.close();
