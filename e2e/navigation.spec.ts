// From song to song and to the list of projects without loading the page anew: what stays, and that nothing does (CL7).
import type { Page } from '@playwright/test'
import { clipOf, duet, faderOf } from './duet'
import { expect, newClip, newProject, newTrack, open, read, test, write, type Musician } from './band'
import { network, setTempo } from './offline'

/** What a page has open: sockets, workers, sound, channels, listeners of the window, locks. */
interface Open {
  sockets: number
  contexts: number
  channels: number
  listeners: number
  locks: number
}

/** Counts what a page opens and closes. Call it before its first page is opened. */
async function count(page: Page) {
  await page.addInitScript(() => {
    const counts = { sockets: 0, contexts: 0, channels: 0, listeners: 0 }
    Object.assign(window, { counts })
    for (const [name, kind] of [['BroadcastChannel', 'channels'], ['AudioContext', 'contexts']] as const) {
      const Native = window[name] as any
      ;(window as any)[name] = class extends Native {
        constructor(...all: unknown[]) {
          super(...all)
          counts[kind] += 1
        }
        close() {
          counts[kind] -= 1
          return super.close()
        }
      }
    }
    const Native = window.WebSocket
    window.WebSocket = class extends Native {
      constructor(address: string, protocol: string) {
        super(address, protocol)
        counts.sockets += 1
        this.addEventListener('close', () => (counts.sockets -= 1))
      }
    } as any
    const [add, remove] = [window.addEventListener, window.removeEventListener]
    window.addEventListener = function (this: Window, ...all: any) {
      counts.listeners += 1
      return (add as any).apply(this ?? window, all)
    } as any
    window.removeEventListener = function (this: Window, ...all: any) {
      counts.listeners -= 1
      return (remove as any).apply(this ?? window, all)
    } as any
  })
  return {
    opened: (): Promise<Open> =>
      page.evaluate(async () => {
        const { held = [], pending = [] } = await navigator.locks.query()
        return { ...(window as any).counts, locks: held.length + pending.length }
      }),
  }
}

const card = (page: Page, name: string) => page.getByTestId('project-card').filter({ hasText: name }).getByRole('link')
const home = (page: Page) => page.getByRole('link', { name: 'All projects' })
const shown = (page: Page, project: string) => expect(page.locator('[data-project-id]')).toHaveAttribute('data-project-id', project)
const online = (page: Page) => expect(page.getByTestId('connection')).toHaveAttribute('data-state', 'online')
/** A mark that goes when the page is loaded anew. */
const mark = (page: Page) => page.evaluate(() => void ((window as any).isTheSame = true))
const isTheSame = (page: Page) => page.evaluate(() => (window as any).isTheSame === true)
/** By then a song that was left has ended. */
const LINGERED = 4_500
/** Before that it has not. */
const LINGERS = 3_500

/** Leaves a song and comes back until that was quick enough to find it open still: a busy machine may be too slow. */
async function quickly(page: Page, trip: () => Promise<unknown>) {
  await expect(async () => {
    const began = Date.now()
    await trip()
    const took = Date.now() - began
    await online(page)
    expect(took, 'ms for leaving and coming back').toBeLessThan(LINGERS)
  }).toPass({ timeout: 120_000 })
}

test('who comes back to a song at once finds it as it was, over the same connection (CL7)', async ({ alice, bob }) => {
  const { page } = alice
  const sockets: string[] = []
  page.on('websocket', (socket) => sockets.push(socket.url()))
  const { project, riff } = await duet(alice, bob, 'There and back')
  await mark(page)
  expect(sockets).toHaveLength(1)
  let [beat, connections] = [4, 0]
  const move = () => write(bob, [{ type: 'set', table: 'clips', id: riff, key: 'startBeat', value: (beat += 2) }])
  await quickly(page, async () => {
    connections = sockets.length
    await home(page).click()
    await expect(page).toHaveURL(/\/projects$/)
    await expect(page).toHaveTitle('Projects · Unisono')
    await move()
    await page.goBack()
    await shown(page, project)
  })
  await expect(clipOf(page, riff)).toHaveAttribute('data-start-beat', `${beat}`)
  await expect(page).toHaveTitle('There and back · Unisono')
  // It is listened to as before.
  await move()
  await expect(clipOf(page, riff)).toHaveAttribute('data-start-beat', `${beat}`)
  expect(sockets).toHaveLength(connections)
  await quickly(page, async () => {
    connections = sockets.length
    await home(page).click()
    await expect(card(page, 'There and back')).toBeVisible()
    await card(page, 'There and back').click()
    await shown(page, project)
  })
  await page.waitForTimeout(LINGERED)
  await online(page)
  expect(sockets).toHaveLength(connections)
  expect(await isTheSame(page)).toBe(true)
  expect([...alice.complaints, ...bob.complaints]).toEqual([])
})

