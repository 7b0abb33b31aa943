// Several tabs of one browser: one sends for all, also when it stands still, dies, or does not know that another does (CL4).
import type { Page } from '@playwright/test'
import { expect, invite, newProject, open, read, test, USER_2, write, type Musician } from './band'
import { kept, keys, network, setTempo } from './offline'

/** A tab that answers no other, hears none, is not told that its lock has been taken, and looks at nothing by itself: as if it stood still. */
const deafen = (page: Page) =>
  page.addInitScript(() => {
    window.BroadcastChannel = class {
      set onmessage(_: unknown) {}
      postMessage() {}
      close() {}
    } as any
    const later = window.setTimeout.bind(window) as (...all: unknown[]) => number
    window.setTimeout = ((work: unknown, wait = 0, ...all: unknown[]) => (wait < 4_000 ? later(work, wait, ...all) : 0)) as any
    const request = navigator.locks.request.bind(navigator.locks) as (...all: unknown[]) => Promise<unknown>
    navigator.locks.request = ((...all: unknown[]) => new Promise(() => void request(...all).catch(() => {}))) as any
  })

/** The project in a tab of its own that does not send, and that tab's line. */
async function another(alice: Musician, project: string) {
  const page = await alice.context.newPage()
  const line = await network(page)
  await page.goto(`/projects/${project}`)
  await expect(page.getByTestId('sync-state')).toHaveText('Saved')
  return { page, line }
}

const metre = (page: Page) => page.locator('[name=timeSignature]')
const state = (page: Page) => page.getByTestId('sync-state')
/** Nobody is robbed before it was silent for some seconds. */
const ROBBED = { timeout: 30_000 }

test('a tab that was closed to its user makes way for one that is opened after they were let in again (CL4, PE5)', async ({ alice, bob }) => {
  const project = await newProject(alice, 'In again', { bpm: 100 })
  await invite(alice, project, USER_2)
  await open(bob, project)
  await kept(bob.page, bob.userId, project)
  const answer = await alice.page.request.get(`/api/projects/${project}/records`)
  const members = Object.values((await answer.json()).recordMap.project_members) as any[]
  const { id } = members.find((member) => member.userId === bob.userId)
  await write(alice, [{ type: 'set-now', table: 'project_members', id, key: 'deleted' }])
  await expect(bob.page.getByTestId('closed-to-you')).toBeVisible()
  await invite(alice, project, USER_2)

  // The first tab stays as it is.
  const page = await bob.context.newPage()
  await page.goto(`/projects/${project}`)
  await expect(state(page)).toHaveText('Saved')
  await setTempo(page, '91')
  await expect(state(page)).toHaveText('Saved')
  await expect.poll(async () => (await read(alice, 'projects', project)).bpm).toBe(91)
})

test('a sender that was robbed without hearing of it sends nothing more, and its edits go through the thief (CL4)', async ({ alice }) => {
  const project = await newProject(alice, 'A deaf tab', { bpm: 100 })
  await deafen(alice.page)
  const line = await network(alice.page)
  await open(alice, project)
  await kept(alice.page, alice.userId, project)
  const thief = await another(alice, project)

  await setTempo(thief.page, '91')
  await expect.poll(async () => (await read(alice, 'projects', project)).bpm, ROBBED).toBe(91)
  await expect(state(thief.page)).toHaveText('Saved')
  await expect(alice.page.locator('[name=bpm]')).toHaveValue('91')
  await metre(alice.page).selectOption('3/4')
  await expect.poll(async () => (await read(alice, 'projects', project)).timeSignature, ROBBED).toBe('3/4')
  await expect(state(alice.page)).toHaveText('Saved')
  await expect(metre(thief.page)).toHaveValue('3/4')
  expect([line.transactions(), thief.line.transactions()]).toEqual([0, 2])
  await expect.poll(() => keys(thief.page, 'queue', alice.userId)).toEqual([])
})

test('what a robbed sender adds to an edit that the thief has sent is not lost (CL4, CL8)', async ({ alice }) => {
  const { page } = alice
  const project = await newProject(alice, 'Too late', { bpm: 100 })
  await deafen(page)
  const line = await network(page)
  await open(alice, project)
  await kept(page, alice.userId, project)
  const thief = await another(alice, project)
  await line.cut({ calls: false })
  // Its clock stands still with it: what it does next still belongs to what it did before.
  await page.evaluate(() => {
    const at = Date.now()
    Date.now = () => at
  })
  await setTempo(page, '91')
  await expect(state(page)).toHaveText('Offline, 1 edit waiting')
  await expect.poll(() => keys(page, 'queue', alice.userId)).toHaveLength(1)

  await metre(thief.page).selectOption('3/4')
  await expect.poll(async () => (await read(alice, 'projects', project)).bpm, ROBBED).toBe(91)
  await expect(state(thief.page)).toHaveText('Saved')
  await setTempo(page, '92')
  await expect.poll(async () => (await read(alice, 'projects', project)).bpm, ROBBED).toBe(92)
  await expect(page.locator('[name=bpm]')).toHaveValue('92')
  line.mend()
  // It may have been about to wait for so long that the timer of it never rings here.
  await page.evaluate(() => window.dispatchEvent(new Event('online')))
  await expect(state(page)).toHaveText('Saved', ROBBED)
  await expect(metre(page)).toHaveValue('3/4')
  await expect(page.locator('[name=bpm]')).toHaveValue('92')
  expect(line.transactions()).toBe(0)
})

