// What the worklet counts as an underrun, and when it stops, with a device and a clock of the test's own.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import vm from 'node:vm'
import { expect, test } from 'vitest'

const RATE = 48_000
const BLOCK = 128
const BLOCK_MS = (1000 * BLOCK) / RATE

/** What the worklet registers, and the world that it sees. */
function load() {
  let made
  const world = vm.createContext({
    AudioWorkletProcessor: class {},
    registerProcessor: (_name, kind) => (made = kind),
    sampleRate: RATE,
    currentFrame: 0,
    Date: { now: () => world.milliseconds },
    milliseconds: 0,
  })
  vm.runInContext(readFileSync(join(import.meta.dirname, 'worklet.js'), 'utf8'), world)
  return { prototype: made.prototype, world }
}

/** A processor that plays, without its engine. */
function processor() {
  const { prototype, world } = load()
  const self = Object.assign(Object.create(prototype), { state: [1], underruns: 0, expected: -1, agreed: false })
  self.resync()
  return {
    self,
    /** Plays blocks at the device's pace, the first at this frame; `late` is how far the device is behind, in ms. */
    play(first, count, { late = 0, told = (frame) => frame } = {}) {
      for (let n = 0; n < count; n++) {
        const frame = first + n * BLOCK
        world.currentFrame = told(frame)
        world.milliseconds = (frame / BLOCK) * BLOCK_MS + late
        self.watch(BLOCK)
      }
      return first + count * BLOCK
    },
    rest: (rests) => (self.state[0] = rests ? 0 : 1),
    underruns: () => self.underruns,
  }
}

test('what plays without a hole has no underrun', () => {
  const thread = processor()
  thread.play(0, 4_000)
  expect(thread.underruns()).toBe(0)
})

test('an old frame that the browser tells at first, or in between, is no underrun', () => {
  const thread = processor()
  const next = thread.play(8 * BLOCK, 2_000, { told: (frame) => (frame === 8 * BLOCK ? 0 : frame) })
  thread.play(next, 2_000, { told: (frame) => (frame === next + 100 * BLOCK ? frame - BLOCK : frame) })
  expect(thread.underruns()).toBe(0)
})

test('blocks that the browser leaves out are an underrun, from the third block on', () => {
  const thread = processor()
  const next = thread.play(0, 2)
  thread.play(next + 3 * BLOCK, 2_000)
  expect(thread.underruns()).toBe(1)
})

test('a device that runs dry for 20 ms is an underrun, also in its first second', () => {
  for (const blocks of [30, 1_000]) {
    const thread = processor()
    const next = thread.play(0, blocks)
    thread.play(next, 2_000, { late: 20 })
    expect(thread.underruns()).toBe(1)
  }
})

test('what happens while nothing plays is no underrun', () => {
  const thread = processor()
  const next = thread.play(0, 1_000)
  thread.rest(true)
  thread.play(next + 5 * BLOCK, 2_000, { late: 30 })
  expect(thread.underruns()).toBe(0)
})

test('a long plan comes in pieces, one before each block, and of those that wait behind it the newest (EN14)', () => {
  const told = []
  const wasm = {
    memory: { buffer: new ArrayBuffer(1 << 20) },
    plan_begin: (bytes) => (told.push(['begin', bytes]), 1),
    plan_piece: (bytes) => (told.push(['piece', bytes]), 8),
    plan_commit: (serial) => (told.push(['commit', serial]), 0),
  }
  const port = { postMessage: ({ type, serial }) => told.push([type, serial]) }
  const self = Object.assign(Object.create(load().prototype), { wasm, port })
  const plan = (serial, bytes) => ({ type: 'plan', serial, data: new ArrayBuffer(bytes) })
  self.handle(plan(1, 600_000))
  expect(told.splice(0)).toEqual([['begin', 600_000], ['piece', 262_144]])
  self.handle(plan(2, 400))
  self.handle(plan(3, 400))
  expect(told).toEqual([])
  self.bring()
  expect(told.splice(0)).toEqual([['piece', 262_144]])
  self.bring()
  expect(told).toEqual([['piece', 75_712], ['commit', 1], ['plan', 1], ['begin', 400], ['piece', 400], ['commit', 3], ['plan', 3]])
  expect(self.coming).toBe(undefined)
})

