// Measures exports made on the device: how many times real time, and whether the page stays awake meanwhile.
//
// usage: node benches/export.mjs http://127.0.0.1:8080     (a server started with --demo, e.g. by ./run)
import { chromium } from "playwright-core";

const base = process.argv[2] ?? "http://127.0.0.1:8080";
const SONG = "Last Ferry Home";
const ROUNDS = 3;
const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];

const browser = await chromium.launch({
  executablePath: process.env.UNISONO_CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
});
const page = await (await browser.newContext({ viewport: { width: 1440, height: 900 } })).newPage();
await page.goto(`${base}/login`);
await page.fill("[name=email]", "user1@example.com");
await page.fill("[name=password]", "password");
await page.click("button[type=submit]");
await page.waitForURL("**/projects");
await page.getByTestId("project-card").filter({ hasText: SONG }).getByRole("link").first().click();
await page.waitForSelector("[data-project-id]");
// Frames that come late say that the page was kept from drawing.
await page.evaluate(() => {
  window.gaps = [];
  let last = performance.now();
  const frame = (now) => {
    window.gaps.push(now - last);
    last = now;
    requestAnimationFrame(frame);
  };
  requestAnimationFrame(frame);
});
await page.locator(".topbar").getByTestId("export").click();
for (const format of ["wav", "flac", "mp3", "opus"]) {
  await page.locator(`label:has([name=format][value=${format}])`).click();
  const [speeds, gaps] = [[], []];
  for (let round = 0; round < ROUNDS; round += 1) {
    await page.evaluate(() => { window.gaps.length = 0; });
    const began = performance.now();
    await page.getByTestId("export-begin").click();
    await page.locator("[data-testid=export-dialog]:not([data-state=running])").waitFor({ timeout: 300_000 });
    const seconds = (performance.now() - began) / 1_000;
    gaps.push(...(await page.evaluate(() => window.gaps)));
    const about = await page.getByTestId("export-about").textContent();
    const [minutes, rest] = about.split(",")[0].split(":").map(Number);
    speeds.push((60 * minutes + rest) / seconds);
    await page.getByRole("button", { name: "Another" }).click();
  }
  const late = gaps.filter((gap) => gap > 50).length;
  console.log(`${format}: ${median(speeds).toFixed(1)} times real time; ${late} of ${gaps.length} frames later than 50 ms, the latest by ${Math.max(...gaps).toFixed(0)} ms`);
}
await browser.close();
