// The AudioWorkletProcessor `unisono`: hands messages and blocks to the engine's WASM, and its state back to the page.
//
// processorOptions: {
//   module: WebAssembly.Module    audio_thread.wasm, compiled by the page
//   status?: SharedArrayBuffer    where the state goes (layout below)
//   meters?: SharedArrayBuffer    where finer meters go (METERS_WORDS words, layout below)
//   initial?: message[]           handled before the first block, as an offline render needs
//   capacity?: number             the longest block in frames, 128 if absent
// }
// Node options: numberOfInputs 0, numberOfOutputs 1, outputChannelCount [2].
//
// Messages in (README.md says more):
//   {type: 'source', id, channels, frames, format: 'i16' | 'f32'}  announces a recording; replaces one of the same id
//   {type: 'chunk', id, index, data: ArrayBuffer}  frames index*65536 … of it; answered by {type: 'chunk', id, index}
//   {type: 'ring', data: SharedArrayBuffer}        where chunks of long recordings come from (README.md)
//   {type: 'pool', slots}                          makes some more slots for them; answered by {type: 'pool', slots}
//   {type: 'stream', id, channels, frames, format, finite}  announces a recording that is read ahead; answered by {type: 'stream', id}
//   {type: 'drop', id}                             forgets a recording
//   {type: 'plan', serial, data: ArrayBuffer, device?}  a compiled plan, and which of its devices' spectrum is measured; answered by
//                                                  {type: 'plan', serial} once all of it is here
//   {type: 'play'} {type: 'stop'} {type: 'seek', ticks} {type: 'metronome', on: boolean}
//   {type: 'loop', start, end}                     in ticks; without start and end: no loop
//   {type: 'measure', meters?, device?, anew?}     writes finer meters there from now on, or measures no more (README.md)
//   {type: 'resync'}                               after the context was suspended: the pause is no underrun
// Messages out: those answers, {type: 'ready'}, {type: 'error', message, about} for a message that was refused, and
//   {type: 'trap', message} when the engine failed; from then on the output is silence.
//
// Status, as Int32Array (STATUS_WORDS + 2 * tracks): 0 sequence, odd while words 1-11 and 14 are written; 1 playing; 2-3 position in frames
// (Float64Array index 1); 4 serial of the plan in force; 5 blocks; 6 blocks for which a chunk was not here; 7 underruns (the device
// ran dry, or blocks were skipped); 8 traps; 9 samples that were no numbers; 10 state (0 starting, 1 running, 2 failed); 11 tracks;
// 12-13 master peaks; 14 gaps that were played because what is read ahead came too late; 15 free; 16 + 2t, 17 + 2t peaks of track t. Peaks are the bits of f32 ≥ 0, the largest since they were last
// read: read one with Atomics.exchange(status, i, 0).

// Meters, as Int32Array of the bits of f32 unless said otherwise: 0 devices of the plan in force (a whole number); 1 how many of them are
// silent because they failed (a whole number); 2-3 true peak; 4-5 RMS; 6 correlation; 7 momentary, 8 short-term, 9 integrated loudness in
// LUFS; 10 its range in LU; 11 which device the spectrum is behind, counted from 1, or 0 (a whole number); 12-15 free; 16 + d gain reduction of the plan's device d in dB, infinite for one that failed. True peaks and reductions are ≥ 0 and the
// largest since they were last read: read one with Atomics.exchange(meters, i, 0).

const METERS_WORDS = 16 + 4096;
// Behind them, where there is room: the spectrum, from 0 to half the rate, in dB.
const SPECTRUM_WORDS = 1025;
const FORMATS = { i16: 0, f32: 1 };
const STATUS_WORDS = 16;
// How far, in ms, the device may fall behind the wall clock within a second before it is an underrun.
const LAG_MS = 15;
// The ring, as Int32Array: 0 chunks written, 1 chunks taken, 2 how often what plays was to stop; from 16 on each cell's slot, recording and number, and a free word; then the cells.
const CHUNK_BYTES = 65536;
const RING_HEAD_WORDS = 16;
const RING_CELL_WORDS = 4;
// What comes of a long plan before one block. Whole words.
const PLAN_PIECE_BYTES = 262144;
// Chunks that are taken out of it at the beginning of one block: 512 KiB, which cost some 50 µs.
const TAKEN_MAX = 8;

