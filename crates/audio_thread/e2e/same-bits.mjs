// Renders the corpus (`cargo run --release -p engine --example corpus -- FOLDER`) in a browser page and hashes what comes out.
//
// A test serves the corpus' folder, the worklet and the WASM with the isolation headers, imports this module in the page and
// compares `renderCase(…)` with the case's `sha256`. Each `flip` must change the hash, or the test proves nothing.

const CHUNK_FRAMES = 65536;
const BYTES = { i16: 2, f32: 4 };

/** The list in corpus.json, with the bytes of plans and recordings. `base` is the URL of the folder, with a slash at its end. */
export async function loadCorpus(base) {
  const cases = await (await fetch(new URL('corpus.json', base))).json();
  const bytes = async (file) => (await fetch(new URL(file, base))).arrayBuffer();
  return Promise.all(cases.map(async (entry) => ({
    ...entry,
    planBytes: await bytes(entry.plan),
    acts: await Promise.all(entry.acts.map(async (act) => (act.plan ? { ...act, planBytes: await bytes(act.plan) } : act))),
    sources: await Promise.all(entry.sources.map(async (source) => ({ ...source, bytes: await bytes(source.file) }))),
  })));
}

/** The messages that set a case up, as the page would post them. `flip`: 'gain' or 'sample' changes the last bit of one. */
export function messagesOf(entry, flip) {
  const plan = entry.planBytes.slice(0);
  if (flip === 'gain') new Uint32Array(plan)[7] ^= 1;
  const messages = entry.sources.flatMap((source) => chunksOf(source, flip === 'sample' && source === entry.sources.at(-1)));
  messages.push({ type: 'plan', serial: 1, data: plan });
  messages.push({ type: 'seek', ticks: entry.startTicks });
  if (entry.loop) messages.push({ type: 'loop', start: entry.loop[0], end: entry.loop[1] });
  messages.push({ type: 'metronome', on: entry.metronome }, { type: 'play' });
  return messages;
}

/** The acts of a case, as messages under the frames at which they are posted. */
function actsOf(entry) {
  const messages = new Map();
  entry.acts.forEach(({ at, type, ticks, planBytes }, index) => {
    const message = type === 'plan' ? { type, serial: index + 2, data: planBytes.slice(0) } : type === 'seek' ? { type, ticks } : { type };
    messages.set(at, [...(messages.get(at) ?? []), message]);
  });
  return messages;
}

/** Halts a rendering at a frame until `done` is. */
function pauseAt(context, frame, done) {
  // Half a frame behind, so that no rounding of seconds leads to the block before.
  context.suspend((frame + 0.5) / context.sampleRate).then(async () => {
    const paused = Math.round(context.currentTime * context.sampleRate);
    if (paused !== frame) throw new Error(`paused at ${paused} instead of ${frame}`);
    await done();
    context.resume();
  });
}

/** Posts messages to the worklet, and waits until it has obeyed them: it answers what is asked behind them. */
function obeyed(node, messages) {
  return new Promise((done) => {
    node.port.addEventListener('message', function hear({ data }) {
      if (data.type !== 'pool') return;
      node.port.removeEventListener('message', hear);
      done();
    });
    messages.forEach((message) => node.port.postMessage(message));
    node.port.postMessage({ type: 'pool', slots: 0 });
  });
}

function chunksOf({ id, channels, frames, format, bytes }, flip) {
  const data = bytes.slice(0);
  if (flip) flipSamples(format === 'i16' ? new Uint16Array(data) : new Uint32Array(data));
  const messages = [{ type: 'source', id, channels, frames, format }];
  const size = CHUNK_FRAMES * channels * BYTES[format];
  for (let index = 0; index * size < data.byteLength; index++) {
    messages.push({ type: 'chunk', id, index, data: data.slice(index * size, (index + 1) * size) });
  }
  return messages;
}

// The last bit of every 97th sample from the 5000th on: a sum may round a single one away.
function flipSamples(samples) {
  for (let n = 5000; n < samples.length; n += 97) samples[n] ^= 1;
}

