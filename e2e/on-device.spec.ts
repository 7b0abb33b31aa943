// Recordings on the device: those that a project uses are kept for playing, those that wait to be uploaded are kept safe.
import type { Page } from '@playwright/test'
import { expect, invite, newClip, newProject, newTrack, open, read, upload, USER_2, type Musician } from './band'
import { listen, putEarTo } from './ear'
import { test, type GoBetween } from './go_between'
import { setTempo } from './offline'
import { sineWav } from './recordings'

/** The files that a page has on the device: path → bytes. */
function onDevice(page: Page): Promise<Record<string, number>> {
  return page.evaluate(async () => {
    const all: Record<string, number> = {}
    const walk = async (folder: any, path: string) => {
      for await (const [name, entry] of folder.entries()) {
        if (entry.kind === 'directory') await walk(entry, `${path}${name}/`)
        // One that is being written is renamed when it is whole; one that was there may have gone meanwhile.
        else if (!name.endsWith('.part')) {
          const file = await entry.getFile().catch((error: DOMException) => {
            if (error.name !== 'NotFoundError') throw error
          })
          if (file) all[`${path}${name}`] = file.size
        }
      }
    }
    await walk(await navigator.storage.getDirectory(), '')
    return all
  })
}

const kept = async (page: Page) => Object.keys(await onDevice(page)).filter((path) => path.startsWith('audio/'))
const waiting = async (page: Page) => Object.keys(await onDevice(page)).filter((path) => path.startsWith('waiting/'))

/** A project with one clip of a sine, uploaded and measured. */
async function song(musician: Musician, name: string, options: Parameters<typeof sineWav>[0]) {
  const project = await newProject(musician, name)
  const track = await newTrack(musician, project, 'Sine')
  const file = await upload(musician, project, `${name}.wav`, sineWav(options))
  await newClip(musician, track, 'Sine', { durationBeats: options.seconds * 2, audioFileId: file.id })
  return { project, file }
}

async function importFile(page: Page, name: string, buffer: Buffer) {
  const chooser = page.waitForEvent('filechooser')
  await page.getByTestId('import').click()
  await (await chooser).setFiles({ name, mimeType: 'audio/wav', buffer })
}

async function playAndListen(page: Page, level: number) {
  await page.getByTestId('play').click()
  await expect.poll(async () => (await listen(page)).peak, { timeout: 20_000 }).toBeGreaterThan(level - 0.02)
  expect((await listen(page)).peak).toBeLessThan(level + 0.02)
  await page.getByTestId('stop').click()
}

/** Opens a project through somebody who can cut the network. */
async function openThrough(musician: Musician, between: GoBetween, project: string) {
  await musician.page.goto(`${between.url}/projects/${project}`)
  await expect(musician.page.getByTestId('connection')).toHaveAttribute('data-state', 'online')
}

/** No recording comes from the server, and none goes there. */
const cutAudio = (page: Page) => page.route('**/api/audio-files/**', (route) => route.abort('internetdisconnected'))

test('what an opened project uses is kept before anybody plays it, and plays without the server (CL5)', { tag: '@alone' }, async ({ alice }) => {
  const { page } = alice
  await putEarTo(page)
  const { project, file } = await song(alice, 'Kept', { seconds: 10, level: 0.4 })
  await open(alice, project)
  await expect.poll(() => kept(page), { timeout: 20_000 }).toHaveLength(2)
  const all = await onDevice(page)
  const size = sineWav({ seconds: 10 }).length
  expect(all[`audio/${alice.userId}/${file.playbackKey}.${size}`]).toBe(size)
  expect(Object.keys(all).some((path) => path.startsWith(`audio/${alice.userId}/${file.waveformKey}.`))).toBe(true)

  await cutAudio(page)
  await open(alice, project)
  await playAndListen(page, 0.4)
  await expect(page.getByTestId('toast')).toHaveCount(0)
})