class UnisonoProcessor extends AudioWorkletProcessor {
  constructor(options) {
    super();
    const { module, status, meters, initial = [], capacity = 128 } = options.processorOptions;
    this.failed = false;
    this.capacity = capacity;
    this.shared = status ? new Int32Array(status) : new Int32Array(STATUS_WORDS);
    this.sharedFloat = new Float64Array(this.shared.buffer, 0, 2);
    this.meters = Math.max(0, (this.shared.length - STATUS_WORDS) >> 1);
    this.expected = -1;
    this.agreed = false;
    this.underruns = 0;
    this.resync();
    this.port.onmessage = (event) => this.handle(event.data);
    try {
      this.wasm = new WebAssembly.Instance(module, {}).exports;
      if (!this.wasm.init(sampleRate, capacity)) throw new Error(`the engine does not run at ${sampleRate} Hz`);
      this.fine = meters && meters.byteLength >= 4 * METERS_WORDS ? new Int32Array(meters) : undefined;
      this.view(capacity);
    } catch (error) {
      this.fail(error);
    }
    for (const message of initial) this.handle(message);
    // An offline render begins with the whole of it.
    while (this.coming && !this.failed) this.bring();
    if (!this.failed) {
      Atomics.store(this.shared, 10, 1);
      this.port.postMessage({ type: 'ready' });
    }
  }

  // Views of the WASM's memory, made anew when it has grown or the block's length changes.
  view(frames) {
    const buffer = this.wasm.memory.buffer;
    this.buffer = buffer;
    this.frames = frames;
    this.left = new Float32Array(buffer, this.wasm.output_left(), Math.min(frames, this.capacity));
    this.right = new Float32Array(buffer, this.wasm.output_right(), Math.min(frames, this.capacity));
    this.bytes = new Uint8Array(buffer);
    const at = this.wasm.status();
    this.position = new Float64Array(buffer, at, 1);
    this.state = new Int32Array(buffer, at + 8, 14);
    this.peaks = new Int32Array(buffer, at + 64, 2 * 1024);
    if (this.fine) this.measured = new Int32Array(buffer, this.wasm.measure(), METERS_WORDS + SPECTRUM_WORDS);
  }

  fail(error) {
    this.failed = true;
    Atomics.add(this.shared, 8, 1);
    Atomics.store(this.shared, 1, 0);
    Atomics.store(this.shared, 10, 2);
    this.port.postMessage({ type: 'trap', message: String(error) });
  }

  refuse(about, message) {
    this.port.postMessage({ type: 'error', about, message });
  }

  // A malformed message is refused; only an error of the engine itself ends it.
  handle(message) {
    if (this.failed) return;
    try {
      this.obey(message);
    } catch (error) {
      if (error instanceof WebAssembly.RuntimeError) this.fail(error);
      else this.refuse({ type: message?.type }, String(error));
    }
  }

  obey(message) {
    switch (message.type) {
      case 'source': return this.source(message);
      case 'chunk': return this.chunk(message);
      case 'ring': return this.takeFrom(message.data);
      case 'pool': return this.port.postMessage({ type: 'pool', slots: this.wasm.pool_grow(message.slots) });
      case 'stream': return this.stream(message);
      case 'drop': return this.wasm.source_drop(message.id);
      case 'plan': return this.plan(message);
      case 'play': return this.play();
      case 'stop': return this.wasm.stop();
      case 'seek': return this.wasm.seek(message.ticks);
      case 'loop': return this.wasm.set_loop(message.start ?? 0, message.end ?? 0);
      case 'metronome': return this.wasm.metronome(message.on ? 1 : 0);
      case 'measure': return this.measure(message);
      case 'resync': return this.resync();
      default: return this.refuse({ type: message.type }, 'no such message');
    }
  }

  // Measures for whoever looks, and listens behind one device for its spectrum; without `meters` nothing is computed any more. The device is
  // one of the newest plan: where that is still coming, it goes with it.
  measure({ meters, device = -1, anew }) {
    const before = this.fine;
    this.fine = meters && meters.byteLength >= 4 * METERS_WORDS ? new Int32Array(meters) : undefined;
    const newest = this.next ?? this.coming;
    if (newest) newest.device = device;
    if (!this.fine) return this.wasm.measure_no_more();
    this.wasm.measure();
    if (!newest) this.wasm.listen(device);
    if (anew || !before) this.wasm.measure_anew();
    if (!before || this.wasm.memory.buffer !== this.buffer) this.view(this.frames);
  }

