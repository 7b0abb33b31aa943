// Measures the studio in Chromium against a running server: first load, another client's screen, and an edit among 10,000 clips.
//
// usage: node benches/studio.mjs http://127.0.0.1:8080 [load | live | clips]     (a server started with --demo, e.g. by ./run)
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
  const opens = [];
  for (let n = 0; n < 7; n += 1) {
    const began = performance.now();
    await one.page.goto(`${base}/projects/${project}`);
    await one.page.waitForSelector("[data-project-id]");
    opens.push(performance.now() - began);
    await one.page.locator('[data-testid="clip"]').first().waitFor();
    await one.page.waitForTimeout(300);
  }
  show(`a project of ${CLIPS} clips opens`, opens);
  await one.page.locator('[data-testid="clip"]').first().focus();
  await one.page.waitForTimeout(500);
  await edits(one.page);
  await own(one.page);
  await keys(one.page);
  await frames(one.page, "scrolling", (n) => ({ deltaX: n % 120 < 60 ? 60 : -60 }));
  await frames(one.page, "zooming, from near to the whole song and back", (n) => ({ deltaY: n % 80 < 40 ? 30 : -30, ctrlKey: true }));
  await one.context.close();
}

// A frame's callbacks, layout and paint are done when a message that was posted in one of the callbacks arrives: that is the earliest
// that a page can know of. So one frame can be seen, where counting callbacks sees two.
async function edits(page) {
  const { applied, busy, shown, next } = await page.evaluate(async () => {
    const [applied, busy, shown] = [[], [], []];
    // The lanes' canvas is cleared whenever it is painted: so we know whether it was in this frame.
    let repaints = 0;
    let next = 0;
    const { clearRect } = CanvasRenderingContext2D.prototype;
    CanvasRenderingContext2D.prototype.clearRect = function (...area) {
      repaints += this.canvas.className === "lanes-canvas" ? 1 : 0;
      return clearRect.apply(this, area);
    };
    const task = () => new Promise((resolve) => {
      const { port1, port2 } = new MessageChannel();
      port1.onmessage = () => resolve(performance.now());
      port2.postMessage(0);
    });
    const frame = () => new Promise((resolve) => requestAnimationFrame(async () => {
      const began = performance.now();
      resolve({ began, painted: await task() });
    }));
    for (let n = 0; n < 300; n += 1) {
      // Not in step with the screen: a finger is not either.
      await new Promise((resolve) => setTimeout(resolve, 40 + (n * 7) % 17));
      const target = document.activeElement;
      const [place, before] = [target.dataset.startBeat, repaints];
      const key = n % 40 < 20 ? "ArrowRight" : "ArrowLeft";
      const began = performance.now();
      target.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));
      applied.push(performance.now() - began);
      const coming = frame();
      // What the signals set off runs before the next task.
      const settled = await Promise.race([task(), coming.then((frame) => frame.began)]);
      const { began: frameBegan, painted } = await coming;
      next += repaints > before ? 1 : 0;
      if (target.dataset.startBeat === place) throw new Error(`edit ${n} moved nothing`);
      busy.push(settled - began + (painted - frameBegan));
      shown.push(painted - began);
    }
    return { applied, busy, shown, next };
  });
  show(`an edit among ${CLIPS} clips: the key's handler, replica and signals included`, applied);
  show("  all work for it: handler, effects, the frame's callbacks, layout and paint", busy);
  show("  from the key until its frame is painted, the wait for the screen included", shown);
  console.log(`  painted in the very next frame: ${next} of ${shown.length}`);
}

// The processor time that the page's thread itself takes in the handler, by the browser's own trace: without the time in which the
// system has given the processor to another thread, which on a busy machine is most of the slow ones.
async function own(page) {
  const cdp = await browser.newBrowserCDPSession();
  const events = [];
  cdp.on("Tracing.dataCollected", ({ value }) => events.push(...value));
  await cdp.send("Tracing.start", { traceConfig: { includedCategories: ["devtools.timeline"] } });
  await page.evaluate(async () => {
    for (let n = 0; n < 300; n += 1) {
      await new Promise((resolve) => setTimeout(resolve, 40 + (n * 7) % 17));
      const key = n % 40 < 20 ? "ArrowRight" : "ArrowLeft";
      document.activeElement.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));
      await new Promise((resolve) => requestAnimationFrame(resolve));
    }
  });
  const complete = new Promise((resolve) => cdp.once("Tracing.tracingComplete", resolve));
  await cdp.send("Tracing.end");
  await complete;
  const handlers = events.filter((event) => event.name === "EventDispatch" && event.args?.data?.type === "keydown" && event.tdur !== undefined);
  show("  the thread's own processor time in it, by a trace", handlers.map((event) => event.tdur / 1_000));
}

// The same with keys that go through the browser, as the browser itself measures it: until the frame is presented.
async function keys(page) {
  const pressed = 100;
  await page.evaluate(() => {
    window.slow = [];
    new PerformanceObserver((list) => window.slow.push(...list.getEntriesByName("keydown").map((entry) => entry.duration)))
      .observe({ type: "event", durationThreshold: 16 });
    addEventListener("keydown", () => { for (const began = performance.now(); performance.now() - began < 40;); }, { once: true });
  });
  await page.keyboard.press("ArrowRight");
  // Told once the frame is presented, which may take its time.
  const control = await page.waitForFunction(() => window.slow.some((duration) => duration >= 40), null, { timeout: 3_000 }).catch(() => undefined);
  if (control === undefined) return console.log("  this browser's Event Timing does not see a key that takes 40 ms: not measured");
  await page.evaluate(() => window.slow.splice(0));
  const place = () => page.evaluate(() => document.activeElement.dataset.startBeat);
  for (let n = 0; n < pressed; n += 1) {
    const before = await place();
    await page.keyboard.press(n % 40 < 20 ? "ArrowRight" : "ArrowLeft");
    await page.waitForTimeout(40 + (n * 7) % 17);
    if ((await place()) === before) throw new Error(`key ${n} moved nothing`);
  }
  const slow = await page.evaluate(() => window.slow);
  const over = (limit) => slow.filter((duration) => duration >= limit).length;
  console.log(`  of ${pressed} keys pressed, by Event Timing (steps of 8 ms): ${pressed - over(16)} presented within 16 ms, ${pressed - over(24)} within 24, ${pressed - over(32)} within 32`);
}

async function frames(page, name, wheel) {
  const { spans, work } = await page.evaluate(async (wheels) => {
    const canvas = document.querySelector(".lanes-canvas");
    const { left, top } = canvas.getBoundingClientRect();
    const [spans, work] = [[], []];
    let last;
    for (const wheel of wheels) {
      await new Promise((resolve) => requestAnimationFrame((now) => {
        const began = performance.now();
        if (last !== undefined) spans.push(now - last);
        last = now;
        canvas.dispatchEvent(new WheelEvent("wheel", { ...wheel, clientX: left + 400, clientY: top + 200, bubbles: true, cancelable: true }));
        const { port1, port2 } = new MessageChannel();
        port1.onmessage = () => { work.push(performance.now() - began); resolve(); };
        port2.postMessage(0);
      }));
    }
    return { spans, work };
  }, Array.from({ length: 240 }, (_, n) => wheel(n)));
  show(`${name}: work in a frame`, work);
  show(`${name}: from frame to frame (${spans.filter((span) => span > 25).length} of ${spans.length} came late)`, spans);
}

const parts = { load: firstLoad, live: anothersScreen, clips: manyClips };
for (const [name, part] of Object.entries(parts)) {
  if (!process.argv[3] || process.argv[3] === name) await part();
}
await browser.close();