test('a song that was left ends: its sound at once, its connection and presence after a while (CL7)', async ({ alice, bob }) => {
  const { page } = alice
  const { opened } = await count(page)
  const { project } = await duet(alice, bob, 'Left alone')
  await mark(page)
  await page.getByTestId('play').click()
  await expect.poll(async () => (await opened()).contexts).toBe(1)
  await expect(bob.page.getByTestId('presence')).toHaveAttribute('data-count', '2')
  await home(page).click()
  await expect.poll(async () => (await opened()).contexts).toBe(0)
  await expect(bob.page.getByTestId('presence')).toHaveAttribute('data-count', '1')
  await expect.poll(opened).toMatchObject({ sockets: 0, channels: 0, locks: 0 })
  // Opened again it is as if it were for the first time.
  await page.goBack()
  await shown(page, project)
  await online(page)
  await expect(bob.page.getByTestId('presence')).toHaveAttribute('data-count', '2')
  expect(await isTheSame(page)).toBe(true)
  expect([...alice.complaints, ...bob.complaints]).toEqual([])
})

test('twenty songs opened one after the other leave nothing behind (CL7)', async ({ alice }) => {
  const { page } = alice
  const { opened } = await count(page)
  const songs: string[] = []
  for (let n = 1; n <= 20; n++) {
    const name = `Song ${String(n).padStart(2, '0')} of many`
    const project = await newProject(alice, name)
    const track = await newTrack(alice, project, 'Bass')
    await newClip(alice, track, 'Riff', { startBeat: 4 })
    songs.push(project)
  }
  await page.goto('/projects')
  await mark(page)
  const visit = async (n: number) => {
    await card(page, `Song ${String(n + 1).padStart(2, '0')} of many`).click()
    await shown(page, songs[n])
    await online(page)
    // Has the sound start, as any press does.
    await page.getByTestId('stop').click()
    await home(page).click()
    await expect(page.getByTestId('project-card').first()).toBeVisible()
  }
  await visit(0)
  // A song lets go of all it has at once, when it ends.
  await expect.poll(opened).toMatchObject({ sockets: 0, contexts: 0, channels: 0, locks: 0 })
  const first = await opened()
  for (let n = 1; n < songs.length; n++) await visit(n)
  // The first song's were counted while some may still have waited for their end: no more than these, after twenty.
  await expect.poll(async () => (await opened()).listeners, { timeout: 30_000 }).toBeLessThanOrEqual(first.listeners)
  await expect.poll(opened, { timeout: 30_000 }).toMatchObject({ sockets: 0, contexts: 0, channels: 0, locks: 0 })
  // One waits for the next file, whatever song is open.
  expect(page.workers().length).toBeLessThanOrEqual(1)
  expect(await isTheSame(page)).toBe(true)
  expect(alice.complaints).toEqual([])
})

test('what was done in the last moment before leaving is kept and sent (CL7, CL2)', async ({ alice, bob }) => {
  const { page } = alice
  const { project, track } = await duet(alice, bob, 'Last moment')
  await mark(page)
  // A name that is still being typed.
  await page.goto('/projects')
  await card(page, 'Last moment').click()
  await shown(page, project)
  await page.getByLabel('Project name').fill('First moment')
  await page.goBack()
  await expect(page).toHaveURL(/\/projects$/)
  await expect.poll(async () => (await read(alice, 'projects', project)).name).toBe('First moment')
  // A wheel that has just been turned.
  await page.goForward()
  await shown(page, project)
  await faderOf(page, track).hover()
  await page.mouse.wheel(0, -100)
  await home(page).click()
  await expect.poll(async () => (await read(alice, 'tracks', track)).volume).not.toBe(1)
  expect(alice.complaints).toEqual([])
})

test('what waits for a song that was left offline is sent from the list, and another tab of it sends on (CL7, CL4)', async ({ alice }) => {
  const { page } = alice
  const project = await newProject(alice, 'Left offline', { bpm: 100 })
  const line = await network(page)
  await open(alice, project)
  await line.cut({ calls: false })
  await setTempo(page, '91')
  await expect(page.getByTestId('sync-state')).toHaveText('Offline, 1 edit waiting')
  await home(page).click()
  await page.waitForTimeout(LINGERED)
  line.mend()
  await expect.poll(async () => (await read(alice, 'projects', project)).bpm, { timeout: 30_000 }).toBe(91)

  // The sender leaves the song within its page: another tab that has it open sends what comes next.
  await card(page, 'Left offline').click()
  await shown(page, project)
  await online(page)
  const other = await alice.context.newPage()
  await other.goto(`/projects/${project}`)
  await online(other)
  await home(page).click()
  await page.waitForTimeout(LINGERED)
  await setTempo(other, '92')
  await expect.poll(async () => (await read(alice, 'projects', project)).bpm).toBe(92)
  await expect(other.getByTestId('sync-state')).toHaveText('Saved')
})

test('an export under way asks before its song is left (CL7)', async ({ alice }) => {
  const { page } = alice
  const project = await newProject(alice, 'Asks first')
  const track = await newTrack(alice, project, 'Bass')
  await newClip(alice, track, 'Long', { startBeat: 0, durationBeats: 100 })
  await open(alice, project)
  const asked: string[] = []
  await page.evaluate(() => window.addEventListener('unisono:leaving', (event) => event.preventDefault()))
  page.once('dialog', (dialog) => (asked.push(dialog.message()), dialog.dismiss()))
  await home(page).click()
  await shown(page, project)
  expect(asked).toHaveLength(1)
  page.once('dialog', (dialog) => dialog.accept())
  await home(page).click()
  await expect(card(page, 'Asks first')).toBeVisible()
})