  // What was to stop before it lacked something has stopped, or was overtaken: a stop that was asked for before is done with.
  play() {
    if (this.ring) this.ring.dry = Atomics.load(this.ring.words, 2);
    this.wasm.play();
  }

  source({ id, channels, frames, format }) {
    if (!this.wasm.source_begin(id, channels, frames, FORMATS[format] ?? -1)) {
      this.refuse({ type: 'source', id }, 'a recording has 1 or 2 channels, at most 2^30 frames, and format i16 or f32');
    }
  }

  chunk({ id, index, data }) {
    const bytes = this.wasm.source_chunk_bytes(id, index);
    if (bytes === 0 || bytes !== data.byteLength) {
      this.refuse({ type: 'chunk', id, index }, `a chunk of ${bytes} bytes was expected`);
      return;
    }
    const at = this.wasm.source_chunk(id, index);
    new Uint8Array(this.wasm.memory.buffer, at, bytes).set(new Uint8Array(data));
    this.port.postMessage({ type: 'chunk', id, index });
  }

  stream({ id, channels, frames, format, finite }) {
    if (this.wasm.stream_begin(id, channels, frames, format, finite)) this.port.postMessage({ type: 'stream', id });
    else this.refuse({ type: 'stream', id }, 'too many recordings, or too long ones, are read ahead');
  }

  takeFrom(shared) {
    const words = new Int32Array(shared);
    const count = Math.floor((shared.byteLength - 4 * RING_HEAD_WORDS) / (CHUNK_BYTES + 4 * RING_CELL_WORDS));
    const first = 4 * (RING_HEAD_WORDS + count * RING_CELL_WORDS);
    const cells = Array.from({ length: count }, (_, n) => new Uint8Array(shared, first + n * CHUNK_BYTES, CHUNK_BYTES));
    this.ring = { words, count, cells, dry: Atomics.load(words, 2) };
    // What an offline render begins with.
    this.view(this.capacity);
    while (Atomics.load(words, 0) !== words[1]) this.take();
  }

  // Takes chunks that were read ahead, without waiting for any, and without making anything.
  take() {
    const { words, count, cells } = this.ring;
    const written = Atomics.load(words, 0);
    let taken = words[1];
    for (let n = 0; n < TAKEN_MAX && taken !== written; n++) {
      const cell = (taken >>> 0) % count;
      const head = RING_HEAD_WORDS + cell * RING_CELL_WORDS;
      const at = this.wasm.slot_fill(words[head]);
      if (at !== 0) {
        this.bytes.set(cells[cell], at);
        this.wasm.slot_filled(words[head], words[head + 1], words[head + 2]);
      }
      taken = (taken + 1) | 0;
    }
    Atomics.store(words, 1, taken);
    // What plays while a jump waits stops before it lacks something; the page lets it play behind the jump.
    const dry = Atomics.load(words, 2);
    if (dry !== this.ring.dry) this.wasm.stop();
    this.ring.dry = dry;
  }

  // A plan comes piece by piece, one before each block, so that none has to wait for a long one. Of those that wait behind it the newest counts.
  plan(message) {
    if (this.coming) {
      this.next = message;
      return;
    }
    const bytes = new Uint8Array(message.data);
    if (!this.wasm.plan_begin(bytes.length)) {
      this.refuse({ type: 'plan', serial: message.serial }, 'the plan is too long, or no whole words');
      return;
    }
    this.coming = { serial: message.serial, device: message.device, bytes, at: 0 };
    this.bring();
  }