test('a sender that is frozen is robbed, and follows when it wakes up (CL4)', async ({ alice }) => {
  const { page } = alice
  const project = await newProject(alice, 'Asleep', { bpm: 100 })
  const line = await network(page)
  await open(alice, project)
  await kept(page, alice.userId, project)
  const thief = await another(alice, project)
  // Not a line of it runs until it is let go.
  const browser = await alice.context.newCDPSession(page)
  await browser.send('Debugger.enable')
  await browser.send('Debugger.pause')

  await setTempo(thief.page, '91')
  await expect.poll(async () => (await read(alice, 'projects', project)).bpm, ROBBED).toBe(91)
  await expect(state(thief.page)).toHaveText('Saved')
  expect([line.transactions(), thief.line.transactions()]).toEqual([0, 1])
  await browser.send('Debugger.disable')
  await expect(page.locator('[name=bpm]')).toHaveValue('91')
  await metre(page).selectOption('3/4')
  await expect(state(page)).toHaveText('Saved', ROBBED)
  await expect(metre(thief.page)).toHaveValue('3/4')
  expect([line.transactions(), thief.line.transactions()]).toEqual([0, 2])
})

test('an edit that is given up in the list of projects is not sent by the tab that has the song open (CL4)', async ({ alice }) => {
  const { page } = alice
  const project = await newProject(alice, 'Given up elsewhere', { bpm: 100 })
  const line = await network(alice.context)
  await open(alice, project)
  await kept(page, alice.userId, project)
  await line.cut()
  await setTempo(page, '96')
  await expect(state(page)).toHaveText('Offline, 1 edit waiting')
  const list = await alice.context.newPage()
  await list.goto('/projects')
  const band = list.getByTestId('waiting-band')
  await band.getByRole('button', { name: 'Show' }).click()
  // By then the list has seen that sending is the other tab's: it waits 2 s for its turn.
  await list.waitForTimeout(5_000)
  await band.getByRole('button', { name: /^Discard/ }).click()
  await band.getByTestId('discard').click()
  await expect(band).toHaveCount(0)
  await expect(page.locator('[name=bpm]')).toHaveValue('100')
  await expect(state(page)).toHaveText('Offline')
  line.mend()
  await expect(state(page)).toHaveText('Saved', ROBBED)
  expect((await read(alice, 'projects', project)).bpm).toBe(100)
  expect(line.transactions()).toBe(0)
})

test('what a tab has kept and did not live to tell is sent by the one that sends (CL2, CL4)', async ({ alice }) => {
  const project = await newProject(alice, 'Last words', { bpm: 100 })
  await open(alice, project)
  const page = await alice.context.newPage()
  await deafen(page)
  const line = await network(page)
  await page.goto(`/projects/${project}`)
  await expect(state(page)).toHaveText('Saved')
  await setTempo(page, '91')
  await expect.poll(() => keys(page, 'queue', alice.userId)).toHaveLength(1)
  await page.close()
  await expect.poll(async () => (await read(alice, 'projects', project)).bpm, ROBBED).toBe(91)
  await expect(alice.page.locator('[name=bpm]')).toHaveValue('91')
  expect(line.transactions()).toBe(0)
})

test('a tab whose database opens late, just as it is to send, is counted as the sender (CL4)', async ({ alice }) => {
  const { page } = alice
  const project = await newProject(alice, 'Both at once', { bpm: 100 })
  await page.addInitScript(() => {
    // The first opening takes longer than the studio waits for it.
    const { addEventListener } = IDBOpenDBRequest.prototype
    let [opened, takenUp] = [false, false]
    Object.defineProperty(IDBOpenDBRequest.prototype, 'onsuccess', {
      set(this: IDBOpenDBRequest, told: ((event: Event) => void) | null) {
        if (!told) return
        if (opened) return addEventListener.call(this, 'success', told)
        opened = true
        addEventListener.call(this, 'success', (event) => setTimeout(() => ((takenUp = true), told.call(this, event)), 6_000))
      },
    })
    // The lock is granted in the turn in which the studio takes the database up, and listens for the end of the page.
    let grant: (() => void) | undefined
    const request = navigator.locks.request.bind(navigator.locks) as (...all: any[]) => Promise<unknown>
    navigator.locks.request = ((name: string, options: object, granted: (lock: unknown) => unknown) =>
      name.split(':').length === 3 && !takenUp
        ? request(name, options, (lock: unknown) => new Promise((done) => (grant = () => done(granted(lock)))))
        : request(name, options, granted)) as any
    const add = window.addEventListener as (...all: any[]) => void
    window.addEventListener = ((...all: any[]) => {
      add.apply(window, all)
      if (all[0] === 'pagehide' && takenUp && grant) {
        const now = grant
        grant = undefined
        now()
        ;(window as any).granted = true
      }
    }) as any
  })
  const line = await network(page)
  await open(alice, project)
  await expect.poll(() => page.evaluate(() => (window as any).granted), { timeout: 20_000 }).toBe(true)
  await expect.poll(() => keys(page, 'senders', alice.userId)).toContain(project)
  await setTempo(page, '91')
  await expect(state(page)).toHaveText('Saved')
  expect(line.transactions()).toBe(1)
})
