// Measures the studio in Chromium against a running server: first load, another client's screen, and an edit among 10,000 clips.
//
// usage: node benches/studio.mjs http://127.0.0.1:8080     (a server started with --demo, e.g. by ./run)
import { randomUUID } from "node:crypto";
import { chromium } from "playwright-core";

const base = process.argv[2] ?? "http://127.0.0.1:8080";
const CLIPS = 10_000;
const TRACKS = 50;
const quantile = (values, q) => [...values].sort((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * q))];
const show = (name, values, unit = "ms") =>
  console.log(`${name}: median ${quantile(values, 0.5).toFixed(2)} ${unit}, p99 ${quantile(values, 0.99).toFixed(2)} ${unit}, n = ${values.length}`);

const browser = await chromium.launch({
  executablePath: process.env.UNISONO_CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
});

async function musician(name) {
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 } });
  const page = await context.newPage();
  await page.goto(`${base}/login`);
  await page.fill("[name=email]", `${name}@example.com`);
  await page.fill("[name=password]", "password");
  await page.click("button[type=submit]");
  await page.waitForURL("**/projects");
  return { context, page };
}

async function call(page, path, body) {
  const answer = await page.request.fetch(base + path, { method: body ? "POST" : "GET", data: body });
  if (!answer.ok()) throw new Error(`${path}: ${answer.status()} ${await answer.text()}`);
  return answer.json();
}

async function makeProject({ page }, clips) {
  const { user } = await call(page, "/api/auth/me");
  const project = randomUUID();
  const create = (table, id, value) => ({ type: "set", table, id, key: "", value: { id, ...value } });
  const write = (operations) =>
    call(page, "/api/realtime/write", { txId: randomUUID(), authorId: user.id, operations, clientTimestamp: Date.now() });
  const tracks = Array.from({ length: TRACKS }, () => randomUUID());
  await write([
    create("projects", project, { name: `${clips} clips` }),
    ...tracks.map((id, n) => create("tracks", id, { projectId: project, name: `Track ${n + 1}`, type: "audio" })),
  ]);
  for (let first = 0; first < clips; first += 1_000) {
    const some = Array.from({ length: Math.min(1_000, clips - first) }, (_, n) => first + n);
    await write(some.map((n) => create("clips", randomUUID(), {
      trackId: tracks[n % TRACKS], name: `Clip ${n}`, startBeat: Math.floor(n / TRACKS) * 2, durationBeats: 1.5,
    })));
  }
  await call(page, `/api/projects/${project}/members`, { email: "user2@example.com", role: "editor" });
  return project;
}

async function firstLoad() {
  const times = [];
  let bytes = 0;
  for (let n = 0; n < 5; n += 1) {
    const { context, page } = await musician("user1");
    const { projects } = await call(page, "/api/projects");
    const cold = await context.newPage();
    const network = await context.newCDPSession(cold);
    await network.send("Network.enable");
    await network.send("Network.setCacheDisabled", { cacheDisabled: true });
    bytes = 0;
    network.on("Network.loadingFinished", (event) => { bytes += event.encodedDataLength; });
    const began = performance.now();
    await cold.goto(`${base}/projects/${projects.at(-1).id}`, { waitUntil: "commit" });
    await cold.waitForSelector("[data-project-id]");
    times.push(performance.now() - began);
    await context.close();
  }
  show("first load of a project, nothing cached, until it can be edited", times);
  console.log(`bytes of that load, compressed: ${(bytes / 1024).toFixed(0)} KiB`);
}

async function anothersScreen() {
  const [one, two] = [await musician("user1"), await musician("user2")];
  const project = await makeProject(one, 100);
  for (const { page } of [one, two]) {
    await page.goto(`${base}/projects/${project}`);
    await page.waitForSelector("[data-project-id]");
  }
  await two.page.bringToFront();
  const times = [];
  for (let n = 0; n < 60; n += 1) {
    const value = String(100 + n);
    const seen = two.page.evaluate((value) => new Promise((resolve) => {
      const look = () => {
        if (document.querySelector("[name=bpm]").value === value) resolve(performance.timeOrigin + performance.now());
        else requestAnimationFrame(look);
      };
      look();
    }), value);
    await new Promise((resolve) => setTimeout(resolve, 50));
    const sent = await one.page.evaluate((value) => {
      const input = document.querySelector("[name=bpm]");
      input.focus();
      input.value = value;
      input.dispatchEvent(new Event("input", { bubbles: true }));
      const now = performance.timeOrigin + performance.now();
      input.blur();
      return now;
    }, value);
    times.push((await seen) - sent);
  }
  show("from an edit to another client's screen, both on this machine", times);
  for (const { context } of [one, two]) await context.close();
}

async function manyClips() {
  const one = await musician("user1");
  const project = await makeProject(one, CLIPS);
  const began = performance.now();
  await one.page.goto(`${base}/projects/${project}`);
  await one.page.waitForSelector("[data-project-id]");
  console.log(`a project of ${CLIPS} clips opens in ${(performance.now() - began).toFixed(0)} ms`);
  const clip = one.page.locator('[data-testid="clip"]').first();
  await clip.focus();
  const { applied, shown } = await one.page.evaluate(async () => {
    const [applied, shown] = [[], []];
    const frame = () => new Promise((resolve) => requestAnimationFrame(resolve));
    for (let n = 0; n < 300; n += 1) {
      await frame();
      const target = document.activeElement;
      const began = performance.now();
      target.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowRight", bubbles: true, cancelable: true }));
      applied.push(performance.now() - began);
      // The frame that shows it has been painted when the next one begins.
      await frame();
      await frame();
      shown.push(performance.now() - began);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    return { applied, shown };
  });
  show(`an edit among ${CLIPS} clips: the key's handler, replica and signals included`, applied);
  show(`an edit among ${CLIPS} clips: until the second frame after it begins (a frame is 16.7 ms)`, shown);
  await one.context.close();
}

await firstLoad();
await anothersScreen();
await manyClips();
await browser.close();