  bring() {
    const { serial, device, bytes, at } = this.coming;
    const end = Math.min(at + PLAN_PIECE_BYTES, bytes.length);
    const to = this.wasm.plan_piece(end - at);
    new Uint8Array(this.wasm.memory.buffer, to, end - at).set(bytes.subarray(at, end));
    this.coming.at = end;
    if (end < bytes.length) return;
    const next = this.next;
    this.coming = this.next = undefined;
    const refusal = this.wasm.plan_commit(serial);
    if (refusal === 0 && this.fine && device !== undefined) this.wasm.listen(device);
    if (refusal === 0) this.port.postMessage({ type: 'plan', serial });
    else this.refuse({ type: 'plan', serial }, refusal === 2 ? 'the plan is for another sample rate' : 'this is no plan');
    if (next) this.plan(next);
  }

  process(inputs, outputs) {
    const [left, right] = outputs[0];
    if (this.failed || left === undefined) return true;
    try {
      this.block(left, right);
    } catch (error) {
      left.fill(0);
      right?.fill(0);
      this.fail(error);
    }
    return true;
  }

  block(left, right) {
    const frames = left.length;
    if (this.coming) this.bring();
    if (this.ring) {
      if (this.wasm.memory.buffer !== this.buffer) this.view(frames);
      this.take();
    }
    this.wasm.process(frames);
    if (this.wasm.memory.buffer !== this.buffer || frames !== this.frames) this.view(frames);
    left.set(this.left);
    right?.set(this.right);
    this.watch(frames);
    this.report();
  }

  // When the device runs dry, the frames it has asked for fall behind the wall clock, and stay behind. The least lag in a second is
  // free of the jitter of callbacks; a growth from one second to the next is an underrun. A clock that drifts moves far less.
  watch(frames) {
    const playing = this.state[0] !== 0;
    if (this.hasSkipped(frames) && playing) this.underruns++;
    const lag = Date.now() - (currentFrame * 1000) / sampleRate;
    if (lag < this.least) this.least = lag;
    this.nextCheck ??= currentFrame + sampleRate;
    if (currentFrame < this.nextCheck) return;
    if (playing && this.least > this.usual + LAG_MS) this.underruns++;
    this.usual = this.least;
    this.least = Infinity;
    this.nextCheck = currentFrame + sampleRate;
  }

  // Whether the browser has left out blocks before this one. It tells this thread the frame only when nobody is just changing its graph of
  // nodes: one that stands still is an old one, and so may be the very first, until two blocks follow one another.
  hasSkipped(frames) {
    if (currentFrame < this.expected) {
      this.expected += frames;
      return false;
    }
    const skipped = this.agreed && currentFrame > this.expected;
    this.agreed ||= currentFrame === this.expected;
    this.expected = currentFrame + frames;
    return skipped;
  }

  resync() {
    this.least = Infinity;
    this.usual = Infinity;
    this.nextCheck = undefined;
  }

  report() {
    const { shared, state } = this;
    Atomics.add(shared, 0, 1);
    shared[1] = state[0];
    this.sharedFloat[1] = this.position[0];
    shared[4] = state[1];
    shared[5] = state[2];
    shared[6] = state[3];
    shared[7] = this.underruns;
    shared[9] = state[4];
    shared[11] = state[5];
    shared[14] = state[9];
    Atomics.add(shared, 0, 1);
    this.meter(12, state[6]);
    this.meter(13, state[7]);
    const count = 2 * Math.min(state[5], this.meters);
    for (let i = 0; i < count; i++) this.meter(STATUS_WORDS + i, this.peaks[i]);
    if (this.fine) this.reportFine(this.fine, this.measured);
  }

  reportFine(fine, measured) {
    fine[0] = measured[0];
    fine[1] = measured[1];
    for (let i = 4; i < 11; i++) Atomics.store(fine, i, measured[i]);
    this.most(fine, 2, measured[2]);
    this.most(fine, 3, measured[3]);
    for (let i = 16; i < 16 + measured[0]; i++) this.most(fine, i, measured[i]);
    fine[11] = measured[11];
    if (measured[11] > 0 && fine.length >= METERS_WORDS + SPECTRUM_WORDS) for (let i = METERS_WORDS; i < METERS_WORDS + SPECTRUM_WORDS; i++) fine[i] = measured[i];
  }

  meter(index, bits) {
    this.most(this.shared, index, bits);
  }

  // The bits of floats ≥ 0 are in the order of the floats.
  most(words, index, bits) {
    if (bits > Atomics.load(words, index)) Atomics.store(words, index, bits);
  }
}

registerProcessor('unisono', UnisonoProcessor);
