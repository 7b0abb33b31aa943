// The worker that reads long recordings ahead of playing. It is told what to read by `read_ahead.wasm`; here are only files, network and
// the ring of chunks in shared memory. Messages are documented in README.md.

const CHUNK_BYTES = 65_536
const RING_HEAD_WORDS = 16
const RING_CELL_WORDS = 4
/** The ring: WRITTEN and TAKEN count chunks, DRY how often what plays had to stop; then each cell's slot, recording and number; then the cells. */
const [WRITTEN, TAKEN, DRY] = [0, 1, 2]
/** Chunks that are read at once from this device, and from the server, where a request costs more than what it brings. */
const [NEAR_RUN, FAR_RUN] = [4, 8]
/** Requests to the server at the same time. */
const REQUESTS_MAX = 6
/** For so long a request may bring nothing; while it brings something it goes on, however slow the line is. */
const SILENCE_MS_MAX = 20_000
/** An answer that nobody wants any more is broken off once it has taken so long: a new connection costs time too. */
const UNWANTED_MS_MAX = 200
/** What is larger is not kept for the next request: files of many channels. */
const SPARE_BYTES_MAX = 1_048_576
/** How often the page is told that something comes while a jump waits. */
const CAME_MS = 250
/** From one look at what is wanted to the next, in ms. */
const IDLE_MS = 15
/** So many turns without anything taken mean that the audio thread rests. */
const STILL_MAX = 20
/** How often it is looked whether recordings have come to this device. */
const LOOK_MS = 4_000
/** After a recording could not be read, the first and the longest wait. */
const [WAIT_MS_MIN, WAIT_MS_MAX] = [500, 8_000]
/** Bytes of a file in which its header is looked for, first and at most. */
const HEADER_BYTES = [65_536, 1_048_576]

/** Why an answer is broken off that nobody wants any more. */
const UNWANTED = new Error('It is not wanted any more.')

const recordings = new Map()
/** Runs that have come from the server and are not in the ring yet. */
const come = []
/** Memory of runs that are in the ring: some hundred MB would lie about if each request had its own. */
const spare = []
let wasm, words, cells, count, status, position
/** What the server is being asked for. */
const requests = new Set()
let slotsAsked = 0
/** The place for which a jump waits. */
let aim
let timer
/** What the audio thread had taken at the last turn, and for how many turns it has taken nothing: it rests before the first Play. */
let [takenBefore, still] = [0, 0]
let listing = { at: -Infinity, names: new Map() }

let started

self.onmessage = ({ data }) => {
  if (data.type === 'start') started = actions.start(data)
  // What is said meanwhile keeps its order.
  else started?.then(() => actions[data.type](data))
}

const actions = {
  async start({ url, ring, status: shared }) {
    wasm = (await WebAssembly.instantiateStreaming(fetch(url), {})).instance.exports
    words = new Int32Array(ring)
    count = Math.floor((ring.byteLength - 4 * RING_HEAD_WORDS) / (CHUNK_BYTES + 4 * RING_CELL_WORDS))
    const first = 4 * (RING_HEAD_WORDS + count * RING_CELL_WORDS)
    cells = Array.from({ length: count }, (_, n) => new Uint8Array(ring, first + n * CHUNK_BYTES, CHUNK_BYTES))
    status = new Int32Array(shared)
    position = new Float64Array(shared, 8, 1)
    turn()
  },
  pool: ({ slots }) => wasm.grow(slots),
  plan({ data }) {
    put(new Uint8Array(data))
    if (!wasm.set_plan(data.byteLength)) console.error('read ahead: this is no plan')
    soon()
  },
  loop: ({ start, end }) => wasm.set_loop(start ?? 0, end ?? 0),
  keep({ ticks }) {
    put(new Uint8Array(new Float64Array(ticks).buffer))
    wasm.keep(ticks.length)
  },
  aim({ number, ticks }) {
    aim = ticks === undefined ? undefined : { number, ticks, came: false, toldAt: -Infinity, dry: false }
    wasm.aim(ticks ?? NaN)
    soon()
  },
  async open(message) {
    const recording = { wait: WAIT_MS_MIN, fetching: 0, ...message }
    recordings.set(message.id, recording)
    try {
      await find(recording)
      self.postMessage({ type: 'stream', id: message.id, ...(await header(recording)) })
    } catch (error) {
      close(message.id)
      self.postMessage({ type: 'refused', id: message.id, message: error?.message ?? String(error) })
    }
  },
  begin({ id }) {
    const recording = recordings.get(id)
    if (recording) wasm.begin(id, near(recording) ? 1 : 0)
    soon()
  },
  close: ({ id }) => close(id),
}

