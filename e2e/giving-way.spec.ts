// What is kept on the device gives way when there is too much of it: but not what another tab has open, and no steps of undo that are
// nowhere else (CL2, CL5, UN1).
import type { Page } from '@playwright/test'
import { expect, newProject, open, test, type Musician } from './band'
import { kept, keys, setTempo } from './offline'

/** The songs of which the browser keeps a state, and those of which it keeps steps of undo. */
async function keeps(page: Page, user: string) {
  const [songs, steps] = [await keys(page, 'snapshots', user), (await keys(page, 'steps', user)) as string[][]]
  return { songs: songs.map(String).sort(), steps: [...new Set(steps.map(([song]) => song))].sort() }
}

/** Says of songs that they take 600 MB each on the device: together more than it keeps. */
const weigh = (page: Page, user: string, songs: string[]) =>
  page.evaluate(
    async ([user, songs]) => {
      const done = <T>(request: IDBRequest<T>) => new Promise<T>((done) => (request.onsuccess = () => done(request.result)))
      const database = await done(indexedDB.open(`unisono-${user}`))
      const meta = database.transaction('meta', 'readwrite').objectStore('meta')
      for (const song of songs as string[]) {
        const note = await done(meta.get(`opened:${song}`))
        await done(meta.put({ ...note, bytes: 600e6 }, `opened:${song}`))
      }
      database.close()
    },
    [user, songs] as const,
  )

/** Opens a song and edits it, until the song and the step are on the device. */
async function edited(alice: Musician, name: string) {
  const { page, userId } = alice
  const project = await newProject(alice, name, { bpm: 100 })
  await open(alice, project)
  await kept(page, userId, project)
  await setTempo(page, '98')
  await expect(page.getByTestId('sync-state')).toHaveText('Saved')
  await expect.poll(async () => (await keeps(page, userId)).steps).toContain(project)
  return project
}

/** Two songs that were edited: one was left, the other is open in this tab. */
const leftAndOpen = async (alice: Musician) => [await edited(alice, 'Left'), await edited(alice, 'Open here')] as const

/** What was done in the open song before a reload can be undone after it. */
async function canUndoAfterReload({ page }: Musician) {
  await page.reload()
  await expect(page.locator('[name=bpm]')).toHaveValue('98')
  await expect(page.getByTestId('connection')).toHaveAttribute('data-state', 'online')
  await page.locator('body').press('Control+z')
  await expect(page.locator('[name=bpm]')).toHaveValue('100')
}

test('a song that a tab has open, and its steps of undo, do not give way when too much is kept (CL5, UN1)', async ({ alice }) => {
  const { page, context, userId } = alice
  const [oldest, here] = await leftAndOpen(alice)
  const other = await context.newPage()
  const later = await edited({ ...alice, page: other }, 'Left later')
  await weigh(page, userId, [oldest, here, later])
  const last = await newProject(alice, 'Open there')
  await other.goto(`/projects/${last}`)
  // What was opened longest ago and is not open goes. That is not enough, and the next one is open.
  const stays = { songs: [here, later, last].sort(), steps: [here, later].sort() }
  await expect.poll(() => keeps(page, userId), { timeout: 15_000 }).toEqual(stays)
  // Whatever may still be on its way.
  await other.waitForTimeout(1_000)
  expect(await keeps(page, userId)).toEqual(stays)
  await canUndoAfterReload(alice)
})

/** Has every page find no room for edits once it `isFull`, until a song has given way. */
const fillUp = (alice: Musician) =>
  alice.context.addInitScript(() => {
    const { add, delete: remove } = IDBObjectStore.prototype
    IDBObjectStore.prototype.add = function (this: IDBObjectStore, ...row: Parameters<typeof add>) {
      if ((window as any).isFull) throw new DOMException('no room', 'QuotaExceededError')
      return add.apply(this, row)
    }
    IDBObjectStore.prototype.delete = function (this: IDBObjectStore, ...key: Parameters<typeof remove>) {
      if (this.name === 'snapshots') (window as any).isFull = false
      return remove.apply(this, key)
    }
  })

/** A third song in another tab, in which an edit finds no room until another song has given way. */
async function needRoom(alice: Musician) {
  const third = await newProject(alice, 'Needs room', { bpm: 100 })
  const other = await alice.context.newPage()
  await other.goto(`/projects/${third}`)
  await kept(other, alice.userId, third)
  await other.evaluate(() => ((window as any).isFull = true))
  await setTempo(other, '91')
  await expect(other.getByTestId('sync-state')).toHaveText('Saved')
  await expect.poll(() => other.evaluate(() => (window as any).isFull)).toBe(false)
  await expect.poll(async () => (await keeps(other, alice.userId)).steps).toContain(third)
  return third
}

test('a song that a tab has open, and its steps of undo, do not give way to an edit that finds no room (CL2, UN1)', async ({ alice }) => {
  await fillUp(alice)
  const [, here] = await leftAndOpen(alice)
  const third = await needRoom(alice)
  expect(await keeps(alice.page, alice.userId)).toEqual({ songs: [here, third].sort(), steps: [here, third].sort() })
  await canUndoAfterReload(alice)
})

test('where tabs have no locks songs give way to edits, and steps of undo stay (CL2, UN1)', async ({ alice }) => {
  await fillUp(alice)
  await alice.context.addInitScript(() => Object.defineProperty(Navigator.prototype, 'locks', { get: () => undefined }))
  const [left, here] = await leftAndOpen(alice)
  const third = await needRoom(alice)
  expect(await keeps(alice.page, alice.userId)).toEqual({ songs: [third], steps: [left, here, third].sort() })
  await canUndoAfterReload(alice)
})
