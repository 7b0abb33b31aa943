// What a block of 128 frames costs in WASM: `node benches/engine.mjs audio_thread.wasm FOLDER-OF-PLANS`.
//
// `cargo run --release -p engine --example bench_plans -- FOLDER` writes the plans. For each: the median and the 99th percentile of
// the blocks' times in microseconds, and the median's share of real time. Recordings are noise, so that nothing is silent.
import { readFileSync, readdirSync } from 'node:fs'

const [wasmFile, folder] = process.argv.slice(2)
const RATE = 48_000
const FRAMES = 128
const BLOCKS = 8_000
const CHUNK = 65_536

const module = new WebAssembly.Module(readFileSync(wasmFile))
for (const name of readdirSync(folder).filter((name) => name.endsWith('.plan')).sort()) {
  const wasm = new WebAssembly.Instance(module, {}).exports
  if (!wasm.init(RATE, FRAMES)) throw new Error('init')
  for (let id = 1; id <= 64; id++) noise(wasm, id)
  const plan = readFileSync(`${folder}/${name}`)
  // The memory may grow meanwhile.
  if (!wasm.plan_begin(plan.length)) throw new Error('the plan is too long')
  const buffer = wasm.plan_piece(plan.length)
  new Uint8Array(wasm.memory.buffer, buffer, plan.length).set(plan)
  if (wasm.plan_commit(1) !== 0) throw new Error(`${name} is no plan`)
  wasm.play()
  const times = []
  for (let block = 0; block < BLOCKS; block++) {
    const began = process.hrtime.bigint()
    wasm.process(FRAMES)
    times.push(Number(process.hrtime.bigint() - began) / 1_000)
  }
  const sorted = times.slice(BLOCKS / 8).sort((a, b) => a - b)
  const at = (share) => sorted[Math.floor(share * (sorted.length - 1))]
  const share = (100 * at(0.5)) / ((1e6 * FRAMES) / RATE)
  console.log(`${name.padEnd(32)} ${at(0.5).toFixed(2).padStart(9)} µs ${at(0.99).toFixed(2).padStart(9)} µs ${share.toFixed(2).padStart(7)} %`)
}

// Twenty seconds of 16-bit stereo, as a loop of one chunk.
function noise(wasm, id) {
  const frames = 20 * RATE
  if (!wasm.source_begin(id, 2, frames, 0)) throw new Error('source')
  const count = Math.ceil(frames / CHUNK)
  for (let index = 0; index < count; index++) {
    const bytes = wasm.source_chunk_bytes(id, index)
    const chunk = wasm.source_chunk(id, index)
    const samples = new Int16Array(wasm.memory.buffer, chunk, bytes / 2)
    let state = id * 977 + index
    for (let n = 0; n < samples.length; n++) {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0
      samples[n] = state >> 17
    }
  }
}
