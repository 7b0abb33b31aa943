// Keeps the app itself on this device, so that a reload works offline (CL6). No data: nothing of `/api` is ever looked at here.
//
// `cargo xtask wasm` writes a line before this one, `const RELEASE = { name, page, needed, wanted }`: the name of this build, the
// SHA-256 of its page, the addresses without which there is no studio, and those that it can do without.
//
// A new release is installed beside the old one and waits. It takes over when a page says that its stores have the version that
// this release reads, and either is of this release itself or was asked by a person to reload.

/** The version of what pages store on the device, which this release reads and writes. A test of the page holds the two together. */
const STORES = 2
/** The page of the app: the same for all its addresses, and sent to anybody. */
const PAGE = '/index.html'
const MANIFEST = '/manifest.webmanifest'
/** How long a page waits for a slow network before the one that is kept is shown. */
const SLOW_MS = 3_000
const CACHE_PREFIX = 'app-'
const CACHE = CACHE_PREFIX + RELEASE.name
/** Releases that are kept besides this one: tabs that were opened with them may still want their files. */
const FORMER_RELEASES_MAX = 2

/** Pages of the app. The others that the server draws need it, but say so in the app's own words when it cannot be reached. */
const OF_THE_APP = /^\/(projects(\/(?!new$)[^/]+)?\/?)?$/
const OF_THE_SERVER = /^\/(projects\/new|account|login|signup|reset-password|invitations\/[^/]+)\/?$/

self.addEventListener('install', (event) => event.waitUntil(install()))
self.addEventListener('activate', (event) => event.waitUntil(activate()))
self.addEventListener('fetch', (event) => {
  const answer = answerTo(event)
  if (answer) event.respondWith(answer)
})
self.addEventListener('message', (event) => {
  const reply = replyTo(event.data ?? {}, event)
  if (reply) event.ports[0]?.postMessage(reply)
})

/** Keeps every file of this release, or, if one of those needed is not to be had, none: then the old release stays, and pages go on with the network. */
async function install() {
  const cache = await caches.open(CACHE)
  try {
    await Promise.all([keepPage(cache), ...RELEASE.needed.map((address) => keep(cache, address))])
  } catch (error) {
    await caches.delete(CACHE)
    throw error
  }
  await Promise.allSettled(RELEASE.wanted.map((address) => keep(cache, address)))
}

/** Addresses have the hash of their content: what another release has kept, or the browser's own cache has, is the same. */
async function keep(cache, address) {
  const hashed = address.startsWith('/assets/')
  const kept = hashed ? await caches.match(address) : undefined
  const response = kept ?? (await fetch(address, { credentials: 'same-origin', cache: hashed ? 'default' : 'no-cache' }))
  if (response.status !== 200 || response.redirected) throw new Error(`${address} answered ${response.status}`)
  await cache.put(address, response)
}

/** The page has no hash in its address: it may be that of another release, if the server was changed a moment ago. */
async function keepPage(cache) {
  const response = await fetch(PAGE, { credentials: 'same-origin', cache: 'no-cache' })
  if (response.status !== 200 || response.redirected) throw new Error(`the page answered ${response.status}`)
  const digest = await crypto.subtle.digest('SHA-256', await response.clone().arrayBuffer())
  const hash = Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, '0')).join('')
  if (hash !== RELEASE.page) throw new Error('the page is that of another release')
  await cache.put(PAGE, response)
}

async function activate() {
  const former = (await caches.keys()).filter((name) => name.startsWith(CACHE_PREFIX) && name !== CACHE)
  const gone = former.slice(0, Math.max(0, former.length - FORMER_RELEASES_MAX))
  await Promise.all(gone.map((name) => caches.delete(name)))
  // The network is asked while this worker is still starting; not every browser can.
  await self.registration.navigationPreload?.enable().catch(() => {})
  // Also the page that was opened before there was a worker.
  await self.clients.claim()
}

/** What is answered here; undefined for all that goes to the server as if there were no worker. */
function answerTo(event) {
  const { request } = event
  const { origin, pathname } = new URL(request.url)
  if (request.method !== 'GET' || origin !== self.location.origin) return undefined
  if (pathname.startsWith('/assets/')) return asset(request)
  if (request.mode === 'navigate') {
    if (OF_THE_APP.test(pathname)) return page(event, SLOW_MS)
    if (OF_THE_SERVER.test(pathname)) return page(event, undefined)
  } else if (pathname === MANIFEST) {
    return fetch(request).catch(() => kept(MANIFEST))
  }
  return undefined
}

/** A file with a hash in its name, of this release or one before; else the server's. */
async function asset(request) {
  const { pathname } = new URL(request.url)
  return (await caches.match(pathname, { cacheName: CACHE })) ?? (await caches.match(pathname)) ?? fetch(request)
}

/** The server's page, which is the newest; the one that is kept when there is no network, no server behind it, or no patience. */
async function page(event, patience) {
  const network = fromNetwork(event)
  const soon = patience === undefined ? network : Promise.race([network, after(patience)])
  return (await soon) ?? (await kept(PAGE)) ?? (await network) ?? Response.error()
}

async function fromNetwork(event) {
  try {
    const response = (await event.preloadResponse) ?? (await fetch(event.request))
    // A proxy says so when the server behind it is away.
    return response.status >= 502 && response.status <= 504 ? undefined : response
  } catch {
    return undefined
  }
}

async function kept(address) {
  return caches.match(address, { cacheName: CACHE })
}

function after(milliseconds) {
  return new Promise((resolve) => setTimeout(resolve, milliseconds))
}

function replyTo(message, event) {
  switch (message.type) {
    // A page that was reloaded past the worker comes back to it.
    case 'claim':
      event.waitUntil(self.clients.claim())
      return undefined
    case 'which release':
      return { release: RELEASE.name }
    case 'take over': {
      const takesOver = message.stores === STORES && (message.accepted === true || message.release === RELEASE.name)
      if (takesOver) event.waitUntil(self.skipWaiting())
      return { takesOver }
    }
    default:
      return undefined
  }
}
