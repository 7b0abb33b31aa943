// What a plan costs the audio thread before it comes into force, in WASM: `node benches/taking.mjs audio_thread.wasm FOLDER-OF-PLANS`.
//
// `cargo run --release -p engine --example bench_plans -- FOLDER` writes the plans into FOLDER/taken. `clips-…`: a fader is turned; `insert-…`: a
// device is inserted into `insert`. For each in microseconds, of 2,667 in a block of 128 frames: beginning (memory for it), a piece of the plan, taking it
// once it is here, and the dearest block until it is in force, each as median, 90th percentile and dearest; and how many pieces there are. `checked`: the
// same in one piece, for a plan whose digest is wrong, so that it is checked completely. `growing`: beginning with one plan after the other of a song
// that gets longer.
import { readFileSync, readdirSync } from 'node:fs'

const [wasmFile, folder] = process.argv.slice(2)
const FRAMES = 128
const ROUNDS = 40
// As worklet.js has them.
const PLAN_PIECE_BYTES = 262144
const STATUS_PLAN = 3
const DIGEST_AT = 4 * 25

const module = new WebAssembly.Module(readFileSync(wasmFile))
const read = (name) => new Uint8Array(readFileSync(`${folder}/taken/${name}`))
const none = read('insert.plan')
const plans = readdirSync(`${folder}/taken`).filter((name) => name.endsWith('.plan'))
const names = plans.filter((name) => !/^insert.plan|turned|growing/.test(name))
for (const name of names.sort()) {
  const plan = read(name)
  if (name.startsWith('insert-')) {
    measure(name, PLAN_PIECE_BYTES, () => [begin(none), plan])
    continue
  }
  const turned = read(name.replace('.', '-turned.'))
  const wasm = begin(plan)
  measure(name, PLAN_PIECE_BYTES, (round) => [wasm, round % 2 ? plan : turned])
  const unknown = [plan, turned].map((bytes) => bytes.slice())
  unknown.forEach((bytes) => bytes[DIGEST_AT]++)
  measure(`${name}, checked`, Infinity, (round) => [wasm, unknown[round % 2]])
}
const step = (name) => Number(name.match(/\d+/)[0])
grow(plans.filter((name) => name.startsWith('growing-')).sort((a, b) => step(a) - step(b)))

function measure(name, piece, situation) {
  const [begins, pieces, takes, blocks] = [[], [], [], []]
  let count = 0
  for (let round = 0; round < ROUNDS; round++) {
    const [wasm, plan] = situation(round)
    const serial = 2 + ((inForce(wasm) - 1) % 1000)
    const times = bring(wasm, plan, piece, begins)
    count = times.length
    pieces.push(...times)
    takes.push(timed(() => commit(wasm, serial)))
    let dearest = 0
    for (let n = 0; inForce(wasm) !== serial; n++) {
      dearest = Math.max(dearest, timed(() => wasm.process(FRAMES)))
      if (n > 10_000) throw new Error(`${name} never comes into force`)
    }
    blocks.push(dearest)
    play(wasm, 20)
  }
  console.log(`${name.padEnd(28)} beginning ${of(begins)} µs, pieces ${count}: ${of(pieces)} µs, taking ${of(takes)} µs, block ${of(blocks)} µs`)
}

/** A song that grows: the buffers go round, and each was for a shorter plan. */
function grow(growing) {
  const wasm = begin(read(growing[0]))
  const begins = []
  growing.slice(1).forEach((name, n) => {
    bring(wasm, read(name), PLAN_PIECE_BYTES, begins)
    commit(wasm, 2 + n)
    while (inForce(wasm) !== 2 + n) wasm.process(FRAMES)
    play(wasm, 20)
  })
  console.log(`${'growing'.padEnd(28)} beginning ${begins.map((time) => time.toFixed(0)).join(', ')} µs`)
}

function begin(plan) {
  const wasm = new WebAssembly.Instance(module, {}).exports
  if (!wasm.init(48_000, FRAMES) || !wasm.source_begin(0, 2, 48_000, 0)) throw new Error('init')
  bring(wasm, plan, Infinity)
  commit(wasm, 1)
  wasm.play()
  play(wasm, 40)
  return wasm
}

/** Brings a plan in pieces, and says how long each took; what came before them is added to `begins`. */
function bring(wasm, plan, piece, begins = []) {
  const times = []
  begins.push(timed(() => {
    if (!wasm.plan_begin(plan.length)) throw new Error('too long')
  }))
  for (let at = 0; at < plan.length; ) {
    const end = Math.min(at + piece, plan.length)
    times.push(timed(() => {
      const to = wasm.plan_piece(end - at)
      new Uint8Array(wasm.memory.buffer, to, end - at).set(plan.subarray(at, end))
    }))
    at = end
  }
  return times
}

function commit(wasm, serial) {
  if (wasm.plan_commit(serial) !== 0) throw new Error('no plan')
}

function play(wasm, blocks) {
  for (let n = 0; n < blocks; n++) wasm.process(FRAMES)
}

function inForce(wasm) {
  return new Int32Array(wasm.memory.buffer, wasm.status(), 16)[STATUS_PLAN]
}

function timed(work) {
  const began = process.hrtime.bigint()
  work()
  return Number(process.hrtime.bigint() - began) / 1_000
}

function of(numbers) {
  const sorted = numbers.sort((a, b) => a - b)
  const at = (share) => sorted[Math.floor(share * (sorted.length - 1))].toFixed(0)
  return `${at(0.5)} (${at(0.9)}, ${at(1)})`
}
