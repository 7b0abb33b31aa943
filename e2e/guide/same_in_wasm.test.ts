// The operations do in WASM what they do natively: the native answers are in the corpus (OP1).
import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { applyOperation, invertOperation, sequenceDigest } from './transactions'

const corpus = JSON.parse(readFileSync(new URL('../../crates/operations_js/tests/corpus.json', import.meta.url), 'utf8'))

it('OP1: WASM gives the native answer to every case of the corpus', () => {
  expect(corpus.length).toBeGreaterThan(250)
  for (const { record, operation, now, after, inverse, refusal } of corpus) {
    const before = structuredClone(record)
    if (refusal === undefined) {
      expect(applyOperation(record, operation, now)).toEqual(after)
      expect(invertOperation(record, after, operation)).toEqual(inverse)
    } else {
      expect(() => applyOperation(record, operation, now)).toThrow(new Error(refusal))
    }
    expect(record).toEqual(before)
  }
})

it('OP1: six thousand transactions leave the same bytes in WASM', () => {
  const native = readFileSync(new URL('../../crates/operations_js/tests/sequences.txt', import.meta.url), 'utf8')
  const digests = native.trim().split('\n')
  expect(digests.length).toBe(150)
  expect(digests.map((_, seed) => sequenceDigest(seed))).toEqual(digests)
})