test('what was damaged on the device is noticed and fetched again (CL5)', { tag: '@alone' }, async ({ alice }) => {
  const { page } = alice
  await putEarTo(page)
  const { project, file } = await song(alice, 'Damaged', { seconds: 8, level: 0.3 })
  await open(alice, project)
  await expect.poll(() => kept(page), { timeout: 20_000 }).toHaveLength(2)
  const size = sineWav({ seconds: 8 }).length
  const path = ['audio', alice.userId, `${file.playbackKey}.${size}`]
  const hash = () =>
    page.evaluate(async ([audio, user, name]) => {
      const root = await navigator.storage.getDirectory()
      const folder = await (await root.getDirectoryHandle(audio)).getDirectoryHandle(user)
      const bytes = await (await (await folder.getFileHandle(name)).getFile()).arrayBuffer()
      const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes))
      return Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('')
    }, path).catch(() => 'none')
  expect(await hash()).toBe(file.playbackKey)
  await page.evaluate(async ([audio, user, name]) => {
    const root = await navigator.storage.getDirectory()
    const folder = await (await root.getDirectoryHandle(audio)).getDirectoryHandle(user)
    const writable = await (await folder.getFileHandle(name)).createWritable({ keepExistingData: true })
    // As long as before, and much too loud.
    await writable.write({ type: 'write', position: 44, data: new Int16Array(200_000).fill(32_000) })
    await writable.close()
  }, path)
  expect(await hash()).not.toBe(file.playbackKey)
  await open(alice, project)
  await page.getByTestId('play').click()
  await expect.poll(hash, { timeout: 20_000 }).toBe(file.playbackKey)
  await page.getByTestId('stop').click()
  await page.getByTestId('to-start').click()
  await playAndListen(page, 0.3)
})

test('beyond the quota what was not used for longest goes, but never what waits to be uploaded (CL5)', async ({ alice }) => {
  const { page } = alice
  // 1.5 MB each, of which the quota holds one.
  const first = await song(alice, 'First', { seconds: 8, hz: 300 })
  const second = await song(alice, 'Second', { seconds: 8, hz: 500 })
  await page.addInitScript(() => localStorage.setItem('unisono.audio.quota', '2000000'))
  await open(alice, first.project)
  await expect.poll(() => kept(page), { timeout: 20_000 }).toHaveLength(2)
  // A recording that cannot get away.
  await page.route('**/api/audio-files/*/content**', (route) =>
    route.request().method() === 'PATCH' ? route.abort('internetdisconnected') : route.continue(),
  )
  await importFile(page, 'waits.wav', sineWav({ seconds: 8, hz: 700 }))
  await expect.poll(() => waiting(page)).toHaveLength(2)
  const waits = await waiting(page)

  await open(alice, second.project)
  const sound = (all: string[], key: string) => all.some((path) => path.includes(key))
  await expect.poll(async () => sound(await kept(page), second.file.playbackKey), { timeout: 20_000 }).toBe(true)
  expect(sound(await kept(page), first.file.playbackKey)).toBe(false)
  expect(await waiting(page)).toEqual(waits)

  await page.unroute('**/api/audio-files/*/content**')
  await page.goto('/projects')
  await expect.poll(() => waiting(page), { timeout: 30_000 }).toEqual([])
  await expect(page.getByTestId('waiting-upload')).toHaveCount(0)
})