function close(id) {
  recordings.get(id)?.handle?.close()
  recordings.delete(id)
  wasm.end(id)
}

function near(recording) {
  return recording.handle !== undefined || recording.file !== undefined
}

/** Looks for a recording on this device; else it stays far. */
async function find(recording) {
  if (near(recording) || !recording.hash) return
  const kept = (await names(recording.folder)).get(recording.hash)
  if (!kept) return
  try {
    // Together with other tabs, where the browser can; where it cannot, and another tab was first, as an ordinary file.
    recording.handle = await kept.createSyncAccessHandle({ mode: 'read-only' })
    recording.size = recording.handle.getSize()
  } catch {
    recording.file = await kept.getFile()
    recording.size = recording.file.size
  }
}

/** What is kept in the folder of a user's recordings, by hash; looked at once in a while. */
async function names(path) {
  if (performance.now() - listing.at < LOOK_MS / 2) return listing.names
  const found = new Map()
  try {
    let folder = await navigator.storage.getDirectory()
    for (const name of path) folder = await folder.getDirectoryHandle(name)
    for await (const [name, handle] of folder.entries()) {
      const [hash, size, rest] = name.split('.')
      if (size && rest === undefined) found.set(hash, handle)
    }
  } catch {
    // A browser that keeps nothing, or nothing kept yet.
  }
  listing = { at: performance.now(), names: found }
  return found
}

async function header(recording) {
  for (const most of HEADER_BYTES) {
    const fetched = near(recording) ? undefined : await fetchRange(recording, 0, most)
    const size = recording.size ?? recording.file.size
    const length = fetched ? put(fetched) : bringNear(recording, 0, Math.min(most, size))
    if (wasm.open(recording.id, length, size)) {
      const [channels, frames, format, finite] = answer()
      return { channels, frames, format, finite }
    }
    if (length >= size) break
  }
  throw new Error('It is no WAV file that can be read ahead.')
}

/** Reads bytes of a file of this device, right now, to where the WASM takes them: how many. What is read goes by in hundreds a second, so nothing is made. */
function bringNear({ handle, file }, at, length) {
  if (!handle) return put(new Uint8Array(new FileReaderSync().readAsArrayBuffer(file.slice(at, at + length))))
  // Memory moves when it grows.
  const start = place(length)
  return handle.read(new Uint8Array(wasm.memory.buffer, start, length), { at })
}

async function fetchRange(recording, at, length, stop = new AbortController()) {
  const { signal } = stop
  const patience = new Patience(stop)
  const headers = { range: `bytes=${at}-${at + length - 1}` }
  // The browser's own cache has one request for an address wait for the other: only the first goes through it.
  const cache = recording.fetching > 0 ? 'no-store' : 'default'
  recording.fetching++
  try {
    recording.url ??= await sign(recording, signal)
    patience.came()
    const response = await fetch(recording.url, { headers, signal, cache })
    patience.came()
    return await answered(recording, response, length, patience)
  } finally {
    patience.end()
    recording.fetching--
  }
}

/** Ends a request that brings nothing any more. */
class Patience {
  #stop
  #timer

  constructor(stop) {
    this.#stop = stop
    this.came()
  }

  /** Something has come. */
  came() {
    this.end()
    this.#timer = setTimeout(() => this.#stop.abort(new DOMException('Nothing comes from the server any more.', 'TimeoutError')), SILENCE_MS_MAX)
  }

