// Measures reading ahead in Chromium: many stereo tracks, each at another place of a long recording, played for a minute.
//
// usage: node benches/streaming.mjs UNISONO MATERIAL.flac [TRACKS] [near|far] [one|some]
//   UNISONO: the binary; MATERIAL: ten minutes of stereo or more; for `one` an hour: sox ten.flac hour.flac repeat 5
//   near: it has been brought to the device first; far: it is read from the server, and nothing is kept
//   one: all tracks play one recording; some: it is uploaded once for each 25 tracks
import { spawn } from "node:child_process";
import { createHash, randomUUID } from "node:crypto";
import { mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";

const [binary, material, tracksText = "200", where = "near", which = "some"] = process.argv.slice(2);
const TRACKS = Number(tracksText);
const PLAYED_SECONDS = 60;
/** Between one track's place in the recording and the next one's. */
const APART_SECONDS = 17;
/** Tracks of one recording. */
const TRACKS_EACH = which === "one" ? TRACKS : 25;

const free = () => new Promise((done) => {
  const probe = createServer().listen(0, "127.0.0.1", () => {
    const { port } = probe.address();
    probe.close(() => done(port));
  });
});
const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

const folder = mkdtempSync(join(tmpdir(), "unisono-streaming-"));
const base = `http://127.0.0.1:${await free()}`;
const server = spawn(binary, ["serve", "--demo", "--listen", new URL(base).host, "--data", folder], { stdio: "ignore" });
process.once("exit", () => (server.kill("SIGKILL"), rmSync(folder, { recursive: true, force: true })));
while (!(await fetch(`${base}/health/ready`).then((answer) => answer.ok, () => false))) await sleep(100);

const profile = mkdtempSync(join(tmpdir(), "unisono-profile-"));
process.once("exit", () => rmSync(profile, { recursive: true, force: true }));
const context = await chromium.launchPersistentContext(profile, {
  executablePath: process.env.UNISONO_CHROMIUM ?? "/usr/bin/chromium",
  baseURL: base,
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--autoplay-policy=no-user-gesture-required"],
});
let page = context.pages()[0];
const complain = (page) => page.on("console", (message) => ["error", "warning"].includes(message.type()) && console.log(`page: ${message.text()}`));
complain(page);

async function call(path, body, method = body ? "POST" : "GET") {
  const answer = await page.request.fetch(path, { method, data: body });
  if (!answer.ok()) throw new Error(`${path}: ${answer.status()} ${await answer.text()}`);
  return answer.json();
}
const { user } = await call("/api/auth/login", { email: "user1@example.com", password: "password" });
const create = (table, id, value) => ({ type: "set", table, id, key: "", value: { id, ...value } });
const write = (operations) => call("/api/realtime/write", { txId: randomUUID(), authorId: user.id, operations, clientTimestamp: Date.now() });

const bytes = readFileSync(material);
const project = randomUUID();
const contentHash = createHash("sha256").update(bytes).digest("hex");
await write([create("projects", project, { name: "Long", bpm: 120 })]);

/** Uploads the material as one more recording, and waits until it can be played. */
async function recording(name) {
  const id = randomUUID();
  await write([create("audio_files", id, { projectId: project, filename: name, contentHash, sizeBytes: bytes.length })]);
  const signed = await call(`/api/audio-files/${id}/upload`, {});
  const sent = await fetch(new URL(signed.url, base), { method: signed.method, headers: signed.headers, body: bytes });
  if (!sent.ok) throw new Error(await sent.text());
  for (;;) {
    const { recordMap } = await call("/api/realtime/getRecords", { pointers: [{ table: "audio_files", id }] });
    const { state, refusal, durationSeconds } = recordMap.audio_files[id];
    if (state === "refused") throw new Error(refusal);
    if (state === "ready") return { id, seconds: durationSeconds };
    await sleep(300);
  }
}
const recordings = [];
for (let n = 0; n * TRACKS_EACH < TRACKS; n++) recordings.push(await recording(`long ${n + 1}.flac`));
/** What is played and jumped over must lie within the recording, wherever a track begins. */
const places = recordings[0].seconds - 500;
if (places <= 0) throw new Error("The material is too short.");
const tracks = Array.from({ length: TRACKS }, () => randomUUID());
for (let first = 0; first < TRACKS; first += 100) {
  const some = tracks.slice(first, first + 100);
  await write(some.flatMap((id, n) => [
    create("tracks", id, { projectId: project, name: `Track ${first + n + 1}`, type: "audio", volume: 0.05 }),
    create("clips", randomUUID(), { trackId: id, name: "Long", audioFileId: recordings[Math.floor((first + n) / TRACKS_EACH)].id, startBeat: 0, durationBeats: 980,
      audioStartOffset: ((first + n) * APART_SECONDS) % places }),
  ]));
}

await context.addInitScript((quota) => localStorage.setItem("unisono.audio.quota", quota), where === "near" ? "2000000000" : "0");
await page.goto(`/projects/${project}`);
await page.waitForSelector("[data-project-id]");
if (where === "near") {
  // Whole: while it is coming it has another name, `HASH.SIZE.….part`, and the browser a copy of that (`….crswap`).
  const isKept = (least) => page.evaluate(async (least) => {
    const walk = async (folder) => {
      for await (const [name, handle] of folder.entries()) {
        if (handle.kind === "directory" ? await walk(handle) : /^[0-9a-f]{64}\.\d+$/.test(name) && (await handle.getFile()).size >= least) return true;
      }
      return false;
    };
    return walk(await navigator.storage.getDirectory());
  }, least);
  while (!(await isKept(recordings[0].seconds * 88_200))) await sleep(500);
  // What bringing it has left in memory is not what is measured.
  await page.close();
  page = await context.newPage();
  complain(page);
  await page.goto(`/projects/${project}`);
  await page.waitForSelector("[data-project-id]");
}
/** Requests for parts of recordings: none where they are near. */
let ranges = 0;
context.on("request", (request) => (ranges += request.headers().range ? 1 : 0));

/** Resident bytes of the browser's processes, by kind. */
function memory() {
  const sums = {};
  for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    try {
      const command = readFileSync(`/proc/${pid}/cmdline`, "utf8");
      if (!command.includes(profile) && !command.includes("--type=")) continue;
      if (!command.includes("chrom")) continue;
      const kind = /--type=([a-z-]+)/.exec(command)?.[1] ?? "browser";
      if (!ours(pid)) continue;
      const status = readFileSync(`/proc/${pid}/status`, "utf8");
      sums[kind] = Math.max(sums[kind] ?? 0, Number(/VmRSS:\s+(\d+)/.exec(status)[1]) / 1024);
    } catch {
      // It has ended.
    }
  }
  return sums;
}
/** Whether a process descends from this one. */
function ours(pid) {
  for (let at = Number(pid); at > 1; ) {
    if (at === process.pid) return true;
    at = Number(/\) \S (\d+)/.exec(readFileSync(`/proc/${at}/stat`, "utf8"))[1]);
  }
  return false;
}
/** What the largest process of the page has resident, by what maps it, in MiB. */
function mapped() {
  const sums = {};
  let largest = [0];
  for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    try {
      if (!readFileSync(`/proc/${pid}/cmdline`, "utf8").includes("--type=renderer") || !ours(pid)) continue;
      const size = Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))[1]);
      if (size > largest[0]) largest = [size, pid];
    } catch {
      // It has ended.
    }
  }
  let name = "";
  for (const line of readFileSync(`/proc/${largest[1]}/smaps`, "utf8").split("\n")) {
    const mapping = /^[0-9a-f]+-[0-9a-f]+ (\S+) \S+ \S+ \S+\s*(.*)$/.exec(line);
    if (mapping) name = mapping[2].replace(/^\/.*\//, "").replace(/:[^\]]*/, "").replace(/\d{3,}/g, "") || `anonymous ${mapping[1]}`;
    const resident = /^Rss:\s+(\d+)/.exec(line);
    if (resident) sums[name] = (sums[name] ?? 0) + Number(resident[1]) / 1024;
  }
  return Object.entries(sums).filter(([, size]) => size >= 4).sort((a, b) => b[1] - a[1]).map(([name, size]) => `${name} ${size.toFixed(0)}`).join(", ");
}
/** What the browser itself says of the page, its worker and its worklet, in MiB. */
const told = () => page.evaluate(async () => {
  const { bytes, breakdown } = await performance.measureUserAgentSpecificMemory();
  const parts = breakdown.filter((part) => part.bytes > 1 << 20).map((part) => `${part.types.join("+") || "?"} ${part.attribution.map((at) => at.scope).join("+")} ${(part.bytes / (1 << 20)).toFixed(0)}`);
  return `${(bytes / (1 << 20)).toFixed(0)}: ${parts.join(", ")}`;
});
/** What the browser's allocators hold in the page's process by their own account (memory-infra), in MiB. */
async function allocators() {
  const session = await context.newCDPSession(page);
  const events = [];
  session.on("Tracing.dataCollected", ({ value }) => events.push(...value));
  const ended = new Promise((done) => session.once("Tracing.tracingComplete", done));
  const traceConfig = { includedCategories: ["disabled-by-default-memory-infra"], excludedCategories: ["*"], memoryDumpConfig: { triggers: [] } };
  await session.send("Tracing.start", { transferMode: "ReportEvents", traceConfig });
  await session.send("Tracing.requestMemoryDump", { levelOfDetail: "detailed" });
  await session.send("Tracing.end");
  await ended;
  const size = (dump) => parseInt(dump?.attrs?.size?.value ?? "0", 16) / (1 << 20);
  const dumps = events.filter((event) => event.ph === "v").map((event) => event.args.dumps.allocators).filter(Boolean);
  // The process with most in V8.
  const of = (all) => Object.entries(all).filter(([name]) => name.startsWith("v8")).reduce((sum, [, dump]) => sum + size(dump), 0);
  const largest = dumps.sort((a, b) => of(b) - of(a))[0] ?? {};
  const parts = Object.entries(largest).filter(([name, dump]) => name.split("/").length <= 3 && size(dump) >= 4).sort((a, b) => size(b[1]) - size(a[1]));
  return parts.map(([name, dump]) => `${name.replace(/0x[0-9A-Fa-f]+|\d{4,}/g, "…")} ${size(dump).toFixed(0)}`).join(", ");
}
const text = (id) => page.getByTestId(id).textContent();
const position = async () => {
  const [minutes, seconds] = (await page.getByTestId("position").locator(".lcd-time").textContent()).split(":");
  return Number(minutes) * 60 + Number(seconds);
};