test('which device is listened to comes with the newest plan, once all of it is here (EN29)', () => {
  const told = []
  const wasm = {
    memory: { buffer: new ArrayBuffer(1 << 20) },
    plan_begin: () => 1,
    plan_piece: () => 8,
    plan_commit: (serial) => (told.push(['commit', serial]), 0),
    measure: () => 0,
    measure_anew: () => {},
    measure_no_more: () => told.push(['no more']),
    listen: (device) => told.push(['listen', device]),
  }
  const self = Object.assign(Object.create(load().prototype), { wasm, port: { postMessage: () => {} }, view: () => told.push(['view']), fine: new Int32Array(16 + 4096) })
  self.buffer = wasm.memory.buffer
  const plan = (serial, bytes, device) => ({ type: 'plan', serial, data: new ArrayBuffer(bytes), device })
  const measure = (device) => ({ type: 'measure', meters: new SharedArrayBuffer(4 * (16 + 4096)), device })
  self.handle(plan(1, 400, 2))
  expect(told.splice(0)).toEqual([['commit', 1], ['listen', 2]])
  self.handle(measure(5))
  expect(told.splice(0)).toEqual([['listen', 5]])
  // Somebody looks elsewhere while a long one comes, and again while the next waits behind it.
  self.handle(plan(2, 600_000, 0))
  self.handle(measure(7))
  self.handle(plan(3, 400, 8))
  self.handle(measure(9))
  expect(told).toEqual([])
  self.bring()
  self.bring()
  expect(told.splice(0)).toEqual([['commit', 2], ['listen', 7], ['commit', 3], ['listen', 9]])
  // A plan that says nothing of it changes nothing, and while nobody looks nothing is listened to.
  self.handle(plan(4, 400))
  self.handle({ type: 'measure' })
  self.handle(plan(5, 400, 1))
  expect(told.splice(0)).toEqual([['commit', 4], ['no more'], ['commit', 5]])
  // Views of the memory are made when somebody begins to look, and when it has grown.
  self.handle(measure(1))
  self.handle(measure(2))
  wasm.memory.buffer = new ArrayBuffer(1 << 20)
  self.handle(measure(3))
  expect(told).toEqual([['listen', 1], ['view'], ['listen', 2], ['listen', 3], ['view']])
})

test('the spectrum lies in the shared memory with the device that it is behind (EN29)', () => {
  const self = Object.create(load().prototype)
  const [fine, measured] = [16 + 4096 + 1025, 16 + 4096 + 1025].map((words) => new Int32Array(new SharedArrayBuffer(4 * words)))
  measured.fill(3, 16 + 4096)
  self.reportFine(fine, measured)
  expect([fine[11], fine[16 + 4096]]).toEqual([0, 0])
  measured[11] = 2
  self.reportFine(fine, measured)
  expect([fine[11], fine[16 + 4096], fine.at(-1)]).toEqual([2, 3, 3])
})

test('what the thread says of devices that failed lies in the shared memory (EN35)', () => {
  const bits = (x) => new Int32Array(new Float32Array([x]).buffer)[0]
  const self = Object.create(load().prototype)
  const [fine, measured] = [new Int32Array(new SharedArrayBuffer(4 * (16 + 4096))), new Int32Array(16 + 4096)]
  measured.set([2, 1])
  measured[17] = bits(Infinity)
  self.reportFine(fine, measured)
  expect([fine[0], fine[1], fine[16], fine[17]]).toEqual([2, 1, 0, bits(Infinity)])
  // With the next plan it plays again.
  measured.set([2, 0])
  self.reportFine(fine, measured)
  expect(fine[1]).toBe(0)
})

test('what plays stops when it is about to lack something, but not for a stop that was asked for before it was told to play', () => {
  const { self } = processor()
  const words = new Int32Array(new SharedArrayBuffer(64))
  let plays = true
  self.wasm = { play: () => (plays = true), stop: () => (plays = false), seek: () => {} }
  self.ring = { words, count: 1, cells: [], dry: 0 }
  const runsDry = () => Atomics.add(words, 2, 1)
  runsDry()
  self.take()
  expect(plays).toBe(false)
  // Just now it was to stop; before the next block the jump is made.
  plays = true
  runsDry()
  self.obey({ type: 'seek', ticks: 0 })
  self.obey({ type: 'play' })
  self.take()
  expect(plays).toBe(true)
  runsDry()
  self.take()
  expect(plays).toBe(false)
})
