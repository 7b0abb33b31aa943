// A browser without the server: its pages still come (as from a service worker), calls and sockets do not.
import type { BrowserContext, Page } from '@playwright/test'
import { expect } from './band'

export interface Network {
  /** Transactions that have gone to the server over sockets (W4's `Submit`). */
  transactions(): number
  /** What was told of one's pointer, selection and drags. */
  presences(): number
  /** Keeps back what the browser says over its sockets, until it is let go. */
  hold(): void
  letGo(): void
  /** Cuts the sockets, and the calls, too, unless they are to go on. */
  cut(options?: { calls?: boolean }): Promise<void>
  mend(): void
}

/** Takes the network of a browser, or of one tab, into its hands. Call it before its first page is opened. */
export async function network(context: BrowserContext | Page): Promise<Network> {
  let [noSockets, noCalls] = [false, false]
  let [transactions, presences] = [0, 0]
  let held: (() => void)[] | undefined
  const sockets = new Set<{ close(): Promise<void> }>()
  await context.route('**/api/**', (route) => (noCalls ? route.abort('internetdisconnected') : route.continue()))
  await context.routeWebSocket(/\/api\/realtime/, (socket) => {
    if (noSockets) return void socket.close()
    const server = socket.connectToServer()
    sockets.add(socket)
    socket.onMessage((message) => {
      const [kind, count] = typeof message === 'string' ? [] : said(message)
      if (kind === SUBMIT) transactions += count
      if (kind === PRESENCE) presences += 1
      if (held) held.push(() => server.send(message))
      else server.send(message)
    })
    server.onClose((code, reason) => {
      sockets.delete(socket)
      void socket.close({ code: code === 1005 || code === 1006 ? 1000 : code, reason })
    })
  })
  return {
    transactions: () => transactions,
    presences: () => presences,
    hold() {
      held ??= []
    },
    letGo() {
      const messages = held ?? []
      held = undefined
      for (const send of messages) send()
    },
    async cut({ calls = true } = {}) {
      ;[noSockets, noCalls] = [true, calls]
      await Promise.all([...sockets].map((socket) => socket.close()))
      sockets.clear()
    },
    mend() {
      ;[noSockets, noCalls] = [false, false]
    },
  }
}

const SUBMIT = 2
const PRESENCE = 3

/** What a frame of W4 is, and how many it holds: a byte of the version, then postcard. */
function said(frame: Buffer): number[] {
  const numbers: number[] = []
  for (let at = 1; numbers.length < 3 && at < frame.length; at += 1) {
    let [number, shift] = [frame[at] & 0x7f, 7]
    for (; frame[at] & 0x80; shift += 7) number |= (frame[++at] & 0x7f) << shift
    numbers.push(number)
  }
  const [kind, , count] = numbers
  return [kind, count]
}

/** The keys of a store of the browser's database. */
export function keys(page: Page, store: string, user: string): Promise<unknown[]> {
  return page.evaluate(
    async ([store, user]) => {
      const done = <T>(request: IDBRequest<T>) => new Promise<T>((done) => (request.onsuccess = () => done(request.result)))
      const database = await done(indexedDB.open(`unisono-${user}`))
      const keys = await done(database.transaction(store).objectStore(store).getAllKeys())
      database.close()
      return keys
    },
    [store, user],
  )
}

/** Waits until the browser has the project in its database. */
export async function kept(page: Page, user: string, project: string) {
  await expect.poll(() => keys(page, 'snapshots', user)).toContain(project)
}

/** Changes the tempo by hand. */
export async function setTempo(page: Page, bpm: string) {
  await page.fill('[name=bpm]', bpm)
  await page.locator('[name=bpm]').press('Enter')
}