test('what a song uses that is open in another tab does not give way to this one (CL5)', async ({ alice }) => {
  const { page, context } = alice
  // The quota holds one of two recordings.
  const [first, second] = [await song(alice, 'Open here', { seconds: 8, hz: 320 }), await song(alice, 'Open there', { seconds: 8, hz: 520 })]
  await context.addInitScript(() => localStorage.setItem('unisono.audio.quota', '2000000'))
  const sound = async (key: string) => (await kept(page)).some((path) => path.includes(key))
  await open(alice, first.project)
  await expect.poll(() => sound(first.file.playbackKey), { timeout: 20_000 }).toBe(true)
  const other = await context.newPage()
  await other.goto(`/projects/${second.project}`)
  // Its peaks fit, and come first.
  await expect.poll(async () => (await kept(page)).length, { timeout: 20_000 }).toBe(3)
  await other.getByTestId('play').click()
  await expect(other.getByTestId('position').locator('.lcd-bars')).toHaveText(/^(1\.[2-9]|[2-9]|\d\d)/)
  expect([await sound(first.file.playbackKey), await sound(second.file.playbackKey)]).toEqual([true, false])
  // A tab that has left the song, within its page, uses nothing any more.
  const songsInUse = () =>
    page.evaluate(async () => (await navigator.locks.query()).held!.filter((lock) => lock.name!.startsWith('unisono-in-use')).length)
  await expect.poll(songsInUse).toBe(2)
  await page.getByRole('link', { name: 'All projects' }).click()
  await expect.poll(songsInUse).toBe(1)
  await other.reload()
  await expect.poll(() => sound(second.file.playbackKey), { timeout: 20_000 }).toBe(true)
  expect(await sound(first.file.playbackKey)).toBe(false)
})

test('how much is kept is chosen on the page of projects; nothing keeps nothing (CL5)', async ({ alice }) => {
  const { page } = alice
  const { project } = await song(alice, 'Chosen', { seconds: 8, hz: 350 })
  await open(alice, project)
  await expect.poll(() => kept(page), { timeout: 20_000 }).toHaveLength(2)
  await page.goto('/projects')
  await expect(page.getByTestId('kept')).toHaveText('1.5 MB')
  await page.locator('[name=audioQuota]').selectOption('none')
  await expect(page.getByTestId('kept')).toHaveText('0.0 MB')
  expect(await kept(page)).toEqual([])
})

test('an upload goes on after the tab was closed, and from the page of projects as well (CL5)', { tag: '@alone' }, async ({ alice, bob }) => {
  const { page, context } = alice
  const project = await newProject(alice, 'Closed too early')
  await invite(alice, project, USER_2)
  await open(alice, project)
  let cuts = true
  const cut = (one: Page) =>
    one.route('**/api/audio-files/*/content**', (route) =>
      cuts && route.request().method() === 'PATCH' ? route.abort('internetdisconnected') : route.continue(),
    )
  await cut(page)
  await importFile(page, 'one.wav', sineWav({ seconds: 8, level: 0.25 }))
  await expect(page.getByTestId('clip')).toHaveCount(1)
  await importFile(page, 'two.wav', sineWav({ seconds: 4, level: 0.25 }))
  await expect(page.getByTestId('clip')).toHaveCount(2)
  await expect(page.getByTestId('connection')).toHaveAttribute('data-sync', 'saved')
  await expect.poll(() => waiting(page)).toHaveLength(4)
  const clips = await Promise.all(
    [0, 1].map(async (n) => read(alice, 'clips', (await page.getByTestId('clip').nth(n).getAttribute('data-clip-id'))!)),
  )
  const state = async (n: number) => (await read(alice, 'audio_files', clips[n].audioFileId)).state
  expect(await state(0)).toBe('awaiting')
  // Without a question: nothing would be lost.
  await page.close({ runBeforeUnload: true })

  const again = await context.newPage()
  await cut(again)
  const failed = again.waitForEvent('requestfailed', (request) => request.method() === 'PATCH')
  await again.goto('/projects')
  await expect(again.getByTestId('waiting-upload')).toHaveCount(2)
  await failed
  // Not by taking the route away: what is under way at that moment would hang.
  cuts = false
  await expect(again.getByTestId('waiting-upload')).toHaveCount(0, { timeout: 30_000 })
  for (const n of [0, 1]) await expect.poll(() => state(n), { timeout: 20_000 }).toBe('ready')
  expect(await waiting(again)).toEqual([])

  await putEarTo(bob.page)
  await open(bob, project)
  await playAndListen(bob.page, 0.5)
})

