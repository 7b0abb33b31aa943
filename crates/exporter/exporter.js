// The worker that makes a file of a song on this device: files, network and messages, which README.md documents. What it does with
// them is `exporter.wasm`'s.

/** Files by their numbers: `Place::number` in src/disk.rs. */
const MADE = 0
const recordingNumber = (source) => 2 * source + 1
const decodedNumber = (source) => 2 * source + 2
/** Why something cannot be done, as src/exports.rs knows it. */
const [BROKEN, AWAY, NO_ROOM] = [-1, -2, -3]
/** From one word about the progress to the next, in ms. */
const PROGRESS_MS = 100
/** Bytes that are fetched of a recording at once, at least and at most: two blocks of each have room, if there is room for that. */
const [BLOCK_BYTES_MIN, BLOCK_BYTES_MAX] = [131_072, 1_048_576]
const BLOCKS = 2
/** Bytes of all blocks that are in memory; those that were not used for longest go first. */
const BLOCKS_BYTES = 134_217_728
/** Tries to fetch something, and the wait after the first; it doubles. */
const [TRIES, WAIT_MS] = [5, 500]
/** How long a request for a part may take. One that takes longer is asked for in smaller parts, so that a slow line goes on. */
const REQUEST_MS_MAX = 20_000
/** Bytes of the smallest part: 20 s for one are less than a kilobyte a second. */
const PART_BYTES_MIN = 16_384

const FULL = 'This device has no room left for the file. Make some room, choose a smaller format, or let the server make it.'
const LARGE = 'So large a song cannot be exported on this device.'
const NO_MODULE = 'What makes files could not be loaded. Try again when there is a network.'

const files = []
/** Parts of recordings on the server, the one that was not used for longest first, and their bytes. */
const blocks = new Map()
let blocksBytes = 0
/** Bytes that the line brings in good time, as far as is known. */
let partBytes = BLOCK_BYTES_MAX
let wasm
let told = 0
let isFull = false

const env = {
  size: (file) => files[file]?.size ?? -1,
  read: (file, at, to, length) => attempt(() => files[file].read(at, new Uint8Array(wasm.memory.buffer, to, length))),
  write: (file, at, from, length) => attempt(() => files[file].write(at, new Uint8Array(wasm.memory.buffer, from, length))),
  clear: (file) => attempt(() => files[file].clear()),
  progress(done) {
    if (performance.now() - told < PROGRESS_MS) return
    told = performance.now()
    postMessage({ type: 'progress', done })
  },
}

onmessage = async ({ data }) => {
  try {
    postMessage(data.type === 'sweep' ? await sweep() : await make(data))
  } catch (error) {
    postMessage({ type: 'failed', message: reason(error) })
  }
}

/** Why it did not work, for people. */
function reason(error) {
  if (isFull || error?.name === 'QuotaExceededError') return FULL
  // A trap, which is no memory for the most part.
  if (error instanceof WebAssembly.RuntimeError || error instanceof RangeError) return LARGE
  return error?.message ?? String(error)
}

/** Makes the file; the message that says so. */
async function make({ order, records, sources, folder, user, id }) {
  wasm = await load()
  put(wasm.order, new TextEncoder().encode(order))
  put(wasm.records, new Uint8Array(records))
  const recordings = answer(wasm.prepare())
  const own = await directory(['exports', user, id], { create: true })
  const made = await own.getFileHandle('made', { create: true })
  files[MADE] = await opened(made)
  const kept = await names(folder)
  for (const [source, { id, name }] of recordings.entries()) {
    const known = sources[id] ?? {}
    const mine = known.file && stillHere(known.file)
    files[recordingNumber(source)] = mine ?? (await find(kept, { source, id, name, ...known }, recordings.length))
    // What only this browser has may have to be decoded.
    if (mine) files[decodedNumber(source)] = await opened(await own.getFileHandle(`decoded-${source}`, { create: true }))
  }
  const summary = answer(wasm.run())
  files.forEach((file) => file?.close?.())
  return { type: 'done', summary, file: await made.getFile() }
}

