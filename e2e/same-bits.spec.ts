// What the browser plays is what the server renders, to the last bit: the shipped AudioWorklet in an OfflineAudioContext
// against the native engine, over a corpus of songs that `cargo run -p engine --example corpus` has rendered.
import { expect, test } from '@playwright/test'
import { readFile } from 'node:fs/promises'
import { serveFolders } from './still-life'

const CORPUS = process.env.UNISONO_CORPUS ?? 'target/corpus'
/** Sizes of block besides the worklet's 128; 77 has no common divisor with anything. */
const BLOCKS = [1, 64, 77, 4096]
/** `gain` changes the last bit of a gain in the plan, `sample` of a few samples of a recording. */
const FLIPS = ['gain', 'sample'] as const

type Case = { name: string; sha256: string; acts: unknown[] }

let files: Awaited<ReturnType<typeof serveFolders>>
let cases: Case[]
let shipped: { workletUrl: string; wasmUrl: string; workerUrl: string; workerWasmUrl: string }

test.beforeAll(async () => {
  files = await serveFolders({ '/corpus/': CORPUS, '/assets/': 'dist/assets', '/tests/': 'crates/audio_thread/e2e' })
  cases = JSON.parse(await readFile(`${CORPUS}/corpus.json`, 'utf8'))
  const manifest = JSON.parse(await readFile('dist/manifest.json', 'utf8'))
  shipped = {
    workletUrl: manifest['worklet.js'],
    wasmUrl: manifest['audio_thread.wasm'],
    workerUrl: manifest['read_ahead.js'],
    workerWasmUrl: manifest['read_ahead.wasm'],
  }
})

// Two minutes of rendering on a machine with nothing else to do.
test.describe.configure({ timeout: 600_000 })

test.beforeEach(async ({ page }) => {
  await page.goto(files.url)
  expect(await page.evaluate(() => crossOriginIsolated)).toBe(true)
  await page.evaluate(async ({ wasmUrl }) => {
    const bits = await import('/tests/same-bits.mjs' as string)
    const corpus = await bits.loadCorpus(new URL('/corpus/', location.href))
    const module = await WebAssembly.compileStreaming(fetch(wasmUrl))
    Object.assign(window, { bits, corpus, module })
  }, shipped)
})

test.afterAll(() => files.stop())

test('the shipped worklet renders every song of the corpus, and what is done to it meanwhile, to the bits of the native engine (EN13)', async ({ page }) => {
  expect(cases.filter(({ acts }) => acts.length).length).toBeGreaterThan(3)
  const rendered = await page.evaluate(async ({ workletUrl }) => {
    const { bits, corpus, module } = window as any
    const hashes: { [name: string]: string } = {}
    for (const entry of corpus) hashes[entry.name] = await bits.renderCase(entry, { module, workletUrl })
    return hashes
  }, shipped)
  expect(rendered).toEqual(Object.fromEntries(cases.map(({ name, sha256 }) => [name, sha256])))
})

test('one bit that differs in a gain or in a recording is heard in every song', async ({ page }) => {
  for (const flip of FLIPS) {
    const rendered: { [name: string]: string } = await page.evaluate(
      async ({ workletUrl, flip }) => {
        const { bits, corpus, module } = window as any
        const hashes: { [name: string]: string } = {}
        for (const entry of corpus) hashes[entry.name] = await bits.renderCase(entry, { module, workletUrl, flip })
        return hashes
      },
      { ...shipped, flip },
    )
    const unnoticed = cases.filter(({ name, sha256 }) => rendered[name] === sha256).map(({ name }) => name)
    expect(unnoticed, `songs that do not hear a flipped ${flip}`).toEqual([])
  }
})

test('the size of a block changes no bit', async ({ page }) => {
  for (const block of BLOCKS) {
    const rendered = await page.evaluate(
      async ({ block }) => {
        const { bits, corpus, module } = window as any
        const hashes: { [name: string]: string } = {}
        for (const entry of corpus) hashes[entry.name] = await bits.renderDirect(entry, { module, block })
        return hashes
      },
      { block },
    )
    expect(rendered, `blocks of ${block}`).toEqual(Object.fromEntries(cases.map(({ name, sha256 }) => [name, sha256])))
  }
})

test('what the shipped worker reads ahead has the bits of what lies in memory (EN36)', async ({ page }) => {
  type Rendered = { sha256: string; gaps: number; starved: number; chunks: number }
  const rendered: { [name: string]: Rendered } = await page.evaluate(async (shipped) => {
    const { bits, corpus, module } = window as any
    const results: { [name: string]: unknown } = {}
    // Who jumps about needs room for both places.
    for (const entry of corpus) {
      const slots = entry.acts.length ? 40 : 24
      results[entry.name] = await bits.renderReadAhead(entry, { module, ...shipped, slots })
    }
    return results as any
  }, shipped)
  for (const { name, sha256 } of cases) {
    expect(rendered[name], name).toEqual({ sha256, gaps: 0, starved: 0, chunks: expect.any(Number) })
    expect(rendered[name].chunks, name).toBeGreaterThan(0)
  }
  // Were the worker too slow, it would be heard.
  const late: Rendered = await page.evaluate(async (shipped) => {
    const { bits, corpus, module } = window as any
    const entry = corpus.find(({ name }: Case) => name === 'mute_and_solo')
    return bits.renderReadAhead(entry, { module, ...shipped, slots: 8, late: true })
  }, shipped)
  expect(late.sha256).not.toBe(cases.find(({ name }) => name === 'mute_and_solo')!.sha256)
  expect(late.gaps).toBeGreaterThan(0)
})