  end() {
    clearTimeout(this.#timer)
  }
}

async function answered(recording, response, length, patience) {
  if (response.status === 403) recording.url = undefined
  if (response.status !== 206) void response.body?.cancel()
  if (response.status !== 206) throw new Error(`The server answered with status ${response.status}.`)
  recording.size ??= Number(response.headers.get('content-range').split('/')[1])
  return body(response, length, patience)
}

/** The bytes of an answer, `length` at most, in memory that was used before. */
async function body(response, length, patience) {
  let reader
  try {
    reader = response.body.getReader({ mode: 'byob' })
  } catch {
    // A browser that does not give them so.
    return copied(response.body.getReader(), length, patience)
  }
  const used = spare.pop()
  let buffer = used?.byteLength >= length ? used : new ArrayBuffer(length)
  let filled = 0
  while (filled < length) {
    const { done, value } = await reader.read(new Uint8Array(buffer, filled, length - filled))
    buffer = value.buffer
    if (done) break
    patience.came()
    filled += value.byteLength
  }
  return new Uint8Array(buffer, 0, filled)
}

/** The same, put together from what the browser has made. */
async function copied(reader, length, patience) {
  const bytes = new Uint8Array(length)
  let filled = 0
  for (let part = await reader.read(); !part.done && filled < length; part = await reader.read()) {
    patience.came()
    const value = part.value.subarray(0, length - filled)
    bytes.set(value, filled)
    filled += value.byteLength
  }
  return bytes.subarray(0, filled)
}

/** A link lasts some hours; the server gives the same one again, so that the browser's own cache knows what was fetched. */
async function sign({ record }, signal) {
  const response = await fetch(`/api/audio-files/${record}/download`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: '{"kind":"playback"}',
    signal,
  })
  const body = await response.json()
  if (!response.ok) throw new Error(body.message ?? `The server answered with status ${response.status}.`)
  return body.url
}

/** Where the WASM takes so many bytes. */
function place(length) {
  const at = wasm.input(length)
  if (at === 0) throw new Error('So much is not read at once.')
  return at
}

/** Puts bytes there: how many. */
function put(bytes) {
  const start = place(bytes.length)
  new Uint8Array(wasm.memory.buffer, start, bytes.length).set(bytes)
  return bytes.length
}

function answer() {
  return [...new Float64Array(wasm.memory.buffer, wasm.answer(), 5)]
}

function room() {
  return count - ((words[WRITTEN] - Atomics.load(words, TAKEN)) | 0)
}

function soon() {
  clearTimeout(timer)
  timer = setTimeout(turn)
}

function turn() {
  clearTimeout(timer)
  // The audio thread empties the ring in less than IDLE_MS; while it stands still nothing is gained by looking more often.
  const taken = words ? Atomics.load(words, TAKEN) : 0
  still = taken === takenBefore ? still + 1 : 0
  takenBefore = taken
  let isFull = false
  try {
    isFull = readOn()
  } finally {
    timer = setTimeout(turn, still < STILL_MAX && (isFull || come.length > 0) ? 1 : IDLE_MS)
  }
}

/** Reads and hands over what can be: whether the ring is full. */
function readOn() {
  wasm.look(position[0])
  const slots = wasm.slots_wanted()
  if (slots > slotsAsked) {
    slotsAsked = slots
    self.postMessage({ type: 'grow', slots })
  }
  while (come.length > 0 && deliver(come[0])) {
    const { buffer } = come.shift().bytes
    if (spare.length < REQUESTS_MAX && buffer.byteLength <= SPARE_BYTES_MAX) spare.push(buffer)
  }
  let isFull = false
  // One that found no slot is looked at again the next time.
  while (!(isFull = room() < NEAR_RUN) && wasm.next(1, NEAR_RUN) && takeNear(answer()));
  // What has come waits for the ring: so much and no more is fetched.
  breakOff()
  while (requests.size + come.length < REQUESTS_MAX && wasm.next(0, FAR_RUN)) takeFar(answer())
  if (aim) tellOfAim(Atomics.load(words, TAKEN))
  return isFull
}