/** What makes files. */
async function load() {
  try {
    return (await WebAssembly.instantiateStreaming(fetch('./exporter.wasm'), { env })).instance.exports
  } catch (error) {
    if (error instanceof RangeError) throw error
    console.warn(error)
    throw new Error(NO_MODULE)
  }
}

/** Removes what tabs that are gone have left behind, of every user: each holds a lock as long as it wants its file. */
async function sweep() {
  const all = await directory(['exports'])
  for (const user of await keys(all)) {
    const own = await all.getDirectoryHandle(user)
    for (const id of await keys(own)) {
      await navigator.locks.request(`unisono-export-${id}`, { ifAvailable: true }, (lock) =>
        lock ? own.removeEntry(id, { recursive: true }).catch(() => {}) : undefined,
      )
    }
  }
  return { type: 'swept' }
}

async function keys(folder) {
  const names = []
  for await (const name of folder.keys()) names.push(name)
  return names
}

async function directory(path, options) {
  let folder = await navigator.storage.getDirectory()
  for (const name of path) folder = await folder.getDirectoryHandle(name, options)
  return folder
}

/** What is kept of a user's recordings, by hash. */
async function names(path) {
  const found = new Map()
  try {
    for await (const [name, handle] of (await directory(path)).entries()) {
      const [hash, size, rest] = name.split('.')
      if (size && rest === undefined) found.set(hash, { handle, size: Number(size) })
    }
  } catch {
    // Nothing is kept yet.
  }
  return found
}

/** A file of this device that is read and written right here. */
async function opened(handle) {
  const access = await handle.createSyncAccessHandle()
  return {
    get size() {
      return access.getSize()
    },
    read: (at, bytes) => access.read(bytes, { at }),
    write(at, bytes) {
      // A full disk may take a part; in Chromium's private windows the count is then an error's negative number without its sign: larger than any.
      if (access.write(bytes, { at }) !== bytes.length) throw new DOMException('', 'QuotaExceededError')
      return bytes.length
    },
    clear() {
      access.truncate(0)
      return 0
    },
    close: () => access.close(),
  }
}

/** What this browser was given; nothing when it has gone: what has been uploaded does not wait here any more. */
function stillHere(file) {
  const given = blob(file)
  try {
    given.read(0, new Uint8Array(1))
    return given
  } catch {
    return undefined
  }
}

/** A recording: what is kept here and is whole, or by ranges from the server. */
async function find(kept, recording, count) {
  const { handle, size } = kept.get(recording.hash) ?? {}
  if (!handle) return far(recording, count)
  let file
  try {
    // Together with whatever else reads it, where the browser can; else as an ordinary file.
    const access = await handle.createSyncAccessHandle({ mode: 'read-only' })
    file = { size: access.getSize(), read: (at, bytes) => access.read(bytes, { at }), close: () => access.close() }
  } catch {
    file = blob(await handle.getFile())
  }
  if (file.size === size && isWhole(file, recording)) return file
  // Damaged: the server has it.
  file.close?.()
  return far({ ...recording, isDamaged: true }, count)
}

/** Whether a kept file still has the bytes that it is called by. */
function isWhole(file, { source, hash }) {
  files[recordingNumber(source)] = file
  try {
    return answer(wasm.hash(source)) === hash
  } catch {
    return false
  }
}

function blob(file) {
  const reader = new FileReaderSync()
  return {
    size: file.size,
    read(at, bytes) {
      const part = new Uint8Array(reader.readAsArrayBuffer(file.slice(at, at + bytes.length)))
      bytes.set(part)
      return part.length
    },
  }
}

/** A part of a recording on the server. */
function block(recording, number, blockBytes) {
  const name = `${recording.id} ${number}`
  const bytes = blocks.get(name) ?? fetchRange(recording, number * blockBytes, blockBytes)
  if (blocks.delete(name)) blocksBytes -= bytes.length
  blocks.set(name, bytes)
  blocksBytes += bytes.length
  for (const [oldest, { length }] of blocks) {
    if (blocksBytes <= BLOCKS_BYTES) break
    blocks.delete(oldest)
    blocksBytes -= length
  }
  return bytes
}

