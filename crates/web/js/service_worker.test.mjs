// The worker in a world of its own: caches, a network and pages that the test makes.
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { runInNewContext } from 'node:vm'
import { describe, expect, test } from 'vitest'

const SOURCE = readFileSync(join(import.meta.dirname, 'service_worker.js'), 'utf8')
const ORIGIN = 'https://studio.example'
const sha256 = (text) => createHash('sha256').update(text).digest('hex')

class Caches {
  all = new Map()
  async open(name) {
    if (!this.all.has(name)) this.all.set(name, new Map())
    const entries = this.all.get(name)
    return { put: async (address, response) => void entries.set(address, response) }
  }
  async match(address, { cacheName } = {}) {
    for (const [name, entries] of this.all) {
      if (cacheName === undefined || cacheName === name) {
        const found = entries.get(address)
        if (found) return found.clone()
      }
    }
    return undefined
  }
  async delete(name) {
    return this.all.delete(name)
  }
  async keys() {
    return [...this.all.keys()]
  }
}

/** A worker of release `name`. `server` maps paths to texts or to functions; what it lacks is 404. */
function worker({ name = 'r1', caches = new Caches(), server = {}, needed = ['/assets/web-1.wasm'], wanted = [], page = 'page' } = {}) {
  const listeners = {}
  const asked = []
  const timers = []
  let skipped = 0
  const state = { online: true }
  const fetch = async (target) => {
    const path = typeof target === 'string' ? target : new URL(target.url).pathname
    asked.push(path)
    if (!state.online) throw new TypeError('no network')
    const answer = server[path]
    if (typeof answer === 'function') return answer()
    return answer === undefined ? new Response('none', { status: 404 }) : new Response(answer)
  }
  const self = {
    location: { origin: ORIGIN },
    registration: {},
    clients: { claim: async () => {} },
    skipWaiting: async () => void skipped++,
    addEventListener: (type, listener) => (listeners[type] = listener),
  }
  const setTimeout = (work) => timers.push(work)
  const release = { name, page: sha256(page), needed, wanted }
  runInNewContext(`const RELEASE = ${JSON.stringify(release)}\n${SOURCE}`, { self, caches, fetch, setTimeout, crypto, URL, Response })
  const waits = (type) => {
    let work
    listeners[type]({ waitUntil: (promise) => (work = promise) })
    return work
  }
  return {
    caches,
    asked,
    state,
    skipped: () => skipped,
    install: () => waits('install'),
    activate: () => waits('activate'),
    /** The answer to a request; undefined when the worker leaves it alone. */
    request(path, { method = 'GET', mode = 'cors', origin = ORIGIN } = {}) {
      let answer
      listeners.fetch({ request: { url: origin + path, method, mode }, respondWith: (promise) => (answer = promise) })
      return answer
    },
    /** Lets all time pass. */
    async later() {
      await new Promise((done) => setImmediate(done))
      timers.splice(0).forEach((work) => work())
    },
    tell(data) {
      let reply
      listeners.message({ data, ports: [{ postMessage: (message) => (reply = message) }], waitUntil: () => {} })
      return reply
    },
  }
}

const SERVER = { '/index.html': 'page', '/assets/web-1.wasm': 'wasm', '/manifest.webmanifest': 'manifest' }
const navigate = { mode: 'navigate' }

async function installed(options = {}) {
  const one = worker({ server: SERVER, ...options })
  await one.install()
  await one.activate()
  return one
}

describe('what the worker leaves alone (CL6)', () => {
  test.each([
    ['/api/projects', {}],
    ['/api/audio-files/a/content/playback?signature=1', {}],
    ['/api/audio-files/a/content/original?signature=1', navigate],
    ['/api/realtime', {}],
    ['/login', { method: 'POST', mode: 'navigate' }],
    ['/projects/new', { method: 'POST', mode: 'navigate' }],
    ['/assets/web-1.wasm', { origin: 'https://elsewhere.example' }],
    ['/health/ready', navigate],
    ['/projects', {}],
  ])('%s %o', async (path, how) => {
    const one = await installed()
    expect(one.request(path, how)).toBeUndefined()
  })
})

test('offline, every page of the app is the one that was kept, and those of the server too (CL6)', async () => {
  const one = await installed()
  one.state.online = false
  for (const path of ['/', '/projects', '/projects/', '/projects/a-1', '/projects/new', '/account', '/login', '/invitations/x']) {
    expect(await (await one.request(path, navigate)).text(), path).toBe('page')
  }
  expect(await (await one.request('/assets/web-1.wasm')).text()).toBe('wasm')
})