// The first Play starts the audio thread and makes the pool.
await page.getByTestId("play").click();
await sleep(5_000);
await page.getByTestId("stop").click();
await page.getByTestId("to-start").click();
await sleep(1_000);
console.log(`while the pool was made: gaps ${await text("gaps")}`);
const gapsBefore = Number(await text("gaps"));
const gaps = async () => Number(await text("gaps")) - gapsBefore;
const asked = performance.now();
await page.getByTestId("play").click();
while ((await position()) < 0.05) await sleep(20);
console.log(`from Play to sound: ${(performance.now() - asked).toFixed(0)} ms`);
const [from, began] = [await position(), performance.now()];
let most = {};
let silent = 0;
for (let second = 0; second < PLAYED_SECONDS; second += 1) {
  await sleep(1_000);
  for (const [kind, size] of Object.entries(memory())) most[kind] = Math.max(most[kind] ?? 0, size);
  silent += Number(await page.getByTestId("meter-master").getAttribute("data-peak-db")) < -60 ? 1 : 0;
}
console.log(`${TRACKS} tracks, ${where}: played ${((await position()) - from).toFixed(1)} s in ${((performance.now() - began) / 1000).toFixed(1)} s`);
console.log(`gaps ${await gaps()}, underruns ${await text("underruns")}, silent seconds ${silent}, ranges from the server ${ranges}, load ${readFileSync("/proc/loadavg", "utf8").trim()}`);
console.log(`largest resident memory, MiB: ${JSON.stringify(Object.fromEntries(Object.entries(most).map(([kind, size]) => [kind, Math.round(size)])))}`);
console.log(`mapped in the page's process, MiB: ${mapped()}`);
console.log(`allocators there, MiB: ${await Promise.race([allocators(), sleep(20_000).then(() => "nothing in 20 s")])}`);
await page.getByTestId("stop").click();
console.log(`told by the browser, MiB: ${await Promise.race([told(), sleep(40_000).then(() => "nothing in 40 s")])}; mapped then ${mapped()}`);
await page.getByTestId("play").click();
await page.getByTestId("to-start").click();
await page.getByTestId("ruler").focus();
const jumps = [];
for (let n = 0; n < 10; n += 1) {
  for (let bars = 0; bars < 20; bars += 1) await page.keyboard.press("Shift+ArrowRight");
  const pressed = performance.now();
  await page.waitForFunction(() => !document.querySelector("[data-testid=play]").classList.contains("is-starting"));
  const waited = performance.now() - pressed;
  const before = await gaps();
  await sleep(500);
  jumps.push(`${waited.toFixed(0)} (${(await gaps()) - before})`);
}
console.log(`ten jumps by 40 s, waited in ms (gaps in the half second behind it): ${jumps.join(", ")}; gaps ${await gaps()}, underruns ${await text("underruns")}, ranges from the server ${ranges}`);
await context.close();
process.exit(0);
