// A tape behind the audio thread: every sample that the studio's AudioWorklet gives to the loudspeaker, not what the screen says.
import type { Page } from '@playwright/test'

/** Frames that the tape hands over at once. */
const PIECE_FRAMES = 8192
/** Numbers that are taken from the page at once. */
const TAKEN_MAX = 1 << 21

/** What was recorded. */
export type Recorded = { left: Float32Array; right: Float32Array }

/** Has every page that is opened after this recorded, from the moment in which its sound starts. */
export async function putTapeBehind(page: Page) {
  // The tape is a module of the test's own, which the studio's policy would not let in.
  const session = await page.context().newCDPSession(page)
  await session.send('Page.enable')
  await session.send('Page.setBypassCSP', { enabled: true })
  await page.addInitScript((frames) => {
    const module = `registerProcessor('tape', class extends AudioWorkletProcessor {
      constructor() { super(); this.begin() }
      begin() { this.piece = new Float32Array(${2 * frames}); this.at = 0 }
      process([[left, right]]) {
        if (left === undefined) return true
        this.piece.set(left, this.at)
        this.piece.set(right ?? left, ${frames} + this.at)
        this.at += left.length
        if (this.at < ${frames}) return true
        this.port.postMessage(this.piece, [this.piece.buffer])
        this.begin()
        return true
      }
    })`
    const address = URL.createObjectURL(new Blob([module], { type: 'text/javascript' }))
    const add = AudioWorklet.prototype.addModule
    AudioWorklet.prototype.addModule = async function (this: AudioWorklet, ...args) {
      await add.call(this, address)
      return add.apply(this, args)
    }
    // Which recordings the page has brought to the audio thread, and how much of each: a chunk is 65,536 frames.
    const brought: { [id: number]: number } = ((window as any).brought = {})
    const post = MessagePort.prototype.postMessage as (...args: any[]) => void
    MessagePort.prototype.postMessage = function (this: MessagePort, message: any, ...rest: any[]) {
      if (message?.type === 'source') brought[message.id] = Math.ceil(message.frames / 65536)
      if (message?.type === 'chunk') brought[message.id]--
      return post.call(this, message, ...rest)
    } as any
    // What the audio thread says of itself.
    const Node = AudioWorkletNode
    ;(window as any).AudioWorkletNode = class extends Node {
      constructor(context: BaseAudioContext, name: string, options?: AudioWorkletNodeOptions) {
        super(context, name, options)
        const { status } = options?.processorOptions ?? {}
        if (status) (window as any).audioStatus = new Int32Array(status)
      }
    }
    const tape: Float32Array[] = ((window as any).tape = [])
    const connect = AudioNode.prototype.connect as (...args: any[]) => any
    AudioNode.prototype.connect = function (this: AudioNode, ...args: any[]) {
      if (args[0] === this.context.destination) {
        const node = new AudioWorkletNode(this.context, 'tape', { channelCount: 2, channelCountMode: 'explicit' })
        node.port.onmessage = ({ data }) => tape.push(data)
        connect.call(this, node)
        // What is not connected is not asked; it gives silence.
        connect.call(node, this.context.destination)
      }
      return connect.apply(this, args)
    } as any
  }, PIECE_FRAMES)
}

/** How many frames the tape has. */
export const frames = (page: Page) => page.evaluate((frames) => ((window as any).tape as Float32Array[]).length * frames, PIECE_FRAMES)

/** How many recordings lie whole in the audio thread's memory. */
export const whole = (page: Page) => page.evaluate(() => Object.values((window as any).brought as object).filter((missing) => missing === 0).length)

/** How often the device has run dry, which leaves a hole in what it plays. */
export const underruns = (page: Page) => page.evaluate(() => Atomics.load((window as any).audioStatus as Int32Array, 7))

/** Does something until the device has not run dry meanwhile, three times at most: a machine that is busy with something else may spoil two. */
export async function withoutUnderruns<T>(page: Page, take: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++) {
    const before = await underruns(page)
    const taken = await take()
    if (tries === 3 || (await underruns(page)) === before) return taken
  }
}

/** What the tape has, from a frame on. */
export async function played(page: Page, from = 0): Promise<Recorded> {
  const first = Math.floor(from / PIECE_FRAMES)
  const count = (await frames(page)) / PIECE_FRAMES
  const recorded = { left: new Float32Array((count - first) * PIECE_FRAMES), right: new Float32Array((count - first) * PIECE_FRAMES) }
  const step = TAKEN_MAX / (2 * PIECE_FRAMES)
  for (let at = first; at < count; at += step) {
    const text = await page.evaluate(
      async ([at, to]) => {
        const bytes = new Blob(((window as any).tape as Float32Array[]).slice(at, to) as BlobPart[])
        const reader = new FileReader()
        return new Promise<string>((done) => {
          reader.onload = () => done((reader.result as string).split(',')[1])
          reader.readAsDataURL(bytes)
        })
      },
      [at, Math.min(at + step, count)],
    )
    const bytes = Buffer.from(text, 'base64')
    const samples = new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length))
    for (let piece = 0; piece * 2 * PIECE_FRAMES < samples.length; piece++) {
      const place = (at - first + piece) * PIECE_FRAMES
      recorded.left.set(samples.subarray(2 * piece * PIECE_FRAMES, (2 * piece + 1) * PIECE_FRAMES), place)
      recorded.right.set(samples.subarray((2 * piece + 1) * PIECE_FRAMES, (2 * piece + 2) * PIECE_FRAMES), place)
    }
  }
  return recorded
}

/** The largest second difference, linear, and at which frame: a click of some height has about that height in it, a tone next to nothing. */
export function largestBend({ left, right }: Recorded, from = 0, to = left.length): { bend: number; at: number } {
  let [bend, at] = [0, from]
  for (const plane of [left, right]) {
    for (let n = Math.max(from, 2); n < to; n++) {
      const here = Math.abs(plane[n] - 2 * plane[n - 1] + plane[n - 2])
      if (here > bend) [bend, at] = [here, n]
    }
  }
  return { bend, at }
}

/** The samples of a WAV file of two channels of 32-bit floats. */
export function floats(wav: Buffer): Recorded {
  let at = 12
  while (wav.toString('latin1', at, at + 4) !== 'data') at += 8 + wav.readUInt32LE(at + 4) + (wav.readUInt32LE(at + 4) & 1)
  const count = wav.readUInt32LE(at + 4) / 8
  const recorded = { left: new Float32Array(count), right: new Float32Array(count) }
  for (let n = 0; n < count; n++) {
    recorded.left[n] = wav.readFloatLE(at + 8 + 8 * n)
    recorded.right[n] = wav.readFloatLE(at + 12 + 8 * n)
  }
  return recorded
}