/** SHA-256 (hex) of what the shipped worklet renders in an OfflineAudioContext. */
export async function renderCase(entry, { module, workletUrl, flip }) {
  const context = new OfflineAudioContext({ numberOfChannels: 2, length: entry.frames, sampleRate: entry.sampleRate });
  await context.audioWorklet.addModule(workletUrl);
  const status = new SharedArrayBuffer(4 * (16 + 2 * 64));
  const node = new AudioWorkletNode(context, 'unisono', {
    numberOfInputs: 0,
    numberOfOutputs: 1,
    outputChannelCount: [2],
    processorOptions: { module, status, initial: messagesOf(entry, flip) },
  });
  const refusals = [];
  node.port.onmessage = ({ data }) => data.type === 'error' || data.type === 'trap' ? refusals.push(JSON.stringify(data)) : 0;
  node.onprocessorerror = () => refusals.push('processorerror');
  node.connect(context.destination);
  for (const [frame, messages] of actsOf(entry)) pauseAt(context, frame, () => obeyed(node, messages));
  const buffer = await context.startRendering();
  if (refusals.length) throw new Error(`${entry.name}: ${refusals.join(', ')}`);
  const words = new Int32Array(status);
  if (words[10] !== 1 || words[6] !== 0) throw new Error(`${entry.name}: state ${words[10]}, starved blocks ${words[6]}`);
  return hash(buffer.getChannelData(0), buffer.getChannelData(1));
}

/** How much is rendered before the worker may read on: blocks of 128 frames. */
const STEP_FRAMES = 37 * 128;
const RING_BYTES = 4 * (16 + 4 * 64) + 64 * 65536;

/**
 * The same with all recordings read ahead by the shipped worker, out of WAV files and into a pool that is smaller than most of them. The rendering pauses
 * so that the worker keeps up with it, as it does with playing. `late`: it does not pause.
 */
export async function renderReadAhead(entry, { module, workletUrl, workerUrl, workerWasmUrl, slots = 24, late = false }) {
  const status = new SharedArrayBuffer(4 * (16 + 2 * 64));
  const ring = new SharedArrayBuffer(RING_BYTES);
  const words = new Int32Array(ring);
  const worker = new Worker(workerUrl, { type: 'module' });
  const told = (type, id) => new Promise((done, failed) => {
    worker.addEventListener('message', function hear({ data }) {
      if (data.type === 'refused') failed(new Error(data.message));
      if (data.type !== type || (data.id ?? data.number) !== id) return;
      worker.removeEventListener('message', hear);
      done(data);
    });
  });
  const settled = async () => {
    for (let same = 0, before = -1; same < 3; same = words[0] === before ? same + 1 : 0) {
      before = words[0];
      await new Promise((done) => setTimeout(done, 20));
    }
  };
  worker.postMessage({ type: 'start', url: workerWasmUrl, ring, status });
  worker.postMessage({ type: 'pool', slots });
  worker.postMessage({ type: 'plan', data: entry.planBytes.slice(0) });
  if (entry.loop) worker.postMessage({ type: 'loop', start: entry.loop[0], end: entry.loop[1] });
  worker.postMessage({ type: 'aim', number: 1, ticks: entry.startTicks });
  const announced = [{ type: 'pool', slots }];
  for (const source of entry.sources) {
    worker.postMessage({ type: 'open', id: source.id, file: wavOf(source, entry.sampleRate) });
    announced.push(await told('stream', source.id));
    worker.postMessage({ type: 'begin', id: source.id });
  }
  await settled();
  const context = new OfflineAudioContext({ numberOfChannels: 2, length: entry.frames, sampleRate: entry.sampleRate });
  await context.audioWorklet.addModule(workletUrl);
  const messages = messagesOf({ ...entry, sources: [] });
  const node = new AudioWorkletNode(context, 'unisono', {
    numberOfInputs: 0,
    numberOfOutputs: 1,
    outputChannelCount: [2],
    processorOptions: { module, status, initial: [...announced, { type: 'ring', data: ring }, ...messages] },
  });
  const refusals = [];
  node.port.onmessage = ({ data }) => data.type === 'error' || data.type === 'trap' ? refusals.push(JSON.stringify(data)) : 0;
  node.connect(context.destination);
  const acts = late ? new Map() : actsOf(entry);
  for (let frame = STEP_FRAMES; !late && frame < entry.frames; frame += STEP_FRAMES) if (!acts.has(frame)) acts.set(frame, []);
  let jumps = 1;
  for (const [frame, messages] of acts) {
    pauseAt(context, frame, async () => {
      // What is done is told to the worker first, as the page does.
      for (const { type, data } of messages) if (type === 'plan') worker.postMessage({ type, data: data.slice(0) });
      const seek = messages.findLast(({ type }) => type === 'seek');
      worker.postMessage(seek ? { type: 'aim', number: ++jumps, ticks: seek.ticks } : { type: 'aim' });
      await settled();
      if (messages.length) await obeyed(node, messages);
    });
  }
  const buffer = await context.startRendering();
  worker.terminate();
  if (refusals.length) throw new Error(`${entry.name}: ${refusals.join(', ')}`);
  const state = new Int32Array(status);
  return { sha256: await hash(buffer.getChannelData(0), buffer.getChannelData(1)), gaps: state[14], starved: state[6], chunks: words[1] };
}