test('of several tabs, one sends the bytes of a recording', async ({ alice }) => {
  const { page, context } = alice
  const project = await newProject(alice, 'Once is enough')
  await open(alice, project)
  let letThrough = () => {}
  const held = new Promise<void>((done) => (letThrough = done))
  const senders: Page[] = []
  await context.route('**/api/audio-files/*/content**', async (route) => {
    if (route.request().method() === 'PATCH') {
      senders.push(route.request().frame().page())
      await held
    }
    await route.continue()
  })
  await importFile(page, 'one.wav', sineWav({ seconds: 4, level: 0.25 }))
  await expect.poll(() => senders.length).toBe(1)
  await expect.poll(() => waiting(page)).toHaveLength(2)
  const clip = page.getByTestId('clip')
  await expect(clip).toHaveAttribute('aria-label', /, uploading$/)
  const other = await context.newPage()
  await other.goto(`/projects/${project}`)
  await expect(other.getByTestId('clip')).toHaveCount(1)
  const list = await context.newPage()
  await list.goto('/projects')
  await expect(list.getByTestId('waiting-upload')).toHaveCount(1)
  const queued = () =>
    page.evaluate(async () => {
      const { pending } = await navigator.locks.query()
      return pending!.filter(({ name }) => name!.startsWith('unisono:upload:')).length
    })
  await expect.poll(queued).toBe(2)
  letThrough()
  await expect(list.getByTestId('waiting-upload')).toHaveCount(0, { timeout: 30_000 })
  const { audioFileId } = await read(alice, 'clips', (await clip.getAttribute('data-clip-id'))!)
  await expect.poll(async () => (await read(alice, 'audio_files', audioFileId)).state, { timeout: 20_000 }).toBe('ready')
  expect(senders.filter((sender) => sender !== page)).toEqual([])
  await expect(clip).toHaveAttribute('aria-label', / long$/)
})

/** What looks at files is loaded a moment after the song: until it is here. */
async function untilFilesCanBeLookedAt(page: Page) {
  await expect.poll(() => page.workers().length).toBeGreaterThan(0)
  await page.workers()[0].evaluate('ready')
}

test('a file dropped in without a network is seen and heard at once, and goes to the server when there is one (CL5)', { tag: '@alone' }, async ({ alice, bob, between }) => {
  const { page } = alice
  await putEarTo(page)
  const project = await newProject(alice, 'In a tunnel')
  await invite(alice, project, USER_2)
  await openThrough(alice, between, project)
  // So that the audio thread is here before the network goes.
  await page.getByTestId('play').click()
  await page.getByTestId('stop').click()
  await untilFilesCanBeLookedAt(page)
  between.cut()
  await expect(page.getByTestId('connection')).toHaveAttribute('data-state', 'offline')
  await importFile(page, 'tunnel.wav', sineWav({ seconds: 10, level: 0.35, channels: 1 }))
  await expect(page.getByTestId('clip')).toHaveAttribute('data-duration-beats', '20')
  await playAndListen(page, 0.35)
  expect(await waiting(page)).toHaveLength(2)

  between.mend()
  await expect.poll(() => waiting(page), { timeout: 40_000 }).toEqual([])
  const clip = await read(alice, 'clips', (await page.getByTestId('clip').getAttribute('data-clip-id'))!)
  await expect.poll(async () => (await read(alice, 'audio_files', clip.audioFileId)).state).toBe('ready')
  await putEarTo(bob.page)
  await open(bob, project)
  await playAndListen(bob.page, 0.35)
})

/** Waits until this browser could open the project without the server: its page, its records, its recordings. */
async function untilUsableOffline(page: Page, project: string) {
  await page.waitForFunction(() => navigator.serviceWorker.controller?.state === 'activated')
  const snapshots = () =>
    page.evaluate(async () => {
      const user = document.cookie.match(/unisono_user=([^;]+)/)![1]
      const database = await new Promise<IDBDatabase>((done) => {
        const request = indexedDB.open(`unisono-${user}`)
        request.onsuccess = () => done(request.result)
      })
      const keys = await new Promise<IDBValidKey[]>((done) => {
        const request = database.transaction('snapshots').objectStore('snapshots').getAllKeys()
        request.onsuccess = () => done(request.result)
      })
      database.close()
      return keys.map(String)
    })
  await expect.poll(snapshots, { timeout: 20_000 }).toContain(project)
}