/** Lets the line go to what is wanted now. */
function breakOff() {
  const now = performance.now()
  for (const { id, first, chunks, began, stop } of requests) {
    if (now - began > UNWANTED_MS_MAX && !wasm.wants(id, first, chunks)) stop.abort(UNWANTED)
  }
}

/** Tells the page how the place for which a jump waits is coming, and the audio thread to stop when what plays meanwhile would lack something. */
function tellOfAim(taken) {
  const { number, ticks } = aim
  if (wasm.is_ready(ticks, taken)) {
    self.postMessage({ type: 'ready', number })
    aim = undefined
    return
  }
  if (!aim.dry && !wasm.lasts(position[0], taken)) {
    aim.dry = true
    Atomics.add(words, DRY, 1)
  }
  if (aim.came && performance.now() - aim.toldAt > CAME_MS) {
    aim.came = false
    aim.toldAt = performance.now()
    self.postMessage({ type: 'came', number })
  }
}

function takeNear([id, first, chunks, at, length]) {
  const recording = recordings.get(id)
  try {
    if (bringNear(recording, at, length) < length) throw new Error('The file has become shorter.')
    const run = { id, first, chunks, length, next: 0, written: 0 }
    return deliver(run) && run.written > 0
  } catch (error) {
    fail(recording, id, first, chunks, error)
    // Damaged, or gone: the server has it.
    if (recording?.hash) {
      recording.handle?.close()
      recording.handle = recording.file = undefined
      wasm.set_near(id, 0)
    }
    return true
  }
}

async function takeFar([id, first, chunks, at, length]) {
  const recording = recordings.get(id)
  const request = { id, first, chunks, began: performance.now(), stop: new AbortController() }
  requests.add(request)
  try {
    const bytes = await fetchRange(recording, at, length, request.stop)
    if (bytes.length < length) throw new Error('The download broke off.')
    recording.wait = WAIT_MS_MIN
    come.push({ id, first, chunks, bytes, length, next: 0, written: 0 })
  } catch (error) {
    if (request.stop.signal.reason === UNWANTED) forget(id, first, chunks)
    else fail(recording, id, first, chunks, error)
  }
  requests.delete(request)
  soon()
}

/** So many chunks come no more; they are asked for again if they are wanted. */
function forget(id, first, chunks) {
  for (let n = 0; n < chunks; n++) wasm.failed(id, first + n)
}

function fail(recording, id, first, chunks, error) {
  forget(id, first, chunks)
  if (!recording || recordings.get(id) !== recording) return
  console.warn(`read ahead: recording ${id}: ${error?.message ?? error}`)
  wasm.pause(id, 1)
  setTimeout(() => recordings.get(id) === recording && wasm.pause(id, 0), recording.wait)
  recording.wait = Math.min(2 * recording.wait, WAIT_MS_MAX)
}

/** Writes a run's chunks into the ring, as far as there is room: whether all are there. What is near lies in the WASM already. */
function deliver(run) {
  if (room() === 0) return false
  if (run.bytes) put(run.bytes)
  while (run.next < run.chunks) {
    if (room() === 0) return false
    const index = run.first + run.next
    const decoded = wasm.decode(run.id, run.first, run.next, run.length)
    const slot = decoded ? wasm.arrived(run.id, index) : -1
    if (!decoded) wasm.failed(run.id, index)
    // A slot that was given away is filled at once.
    if (slot >= 0) write(slot, run.id, index)
    run.written += slot >= 0 ? 1 : 0
    if (aim && slot >= 0) aim.came = true
    run.next++
  }
  return true
}

function write(slot, id, index) {
  const written = words[WRITTEN]
  const cell = (written >>> 0) % count
  words.set([slot, id, index], RING_HEAD_WORDS + cell * RING_CELL_WORDS)
  cells[cell].set(new Uint8Array(wasm.memory.buffer, wasm.chunk(), CHUNK_BYTES))
  Atomics.store(words, WRITTEN, (written + 1) | 0)
}

/** What has come to this device since is read from there. */
setInterval(async () => {
  for (const recording of [...recordings.values()].filter((recording) => !near(recording))) {
    await find(recording)
    if (near(recording)) wasm.set_near(recording.id, 1)
  }
}, LOOK_MS)