test('online, the server’s page is shown, not the one that was kept', async () => {
  const one = await installed({ server: { ...SERVER, '/projects': 'newer page' } })
  expect(await (await one.request('/projects', navigate)).text()).toBe('newer page')
})

test('a proxy without a server behind it and a slow network get the page that was kept; a page of the server is waited for', async () => {
  let answer
  const slow = () => new Promise((resolve) => (answer = () => resolve(new Response('slow'))))
  const away = () => new Response('bad gateway', { status: 502 })
  const one = await installed({ server: { ...SERVER, '/projects/a': away, '/projects/b': slow, '/account': slow } })
  expect(await (await one.request('/projects/a', navigate)).text()).toBe('page')
  const late = one.request('/projects/b', navigate)
  await one.later()
  expect(await (await late).text()).toBe('page')
  const account = one.request('/account', navigate)
  await one.later()
  answer()
  expect(await (await account).text()).toBe('slow')
})

test('a slow network is waited for where nothing was kept', async () => {
  let answer
  const slow = () => new Promise((resolve) => (answer = () => resolve(new Response('slow'))))
  const one = worker({ server: { '/projects': slow } })
  const late = one.request('/projects', navigate)
  await one.later()
  answer()
  expect(await (await late).text()).toBe('slow')
})

test('an install with a file that is not to be had fails as a whole, keeps nothing, and harms no release before it', async () => {
  const first = await installed()
  const second = worker({ name: 'r2', caches: first.caches, server: { '/index.html': 'page' }, needed: ['/assets/web-2.wasm'] })
  await expect(second.install()).rejects.toThrow('/assets/web-2.wasm answered 404')
  expect(await first.caches.keys()).toEqual(['app-r1'])
  first.state.online = false
  expect(await (await first.request('/projects', navigate)).text()).toBe('page')
})

test('a file that one can do without does not stop an install', async () => {
  const one = await installed({ wanted: ['/assets/font.woff2', '/manifest.webmanifest'] })
  expect([...one.caches.all.get('app-r1').keys()].sort()).toEqual(['/assets/web-1.wasm', '/index.html', '/manifest.webmanifest'])
})

test('a page of another release is not kept with this one’s files', async () => {
  const one = worker({ server: { ...SERVER, '/index.html': 'page of tomorrow' } })
  await expect(one.install()).rejects.toThrow('another release')
  expect(await one.caches.keys()).toEqual([])
})

test('what a release before has kept is not fetched again; tabs opened with it still get its files, of the last ones', async () => {
  const caches = new Caches()
  for (const n of [1, 2, 3, 4]) {
    const own = `/assets/own-${n}.js`
    const server = { ...SERVER, [own]: `own ${n}` }
    const one = await installed({ name: `r${n}`, caches, server, needed: ['/assets/web-1.wasm', own] })
    expect(one.asked.includes('/assets/web-1.wasm')).toBe(n === 1)
    if (n < 4) continue
    expect(await caches.keys()).toEqual(['app-r2', 'app-r3', 'app-r4'])
    one.state.online = false
    expect(await (await one.request('/assets/own-3.js')).text()).toBe('own 3')
    await expect(one.request('/assets/own-1.js')).rejects.toThrow('no network')
  }
})

describe('a new release takes over only when the stores have migrated, and somebody wants it (CL6)', () => {
  test.each([
    ['another version of the stores, though accepted', { stores: 1, accepted: true }, false],
    ['newer stores than this release reads', { stores: 3, accepted: true }, false],
    ['no version', { accepted: true }, false],
    ['an old page, nobody asked', { stores: 2, release: 'r0' }, false],
    ['an old page whose person accepted', { stores: 2, release: 'r0', accepted: true }, true],
    ['a page of this release', { stores: 2, release: 'r1' }, true],
  ])('%s', async (_, message, takesOver) => {
    const one = worker()
    expect(one.tell({ type: 'take over', ...message })).toEqual({ takesOver })
    expect(one.skipped()).toBe(takesOver ? 1 : 0)
  })

  test('installing alone takes nothing over; messages of others are ignored', async () => {
    const one = await installed()
    expect(one.tell(undefined)).toBeUndefined()
    expect(one.tell({ type: 'which release' })).toEqual({ release: 'r1' })
    expect(one.skipped()).toBe(0)
  })
})
