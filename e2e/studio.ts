// A studio of its own for tests: the real server on a free port of this machine, with a data folder that goes with it.
import { spawn, type ChildProcess } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

/** How long the server may take to get ready: the first start writes the demo song. */
const READY_MS = 60_000
/** How long it may take to stop by itself before it is killed. */
const STOP_MS = 10_000
/** Lines of the server's log that are kept for when something fails. */
const LOG_LINES = 200

export interface Studio {
  url: string
  dataDir: string
  process: ChildProcess
  /** The last lines that the server wrote. */
  log(): string
  /** Stops the server; its data folder is removed unless it is to be started again on it. */
  stop(options?: { keepData?: boolean; signal?: NodeJS.Signals }): Promise<void>
}

/** Starts `unisono serve --demo`; `dataDir` and `port` are for starting one again where it was. */
export async function startStudio(options: { dataDir?: string; port?: number; args?: string[] } = {}): Promise<Studio> {
  const binary = resolve(process.env.UNISONO_BINARY ?? 'target/release/unisono')
  const dataDir = options.dataDir ?? (await mkdtemp(join(tmpdir(), 'unisono-e2e-')))
  // A port that is free, unless it is said which: the server takes one, so that nobody takes it in between.
  const address = `127.0.0.1:${options.port ?? 0}`
  const lines: string[] = []
  const child = spawn(binary, ['serve', '--demo', '--listen', address, '--data', dataDir, ...(options.args ?? [])], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      lines.push(...text.trimEnd().split('\n'))
      lines.splice(0, lines.length - LOG_LINES)
    })
  }
  const exited = new Promise<void>((done) => child.once('close', () => done()))
  // No server outlives the tests, whatever ends them.
  const kill = () => child.kill('SIGKILL')
  process.once('exit', kill)
  child.once('close', () => process.off('exit', kill))
  child.once('error', (error) => lines.push(String(error)))
  const studio: Studio = {
    // Until it says where it is.
    url: `http://${address}`,
    dataDir,
    process: child,
    log: () => lines.join('\n'),
    async stop({ keepData = false, signal = 'SIGTERM' } = {}) {
      child.kill(signal)
      const impatience = setTimeout(() => child.kill('SIGKILL'), STOP_MS)
      await exited
      clearTimeout(impatience)
      if (!keepData) await rm(dataDir, { recursive: true, force: true })
    },
  }
  try {
    await untilReady(studio)
  } catch (error) {
    await studio.stop({ keepData: options.dataDir !== undefined, signal: 'SIGKILL' })
    throw error
  }
  return studio
}

const name = (what: 'URL' | 'E2E_DATA', worker: number | string) => `UNISONO_${what}_${worker}`

/** Has the worker of this number use a studio. */
export function useStudio(studio: Studio, worker: number) {
  process.env[name('URL', worker)] = studio.url
  process.env[name('E2E_DATA', worker)] = studio.dataDir
}

/** In a worker: finds its studio, which `UNISONO_URL` and `UNISONO_E2E_DATA` are from now on. */
export function findStudio() {
  const worker = process.env.TEST_PARALLEL_INDEX
  if (worker === undefined || process.env[name('URL', worker)] === undefined) return
  process.env.UNISONO_URL = process.env[name('URL', worker)]
  process.env.UNISONO_E2E_DATA = process.env[name('E2E_DATA', worker)]
}

async function untilReady(studio: Studio) {
  const deadline = Date.now() + READY_MS
  while (Date.now() < deadline) {
    if (studio.process.exitCode !== null || studio.process.pid === undefined) break
    const said = studio.log().match(/^Unisono is at (http\S*\d)\/$/m)
    if (said) studio.url = said[1]
    const ready = said && await fetch(`${studio.url}/health/ready`).then((response) => response.ok, () => false)
    if (ready) return
    await new Promise((done) => setTimeout(done, 50))
  }
  throw new Error(`the server did not get ready; its log:\n${studio.log()}`)
}