test('a project that was opened before opens and plays after a reload without a network (CL5, CL6)', { tag: '@alone' }, async ({ alice, between }) => {
  const { page, context } = alice
  await putEarTo(page)
  const { project } = await song(alice, 'Played before', { seconds: 10, level: 0.3 })
  await openThrough(alice, between, project)
  await expect.poll(() => kept(page), { timeout: 20_000 }).toHaveLength(2)
  await untilUsableOffline(page, project)
  between.cut()
  await context.setOffline(true)
  await page.reload()
  await expect(page.getByTestId('clip')).toHaveCount(1)
  await expect(page.getByTestId('connection')).toHaveAttribute('data-state', 'offline')
  expect(await page.evaluate(() => crossOriginIsolated)).toBe(true)
  await playAndListen(page, 0.3)
})

test('more than a week later, still without a network, an opened project plays and takes edits (CL5)', { tag: '@alone' }, async ({ alice, between }) => {
  const { page, context } = alice
  const week = 7 * 24 * 3_600
  await putEarTo(page)
  const { project } = await song(alice, 'A week in the hills', { seconds: 10, level: 0.3 })
  await openThrough(alice, between, project)
  await expect.poll(() => kept(page), { timeout: 20_000 }).toHaveLength(2)
  await untilUsableOffline(page, project)
  // Who one is outlives it, too: what was done is not for somebody else to send.
  const cookies = (await context.cookies()).filter(({ name }) => name.startsWith('unisono_'))
  expect(cookies.map(({ name }) => name).sort()).toEqual(['unisono_session', 'unisono_user'])
  for (const { name, expires } of cookies) expect(expires - Date.now() / 1_000, name).toBeGreaterThan(week)
  between.cut()
  await context.setOffline(true)
  await page.addInitScript((later) => {
    const Now = Date
    window.Date = class extends Now {
      constructor(...all: any[]) {
        super(...((all.length ? all : [Now.now() + later]) as []))
      }
      static now() {
        return Now.now() + later
      }
    } as any
  }, (week + 24 * 3_600) * 1_000)
  await page.reload()
  await expect(page.getByTestId('clip')).toHaveCount(1)
  await playAndListen(page, 0.3)
  await page.fill('[name=bpm]', '93')
  await page.locator('[name=bpm]').press('Enter')
  await expect(page.getByTestId('sync-state')).toHaveText('Offline, 1 edit waiting')
  between.mend()
  await context.setOffline(false)
  await expect(page.getByTestId('sync-state')).toHaveText('Saved', { timeout: 40_000 })
  expect((await read(alice, 'projects', project)).bpm).toBe(93)
})

test('a file dropped in without a network outlives a reload and the closing of the tab, and is uploaded when there is one (CL2, CL5)', { tag: '@alone' }, async ({ alice, bob, between }) => {
  const { page, context } = alice
  await putEarTo(page)
  const project = await newProject(alice, 'A long tunnel')
  await invite(alice, project, USER_2)
  await openThrough(alice, between, project)
  await untilUsableOffline(page, project)
  between.cut()
  await expect(page.getByTestId('connection')).toHaveAttribute('data-state', 'offline')
  await importFile(page, 'tunnel.wav', sineWav({ seconds: 10, level: 0.35, channels: 1 }))
  await expect(page.getByTestId('clip')).toHaveAttribute('data-duration-beats', '20')

  await page.reload()
  await expect(page.getByTestId('clip')).toHaveAttribute('data-duration-beats', '20')
  await playAndListen(page, 0.35)
  expect(await waiting(page)).toHaveLength(2)
  await page.close()

  const again = await context.newPage()
  await again.goto(`${between.url}/projects/${project}`)
  await expect(again.getByTestId('clip')).toHaveCount(1)
  between.mend()
  await expect.poll(() => waiting(again), { timeout: 60_000 }).toEqual([])
  const clip = await read(bob, 'clips', (await again.getByTestId('clip').getAttribute('data-clip-id'))!)
  await expect.poll(async () => (await read(bob, 'audio_files', clip.audioFileId)).state).toBe('ready')
  await putEarTo(bob.page)
  await open(bob, project)
  await playAndListen(bob.page, 0.35)
  // It waits here no more: an export takes it from where it is now.
  await again.locator('.topbar').getByTestId('export').click()
  await again.getByTestId('export-begin').click()
  await expect(again.getByTestId('export-dialog')).toHaveAttribute('data-state', 'done', { timeout: 30_000 })
})