/** A WAV file of a recording of the corpus. */
function wavOf({ channels, frames, format, bytes }, rate) {
  const size = BYTES[format];
  const head = new DataView(new ArrayBuffer(44));
  const text = (at, letters) => [...letters].forEach((letter, n) => head.setUint8(at + n, letter.charCodeAt(0)));
  text(0, 'RIFF');
  head.setUint32(4, 36 + frames * channels * size, true);
  text(8, 'WAVEfmt ');
  head.setUint32(16, 16, true);
  head.setUint16(20, format === 'i16' ? 1 : 3, true);
  head.setUint16(22, channels, true);
  head.setUint32(24, rate, true);
  head.setUint32(28, rate * channels * size, true);
  head.setUint16(32, channels * size, true);
  head.setUint16(34, 8 * size, true);
  text(36, 'data');
  head.setUint32(40, frames * channels * size, true);
  if (format === 'i16') return new Blob([head.buffer, bytes]);
  // Floats lie planar in chunks.
  const [planar, samples] = [new Uint32Array(bytes), new Uint32Array(frames * channels)];
  for (let begin = 0; begin < frames; begin += CHUNK_FRAMES) {
    const length = Math.min(CHUNK_FRAMES, frames - begin);
    for (let channel = 0; channel < channels; channel++) {
      for (let n = 0; n < length; n++) samples[(begin + n) * channels + channel] = planar[begin * channels + channel * length + n];
    }
  }
  return new Blob([head.buffer, samples.buffer]);
}

/** The same without a worklet, in blocks of `block` frames: the WASM alone. */
export async function renderDirect(entry, { module, block = 128, flip }) {
  const wasm = new WebAssembly.Instance(module, {}).exports;
  if (!wasm.init(entry.sampleRate, block)) throw new Error('init');
  messagesOf(entry, flip).forEach((message) => apply(wasm, message));
  const channels = [new Float32Array(entry.frames), new Float32Array(entry.frames)];
  const acts = actsOf(entry);
  for (let at = 0; at < entry.frames; ) {
    acts.get(at)?.forEach((message) => apply(wasm, message));
    const next = Math.min(entry.frames, ...[...acts.keys()].filter((frame) => frame > at));
    const frames = Math.min(block, next - at);
    wasm.process(frames);
    channels[0].set(new Float32Array(wasm.memory.buffer, wasm.output_left(), frames), at);
    channels[1].set(new Float32Array(wasm.memory.buffer, wasm.output_right(), frames), at);
    at += frames;
  }
  return hash(...channels);
}

/** Hands one message to a bare instance. */
export function apply(wasm, message) {
  const copy = (at, data) => new Uint8Array(wasm.memory.buffer, at, data.byteLength).set(new Uint8Array(data));
  switch (message.type) {
    case 'source': return wasm.source_begin(message.id, message.channels, message.frames, message.format === 'i16' ? 0 : 1);
    case 'chunk': return copy(wasm.source_chunk(message.id, message.index), message.data);
    case 'plan':
      wasm.plan_begin(message.data.byteLength);
      return copy(wasm.plan_piece(message.data.byteLength), message.data), wasm.plan_commit(message.serial);
    case 'seek': return wasm.seek(message.ticks);
    case 'loop': return wasm.set_loop(message.start, message.end);
    case 'metronome': return wasm.metronome(message.on ? 1 : 0);
    case 'play': return wasm.play();
    case 'stop': return wasm.stop();
    default: throw new Error(message.type);
  }
}

async function hash(left, right) {
  const interleaved = new Float32Array(2 * left.length);
  for (let n = 0; n < left.length; n++) {
    interleaved[2 * n] = left[n];
    interleaved[2 * n + 1] = right[n];
  }
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', interleaved.buffer));
  return [...digest].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}
