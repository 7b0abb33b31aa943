// The worker's script in a world of its own: a server that the test makes, and no WASM.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createContext, runInContext } from 'node:vm'
import { describe, expect, test } from 'vitest'

const SOURCE = readFileSync(join(import.meta.dirname, 'exporter.js'), 'utf8')
const MB = 1_048_576

/** A worker on a line of so many bytes a second. Recordings on its server have `size` bytes, the byte at `at` being `at / 1,024` modulo 251. */
function worker({ size = 10 * MB, bytesASecond = Infinity } = {}) {
  const asked = []
  const said = []
  let now = 0
  class XMLHttpRequest {
    headers = {}
    open(method, url) {
      this.url = url
    }
    setRequestHeader(name, value) {
      this.headers[name] = value
    }
    getResponseHeader = () => `bytes 0-0/${size}`
    send() {
      if (!this.headers.range) {
        this.status = 200
        this.response = new TextEncoder().encode(JSON.stringify({ url: `/bytes${this.url}` })).buffer
        return
      }
      const [from, last] = this.headers.range.slice('bytes='.length).split('-').map(Number)
      asked.push(`${this.url} ${from}`)
      const ms = ((last + 1 - from) / bytesASecond) * 1_000
      now += Math.min(ms, this.timeout)
      if (ms > this.timeout) throw new DOMException('It took too long.', 'TimeoutError')
      this.status = 206
      const bytes = new Uint8Array(Math.min(last + 1, size) - from)
      for (let at = 0; at < bytes.length; at += 1_024) bytes.fill(((from + at) / 1_024) % 251, at, at + 1_024)
      this.response = bytes.buffer
    }
  }
  const fetch = async () => {
    throw new TypeError('Failed to fetch')
  }
  const world = createContext({
    XMLHttpRequest, TextEncoder, TextDecoder, Uint8Array, Map, DOMException, performance: { now: () => now }, fetch, Atomics: { wait: () => {} }, Int32Array, SharedArrayBuffer,
    navigator: { onLine: true }, console: { warn: () => {} }, postMessage: (message) => said.push(message),
  })
  runInContext(SOURCE, world)
  return { world, asked, said, inMemory: () => runInContext('blocksBytes', world), held: () => runInContext('[...blocks.values()].reduce((sum, { length }) => sum + length, 0)', world) }
}

describe('recordings that are read from the server', () => {
  test('w6 the parts of all of them that are in memory have a limit, whatever their number', () => {
    const { world, asked, inMemory, held } = worker({ size: 3 * MB })
    const limit = runInContext('BLOCKS_BYTES', world)
    const count = 200
    const recordings = Array.from({ length: count }, (_, n) => world.far({ id: `r${n}`, name: `${n}.wav` }, 1))
    for (const recording of recordings) recording.read(2 * MB, new Uint8Array(100))
    expect(held()).toBe(inMemory())
    expect(inMemory()).toBeLessThanOrEqual(limit)
    expect(inMemory()).toBeGreaterThan(limit - 2 * MB)
    // The last one is still here; the first has to be fetched again.
    asked.length = 0
    recordings[count - 1].read(2 * MB, new Uint8Array(100))
    expect(asked).toEqual([])
    recordings[0].read(2 * MB, new Uint8Array(100))
    expect(asked).toEqual([`/bytes/api/audio-files/r0/download ${2 * MB}`])
  })

  test('what is read again and again stays, and bytes come out in their places', () => {
    const { world, asked } = worker({ size: 300 * MB })
    const [often, long] = ['often', 'long'].map((id) => world.far({ id, name: id }, 1))
    for (let at = 0; at < 200 * MB; at += MB) {
      long.read(at, new Uint8Array(4))
      often.read(10, new Uint8Array(4))
    }
    expect(asked.filter((it) => it.includes('often'))).toHaveLength(1)
    const bytes = new Uint8Array(3_000)
    expect(long.read(MB - 1_000, bytes)).toBe(3_000)
    expect([...bytes]).toEqual(Array.from({ length: 3_000 }, (_, n) => Math.floor((MB - 1_000 + n) / 1_024) % 251))
  })
})

describe('slow lines (EX8)', () => {
  test('a line that brings anything brings all, in parts as large as it takes', () => {
    for (const bytesASecond of [1_000, 40_000, 1_000_000]) {
      const { world } = worker({ size: 3 * MB, bytesASecond })
      const bytes = new Uint8Array(3_000)
      expect(world.far({ id: 'r', name: 'r' }, 1).read(2 * MB + 5_000, bytes)).toBe(3_000)
      expect([...bytes]).toEqual(Array.from({ length: 3_000 }, (_, n) => Math.floor((2 * MB + 5_000 + n) / 1_024) % 251))
    }
  })

  test('parts grow again with the line, and a line that brings nothing is given up', () => {
    const { world } = worker({ size: 30 * MB })
    runInContext('partBytes = PART_BYTES_MIN', world)
    world.far({ id: 'r', name: 'r' }, 1).read(0, new Uint8Array(2 * MB))
    expect(runInContext('partBytes === BLOCK_BYTES_MAX', world)).toBe(true)
    const dead = worker({ bytesASecond: 0.001 })
    expect(() => dead.world.far({ id: 'r', name: 'r' }, 1)).toThrow('cannot be reached')
    expect(dead.asked).toHaveLength(runInContext('TRIES', dead.world))
  })
})

test('bytes that this browser was given count only while they can be read (EX8)', () => {
  const { world } = worker()
  world.FileReaderSync = class {
    readAsArrayBuffer({ bytes }) {
      if (!bytes) throw new DOMException('', 'NotFoundError')
      return Uint8Array.from(bytes).buffer
    }
  }
  const file = (bytes) => ({ size: 3, slice: (from, to) => ({ bytes: bytes?.slice(from, to) }) })
  const read = new Uint8Array(2)
  expect(world.stillHere(file([7, 8, 9])).read(1, read)).toBe(2)
  expect([...read]).toEqual([8, 9])
  expect(world.stillHere(file(undefined))).toBe(undefined)
})

test('a module that does not load is said in words (EX8)', async () => {
  const { world, said } = worker()
  runInContext('globalThis.WebAssembly ??= {}; WebAssembly.instantiateStreaming = async (response) => void (await response)', world)
  await world.onmessage({ data: { type: 'make' } })
  expect(said).toEqual([{ type: 'failed', message: 'What makes files could not be loaded. Try again when there is a network.' }])
})