test('a file for which the device has no room is refused in words while offline, and nothing of it stays (CL5)', async ({ alice, between }) => {
  const { page, context } = alice
  const project = await newProject(alice, 'Full')
  await openThrough(alice, between, project)
  const session = await context.newCDPSession(page)
  await session.send('Storage.overrideQuotaForOrigin', { origin: between.url, quotaSize: 1_000_000 })
  await untilFilesCanBeLookedAt(page)
  between.cut()
  await expect(page.getByTestId('connection')).toHaveAttribute('data-state', 'offline')
  await importFile(page, 'large.wav', sineWav({ seconds: 10 }))
  await expect(page.getByTestId('toast').filter({ hasText: 'no room for its 1.9 MB' })).toBeVisible()
  await expect(page.getByTestId('clip')).toHaveCount(0)
  expect(await waiting(page)).toEqual([])
})

test('recordings that are kept for playing give way to edits when the disk is full (CL2)', async ({ alice }) => {
  const { page } = alice
  await page.addInitScript(() => {
    // A disk on which there is room for a row once a recording has gone.
    const { add } = IDBObjectStore.prototype
    IDBObjectStore.prototype.add = function (...row) {
      if ((window as any).isFull) throw new DOMException('no room', 'QuotaExceededError')
      return add.apply(this, row)
    }
    const { removeEntry } = FileSystemDirectoryHandle.prototype
    FileSystemDirectoryHandle.prototype.removeEntry = function (name, ...options) {
      if (!/^[0-9a-f]{64}\./.test(name)) return removeEntry.call(this, name, ...options)
      ;(window as any).isFull = false
      return removeEntry.call(this, name, ...options).then(() => void ((window as any).gone ??= []).push(name))
    }
  })
  const { project } = await song(alice, 'Gives way', { seconds: 8, level: 0.3 })
  await open(alice, project)
  await expect.poll(() => kept(page), { timeout: 20_000 }).toHaveLength(2)
  const before = (await kept(page)).map((path) => path.split('/').pop())
  await page.evaluate(() => ((window as any).isFull = true))
  await setTempo(page, '95')
  await expect.poll(async () => (await read(alice, 'projects', project)).bpm).toBe(95)
  await expect(page.getByTestId('sync-state')).toHaveText('Saved')
  // Both went. What the song uses may be kept anew as soon as there is room again.
  await expect.poll(async () => new Set(await page.evaluate(() => (window as any).gone))).toEqual(new Set(before))
  await expect(page.getByTestId('toast')).toHaveCount(0)
  expect(alice.complaints).toEqual([])
})

test('where the browser has no files for us, all is as it was: heard, uploaded, and a warning before the tab is closed', { tag: '@alone' }, async ({ alice }) => {
  const { page } = alice
  await page.addInitScript(() => delete (StorageManager.prototype as any).getDirectory)
  await putEarTo(page)
  const project = await newProject(alice, 'Nothing kept')
  await open(alice, project)
  await importFile(page, 'take.wav', sineWav({ seconds: 6, level: 0.45 }))
  await expect(page.getByTestId('clip')).toHaveCount(1)
  await playAndListen(page, 0.45)
  const clip = await read(alice, 'clips', (await page.getByTestId('clip').getAttribute('data-clip-id'))!)
  await expect.poll(async () => (await read(alice, 'audio_files', clip.audioFileId)).state).toBe('ready')
  expect(alice.complaints).toEqual([])
})
