// The demo song, and the heaviest song of the corpus, in real time.
import { readFile } from 'node:fs/promises'
import { expect, test } from './band'
import { listen, putEarTo } from './ear'
import { serveFolders } from './still-life'

const SECONDS = 60
/** It is played for a minute at most, in thirds, until one of them is whole: a machine that is busy with something else may spoil two. */
const THIRDS = 3
const DEMO_SONG = 'Last Ferry Home'

test('the demo song plays in real time: a third of a minute without an underrun', async ({ alice }) => {
  const { page } = alice
  await putEarTo(page)
  await page.goto('/projects')
  await page.getByTestId('project-card').filter({ hasText: DEMO_SONG }).getByRole('link').first().click()
  await expect(page.locator('[data-project-id]')).toHaveCount(1)
  await expect(page.getByTestId('track')).not.toHaveCount(0)
  expect(await page.getByTestId('track').count()).toBeGreaterThanOrEqual(8)

  await page.getByTestId('play').click()
  await expect.poll(async () => (await listen(page)).at, { timeout: 30_000 }).toBeGreaterThan(0.5)
  /** Measured in the page: where the song is and what the clock says belong to one moment. */
  const third = (seconds: number) =>
    page.evaluate(async (seconds) => {
      const text = (place: string) => document.querySelector(`[data-testid=${place}]`)!.textContent!
      const frame = () => new Promise((done) => requestAnimationFrame(done))
      const now = async () => {
        await frame()
        const [minutes, rest] = document.querySelector('[data-testid=position] .lcd-time')!.textContent!.split(':')
        return { clock: performance.now() / 1000, at: Number(minutes) * 60 + Number(rest), underruns: Number(text('underruns')) }
      }
      const ear = (window as any).ear as AnalyserNode
      const heard = new Float32Array(ear.fftSize)
      let [silent, loudest] = [0, 0]
      const from = await now()
      for (let second = 1; second <= seconds; second++) {
        await new Promise((done) => setTimeout(done, (from.clock + second) * 1000 - performance.now()))
        ear.getFloatTimeDomainData(heard)
        const peak = heard.reduce((most, sample) => Math.max(most, Math.abs(sample)), 0)
        loudest = Math.max(loudest, peak)
        if (peak < 1e-4) silent++
      }
      const to = await now()
      return { played: to.at - from.at, passed: to.clock - from.clock, underruns: to.underruns - from.underruns, silent, loudest }
    }, seconds)
  const told: Awaited<ReturnType<typeof third>>[] = []
  const isWhole = ({ played, passed, underruns }: (typeof told)[0]) => underruns === 0 && Math.abs(played - passed) < 0.5
  while (told.length < THIRDS && !told.some(isWhole)) told.push(await third(SECONDS / THIRDS))
  expect(told.filter(isWhole), JSON.stringify(told)).toHaveLength(1)
  for (const { silent, loudest } of told) {
    expect(silent, 'seconds without any sound').toBeLessThan(2)
    expect(loudest).toBeGreaterThan(0.05)
    expect(loudest).toBeLessThan(1.0001)
  }
  expect(alice.complaints).toEqual([])
})

const CORPUS = process.env.UNISONO_CORPUS ?? 'target/corpus'
/** The corpus' song with a device of each kind; `benches/heaviest.mjs` looks which is the heaviest. */
const HEAVIEST = 'every_device'

test('the heaviest song of the corpus plays in real time: a third of a minute without an underrun', async ({ page }, info) => {
  const files = await serveFolders({ '/corpus/': CORPUS, '/assets/': 'dist/assets', '/tests/': 'crates/audio_thread/e2e' })
  try {
    const manifest = JSON.parse(await readFile('dist/manifest.json', 'utf8'))
    await page.goto(files.url)
    const told = await page.evaluate(
      async ({ workletUrl, wasmUrl, name, seconds, thirds }) => {
        const bits = await import('/tests/same-bits.mjs' as string)
        const module = await WebAssembly.compileStreaming(fetch(wasmUrl))
        const entry = (await bits.loadCorpus(new URL('/corpus/', location.href))).find((entry: any) => entry.name === name)
        const context = new AudioContext({ sampleRate: entry.sampleRate })
        await context.audioWorklet.addModule(workletUrl)
        const status = new SharedArrayBuffer(4 * (16 + 2 * 64))
        // Again and again: four beats, which all of its tracks reach.
        const initial = [...bits.messagesOf(entry).slice(0, -1), { type: 'loop', start: 0, end: 4 * 967_680 }, { type: 'play' }]
        const options = { numberOfInputs: 0, outputChannelCount: [2], processorOptions: { module, status, initial } }
        const node = new AudioWorkletNode(context, 'unisono', options)
        node.connect(context.destination)
        await context.resume()
        const words = new Int32Array(status)
        const wait = (seconds: number) => new Promise((done) => setTimeout(done, seconds * 1000))
        await wait(1)
        const runs: { blocks: number; underruns: number }[] = []
        let peak = 0
        const loudest = new Int32Array(1)
        // Without an underrun, and with as many blocks as such a time has.
        const expected = (seconds / thirds / 128) * entry.sampleRate
        const isWhole = (run: { blocks: number; underruns: number }) => run.underruns === 0 && run.blocks > 0.98 * expected
        while (runs.length < thirds && !runs.some(isWhole)) {
          const [blocks, underruns] = [words[5], words[7]]
          await wait(seconds / thirds)
          loudest[0] = Atomics.exchange(words, 12, 0)
          peak = Math.max(peak, new Float32Array(loudest.buffer)[0])
          runs.push({ blocks: words[5] - blocks, underruns: words[7] - underruns })
        }
        const [starved, traps] = [words[6], words[8]]
        await context.close()
        // What the engine itself needs of a second, when it may take as long as it likes: told, and not judged.
        await bits.renderDirect(entry, { module })
        const began = performance.now()
        await bits.renderDirect(entry, { module })
        const share = (performance.now() - began) / 1000 / (entry.frames / entry.sampleRate)
        return { runs, peak, starved, traps, share, whole: runs.filter(isWhole).length }
      },
      { workletUrl: manifest['worklet.js'], wasmUrl: manifest['audio_thread.wasm'], name: HEAVIEST, seconds: SECONDS, thirds: THIRDS },
    )
    const { runs, peak, starved, traps, share, whole } = told
    const said = `${HEAVIEST}: ${(100 * share).toFixed(1)} % of real time when rendered; underruns in each third: ${runs.map((run) => run.underruns).join(', ')}`
    info.annotations.push({ type: 'figures', description: said })
    console.log(said)
    expect([starved, traps]).toEqual([0, 0])
    expect(peak, 'it sounds').toBeGreaterThan(0.01)
    expect(whole, said).toBe(1)
  } finally {
    files.stop()
  }
})
