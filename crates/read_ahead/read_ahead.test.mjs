// The worker's script in a world of its own: a line that the test makes, and no WASM.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createContext, runInContext } from 'node:vm'
import { describe, expect, test } from 'vitest'

const SOURCE = readFileSync(join(import.meta.dirname, 'read_ahead.js'), 'utf8')
const SIZE = 600_000

/** A worker whose line brings a part of `bytes` bytes every `ms`, `parts` of them at most; `byob` says whether into given memory. */
function worker({ bytes, ms, parts = Infinity, byob = true }) {
  let [now, timers] = [0, []]
  const setTimeout = (call, after) => {
    const timer = { call, due: now + (after ?? 0) }
    timers.push(timer)
    return timer
  }
  const clearTimeout = (timer) => void (timers = timers.filter((it) => it !== timer))
  /** Lets time pass, and whatever is due in it. */
  const pass = async (until, isOver) => {
    await new Promise((resolve) => setImmediate(resolve))
    while (!isOver() && timers.length > 0) {
      const next = timers.reduce((first, timer) => (timer.due < first.due ? timer : first))
      if (next.due > until) return
      clearTimeout(next)
      now = next.due
      next.call()
      await new Promise((resolve) => setImmediate(resolve))
    }
  }
  const line = (signal, length) => {
    let sent = 0
    let refuse
    signal.addEventListener('abort', () => refuse(signal.reason))
    const next = (room) =>
      new Promise((resolve, reject) => {
        refuse = reject
        const count = Math.min(bytes, room, length - sent)
        if (count > 0 && sent / bytes >= parts) return
        setTimeout(() => {
          sent += count
          resolve(count)
        }, ms)
      })
    const given = {
      async read(view) {
        const count = await next(view.byteLength)
        return { done: count === 0, value: new Uint8Array(view.buffer, view.byteOffset, count).fill(7) }
      },
    }
    const made = {
      async read() {
        const count = await next(Infinity)
        return { done: count === 0, value: count === 0 ? undefined : new Uint8Array(count).fill(7) }
      },
    }
    const getReader = (options) => {
      if (options?.mode !== 'byob') return made
      if (!byob) throw new TypeError('no such mode')
      return given
    }
    return { getReader, cancel: async () => {} }
  }
  const fetch = async (url, { headers, signal }) => {
    const [from, last] = headers.range.slice('bytes='.length).split('-').map(Number)
    return { status: 206, headers: new Map([['content-range', `bytes ${from}-${last}/${SIZE}`]]), body: line(signal, last + 1 - from) }
  }
  const world = createContext({
    AbortController, DOMException, Uint8Array, ArrayBuffer, Map, performance: { now: () => now },
    self: {}, console, fetch, setTimeout, clearTimeout, setInterval: () => {},
  })
  runInContext(SOURCE, world)
  /** Reads a range, and tells what came of it and after how long. */
  const read = async (length) => {
    let outcome
    world.fetchRange({ url: '/r', fetching: 0 }, 0, length).then((read) => (outcome = read), (error) => (outcome = error))
    await pass(3_600_000, () => outcome !== undefined)
    return { outcome, ms: now, waiting: timers.length }
  }
  return { read }
}

describe('slow lines (EN37)', () => {
  for (const byob of [true, false]) {
    test(`a reading that goes on is not ended, however long it takes; memory of its own: ${!byob}`, async () => {
      const { outcome, ms, waiting } = await worker({ bytes: 16_384, ms: 15_000, byob }).read(524_288)
      expect(outcome).toHaveLength(524_288)
      expect(outcome.every((byte) => byte === 7)).toBe(true)
      expect(ms).toBeGreaterThan(400_000)
      expect(waiting).toBe(0)
    })

    test(`one that brings nothing for 20 s is ended; memory of its own: ${!byob}`, async () => {
      const { outcome, ms } = await worker({ bytes: 16_384, ms: 100, parts: 3, byob }).read(524_288)
      expect(outcome.name).toBe('TimeoutError')
      expect(ms).toBe(20_300)
    })
  }
})
