// Mixes 32 stereo stems of 3 minutes, each with a gain and a pan, in Chromium's OfflineAudioContext and by `unisono render`, by turns. Of Chromium the
// rendering alone counts: its stems are decoded and its graph is made before; `unisono render` reads and writes files as well. CPU seconds are those of
// Chromium's renderer processes, and of the process that renders; printed are medians.
//
// usage: node benches/offline_context.mjs FOLDER [RUNS]     FOLDER/stems/t00.wav … t31.wav, as for benches/mixdown.sh
//        UNISONO=path/to/unisono                            default: target/release/unisono
import { execFileSync } from "node:child_process";
import { copyFileSync, createReadStream, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";

const [STEMS, SECONDS, RATE, TICKS_PER_SECOND] = [32, 180, 44_100, 100];
const [folder, runs = "3"] = process.argv.slice(2);
if (!folder) throw new Error("usage: node benches/offline_context.mjs FOLDER [RUNS]");
const unisono = process.env.UNISONO ?? join(dirname(fileURLToPath(import.meta.url)), "../target/release/unisono");
const numbers = [...Array(STEMS).keys()];
const stem = (i) => join(folder, "stems", `t${String(i).padStart(2, "0")}.wav`);
const gain = (i) => 0.12 + 0.01 * (i % 9);
const pan = (i) => -0.8 + 0.05 * i;
const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];
/** Seconds from two fields of a /proc/PID/stat, counted as in proc(5): its second field is a name in brackets. */
const cpu = (stat, first) => {
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[first - 3]) + Number(fields[first - 2])) / TICKS_PER_SECOND;
};

// The archive: at 60 beats a minute a beat is a second.
const work = mkdtempSync(join(tmpdir(), "offline-context-"));
const project = join(work, "project");
mkdirSync(join(project, "audio"), { recursive: true });
const table = (prefix, record) => Object.fromEntries(numbers.map((i) => [`${prefix}${i}`, { id: `${prefix}${i}`, version: 1, name: `${i}`, ...record(i) }]));
const files = table("f", (i) => ({ projectId: "p", filename: `${i}.wav`, contentHash: `${i}`.padStart(64, "0"), sizeBytes: statSync(stem(i)).size }));
for (const file of Object.values(files)) delete file.name;
writeFileSync(join(project, "project.json"), JSON.stringify({
  format: "unisono",
  version: 1,
  projectId: "p",
  recordMap: {
    projects: { p: { id: "p", version: 1, name: "bench", bpm: 60, sampleRate: RATE } },
    tracks: table("k", (i) => ({ projectId: "p", type: "audio", orderKey: (128 + i).toString(16), volume: gain(i), pan: pan(i) })),
    clips: table("c", (i) => ({ trackId: `k${i}`, startBeat: 0, durationBeats: SECONDS, audioFileId: `f${i}` })),
    audio_files: files,
  },
}));
for (const i of numbers) copyFileSync(stem(i), join(project, "audio", `f${i}.wav`));

/** CPU seconds of one render: those of the shell's only child. */
function render() {
  const command = '"$0" render "$1" --output "$2" --bits 16 > /dev/null 2>&1 || exit 1; cat /proc/$$/stat';
  return cpu(execFileSync("sh", ["-c", command, unisono, project, join(work, "mix.wav")], { encoding: "utf8" }), 16);
}

const server = createServer((request, response) => {
  const number = Number(request.url.slice(1));
  if (!numbers.includes(number) || request.url === "/") {
    response.writeHead(200, { "content-type": "text/html" }).end("<title>bench</title>");
    return;
  }
  createReadStream(stem(number)).pipe(response);
});
await new Promise((listens) => { server.listen(0, "127.0.0.1", listens); });
const browser = await chromium.launch({
  executablePath: process.env.UNISONO_CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
});
try {
  const page = await browser.newPage();
  await page.goto(`http://127.0.0.1:${server.address().port}/`);
  await page.evaluate(async ({ numbers, RATE }) => {
    window.buffers = [];
    for (const number of numbers) {
      const bytes = await (await fetch(`/${number}`)).arrayBuffer();
      window.buffers.push(await new OfflineAudioContext(2, 1, RATE).decodeAudioData(bytes));
    }
  }, { numbers, RATE });
  const session = await browser.newBrowserCDPSession();
  const rendererCpu = async () => {
    const { processInfo } = await session.send("SystemInfo.getProcessInfo");
    const renderers = processInfo.filter(({ type }) => type === "renderer");
    return renderers.reduce((sum, { id }) => sum + cpu(readFileSync(`/proc/${id}/stat`, "utf8"), 14), 0);
  };
  const [ofChromium, walls, ofUnisono] = [[], [], []];
  render();
  for (let run = 0; run < Number(runs); run += 1) {
    await page.evaluate(({ mix, RATE, SECONDS }) => {
      const context = new OfflineAudioContext(2, SECONDS * RATE, RATE);
      for (const [number, { gain, pan }] of mix.entries()) {
        const source = new AudioBufferSourceNode(context, { buffer: window.buffers[number] });
        source.connect(new GainNode(context, { gain })).connect(new StereoPannerNode(context, { pan })).connect(context.destination);
        source.start();
      }
      window.context = context;
    }, { mix: numbers.map((i) => ({ gain: gain(i), pan: pan(i) })), RATE, SECONDS });
    const before = await rendererCpu();
    const wall = await page.evaluate(async () => {
      const began = performance.now();
      window.mix = await window.context.startRendering();
      return (performance.now() - began) / 1_000;
    });
    ofChromium.push((await rendererCpu()) - before);
    const isSilent = await page.evaluate(() => window.mix.getChannelData(0).every((sample) => sample === 0));
    if (isSilent) throw new Error("Chromium has rendered silence");
    walls.push(wall);
    ofUnisono.push(render());
  }
  const [chromiums, ours] = [median(ofChromium), median(ofUnisono)];
  console.log(`OfflineAudioContext, rendering only: ${chromiums.toFixed(2)} CPU s (${median(walls).toFixed(2)} s of wall clock); runs ${ofChromium.map((it) => it.toFixed(2)).join(", ")}`);
  console.log(`unisono render, files included:      ${ours.toFixed(2)} CPU s; runs ${ofUnisono.map((it) => it.toFixed(2)).join(", ")}`);
  console.log(`${(chromiums / ours).toFixed(1)} times less CPU, medians of ${runs}, Chromium ${browser.version()}`);
} finally {
  await browser.close();
  server.close();
  rmSync(work, { recursive: true });
}
