// What the guide's tests import: the operations in Rust, compiled to WASM by `cargo xtask operations-js`.
import { createRequire } from 'node:module'

const operations = createRequire(import.meta.url)('../generated/operations_js/operations_js.js')

export const applyOperation = operations.applyOperation
export const invertOperation = operations.invertOperation
export const sequenceDigest = operations.sequenceDigest