/** A recording on the server, of which the last blocks are here. */
function far(recording, count) {
  const blockBytes = Math.max(BLOCK_BYTES_MIN, Math.min(BLOCK_BYTES_MAX, Math.floor(BLOCKS_BYTES / (BLOCKS * count))))
  try {
    block(recording, 0, blockBytes)
  } catch {
    const [name, is] = [recording.name, recording.isDamaged ? 'damaged' : 'not']
    throw new Error(`“${name}” is ${is} on this device, and the server cannot be reached. Try again when you are online.`)
  }
  return {
    size: recording.size,
    read(at, bytes) {
      let done = 0
      while (done < bytes.length && at + done < recording.size) {
        const number = Math.floor((at + done) / blockBytes)
        const part = block(recording, number, blockBytes).subarray(at + done - number * blockBytes, at + bytes.length - number * blockBytes)
        bytes.set(part, done)
        done += part.length
      }
      return done
    },
  }
}

/** Bytes from the server, waited for: nothing else is to be done here meanwhile. */
function fetchRange(recording, at, length) {
  const bytes = new Uint8Array(length)
  let filled = 0
  do {
    const part = fetchPart(recording, at + filled, length - filled)
    bytes.set(part, filled)
    filled += part.length
  } while (filled < Math.min(length, recording.size - at))
  return bytes.subarray(0, filled)
}

/** The first of these bytes: as many as the line brings in good time. */
function fetchPart(recording, at, most) {
  for (let tries = 1, wait = WAIT_MS; ; tries++, wait *= 2) {
    const length = Math.min(most, partBytes)
    const last = Math.min(at + length, recording.size ?? Infinity) - 1
    const begun = performance.now()
    try {
      recording.url ??= sign(recording)
      const response = request('GET', recording.url, { range: `bytes=${at}-${last}` })
      if (response.status === 403) recording.url = undefined
      if (response.status !== 206) throw new Error(`The server answered with status ${response.status}.`)
      recording.size ??= Number(response.getResponseHeader('content-range').split('/')[1])
      const bytes = new Uint8Array(response.response)
      if (bytes.length < Math.min(length, recording.size - at)) throw new Error('The download broke off.')
      if (performance.now() - begun < REQUEST_MS_MAX / 4) partBytes = Math.min(2 * partBytes, BLOCK_BYTES_MAX)
      return bytes
    } catch (error) {
      if (error.name === 'TimeoutError') partBytes = Math.max(partBytes / 4, PART_BYTES_MIN)
      // Without a network at all it is said at once.
      if (tries === TRIES || navigator.onLine === false) throw new DOMException(error.message, 'NetworkError')
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, wait)
    }
  }
}

/** A link lasts some hours. */
function sign({ id }) {
  const { status, response } = request('POST', `/api/audio-files/${id}/download`, { 'content-type': 'application/json' }, '{"kind":"playback"}')
  const text = new TextDecoder().decode(response)
  if (status !== 200) throw new Error(`The server answered with status ${status}.`)
  return JSON.parse(text).url
}

function request(method, url, headers, body) {
  const request = new XMLHttpRequest()
  request.open(method, url, false)
  request.timeout = REQUEST_MS_MAX
  request.responseType = 'arraybuffer'
  for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value)
  request.send(body)
  return request
}

/** Puts bytes where the WASM wants them. */
function put(room, bytes) {
  const at = room(bytes.length)
  if (at === 0) throw new Error(LARGE)
  new Uint8Array(wasm.memory.buffer, at, bytes.length).set(bytes)
}

/** The answer of a call; an error with its reason. */
function answer(status) {
  const bytes = new Uint8Array(wasm.memory.buffer, wasm.result(), wasm.result_bytes())
  const text = new TextDecoder().decode(bytes)
  if (status === 0) throw new Error(text)
  return JSON.parse(text)
}

/** A file's answer, or why there is none. */
function attempt(call) {
  try {
    return call()
  } catch (error) {
    isFull ||= error?.name === 'QuotaExceededError'
    return { QuotaExceededError: NO_ROOM, NetworkError: AWAY }[error?.name] ?? BROKEN
  }
}
