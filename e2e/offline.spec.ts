// What a musician does without the server is kept, shown, and merged when it is back.
import type { Page } from '@playwright/test'
import { expect, invite, newClip, newProject, newTrack, open, read, test, USER_1, USER_2, write } from './band'
import { kept, keys, network, setTempo } from './offline'

/** Sends from the list of projects what waits, until nothing waits any more. */
async function sendNow(page: Page) {
  const band = page.getByTestId('waiting-band')
  await band.getByRole('button', { name: 'Send now' }).click()
  await expect(band).toHaveCount(0, { timeout: 30_000 })
}

test('edits made offline survive a reload and the closing of the tab, and merge with those of others (CL2, CL3, CL5)', async ({
  alice,
  bob,
}) => {
  const project = await newProject(alice, 'On the train', { bpm: 100 })
  await invite(alice, project, USER_2)
  const track = await newTrack(alice, project, 'Bass')
  await newClip(alice, track, 'Verse', {})
  const line = await network(alice.context)
  await open(alice, project)
  const state = alice.page.getByTestId('sync-state')
  await expect(state).toHaveText('Saved')
  await kept(alice.page, alice.userId, project)

  await line.cut()
  await expect(state).toHaveText('Offline')
  await setTempo(alice.page, '93.5')
  await expect(state).toHaveText('Offline, 1 edit waiting')
  await write(bob, [{ type: 'set', table: 'projects', id: project, key: 'name', value: 'In the tunnel' }])

  await alice.page.reload()
  await expect(alice.page.locator('[name=bpm]')).toHaveValue('93.5')
  await expect(state).toHaveText('Offline, 1 edit waiting')
  await expect(alice.page.getByTestId('track')).toHaveCount(1)
  await alice.page.selectOption('[name=timeSignature]', '3/4')
  await expect(state).toHaveText('Offline, 2 edits waiting')

  await alice.page.close()
  alice.page = await alice.context.newPage()
  await alice.page.goto(`/projects/${project}`)
  await expect(alice.page.locator('[name=timeSignature]')).toHaveValue('3/4')
  await expect(alice.page.locator('[name=bpm]')).toHaveValue('93.5')
  await expect(alice.page.getByTestId('sync-state')).toHaveText('Offline, 2 edits waiting')
  await alice.page.getByTestId('connection').getByRole('button').click()
  await expect(alice.page.getByTestId('waiting-edit')).toHaveCount(2)
  await alice.page.keyboard.press('Escape')

  line.mend()
  await expect(alice.page.getByTestId('sync-state')).toHaveText('Saved', { timeout: 30_000 })
  await expect(alice.page.getByLabel('Project name')).toHaveValue('In the tunnel')
  const record = await read(bob, 'projects', project)
  expect([record.bpm, record.timeSignature, record.name]).toEqual([93.5, '3/4', 'In the tunnel'])
})

test('a song that was opened by its address is in the list without the server, too (CL5)', async ({ alice }) => {
  const project = await newProject(alice, 'By a link', { bpm: 87 })
  const line = await network(alice.context)
  await open(alice, project)
  await expect(alice.page.getByTestId('sync-state')).toHaveText('Saved')
  await kept(alice.page, alice.userId, project)
  await line.cut()
  await expect(alice.page.getByTestId('sync-state')).toHaveText('Offline')
  await alice.page.getByRole('link', { name: 'All projects' }).click()
  const card = alice.page.getByTestId('project-card').filter({ hasText: 'By a link' })
  await expect(card).toContainText('87 bpm')
  await card.click()
  await expect(alice.page.locator('[name=bpm]')).toHaveValue('87')
})

test('when the browser says that the network has gone, the connection over it is given up at once, and made anew (CL3)', async ({ alice }) => {
  const project = await newProject(alice, 'Tunnel', { bpm: 100 })
  await open(alice, project)
  const { page } = alice
  await expect(page.getByTestId('sync-state')).toHaveText('Saved')
  // The socket itself would go on in silence.
  await page.evaluate(() => {
    const state = document.querySelector<HTMLElement>('[data-testid=connection]')!
    const seen: (string | undefined)[] = ((window as any).seen = [])
    new MutationObserver(() => seen.push(state.dataset.state)).observe(state, { attributes: true, attributeFilter: ['data-state'] })
    window.dispatchEvent(new Event('offline'))
  })
  await expect.poll(() => page.evaluate(() => (window as any).seen[0])).toBe('offline')
  await expect(page.getByTestId('sync-state')).toHaveText('Saved')
})

test('tabs see the edits of each other at once, and the next one sends when the sender is closed (CL4)', async ({ alice }) => {
  const project = await newProject(alice, 'Two windows', { bpm: 100 })
  const line = await network(alice.context)
  await open(alice, project)
  await kept(alice.page, alice.userId, project)
  const other = await alice.context.newPage()
  await other.goto(`/projects/${project}`)
  await expect(other.getByTestId('sync-state')).toHaveText('Saved')

  await line.cut()
  await expect(alice.page.getByTestId('sync-state')).toHaveText('Offline')
  await setTempo(alice.page, '91')
  await expect(other.locator('[name=bpm]')).toHaveValue('91')
  await other.selectOption('[name=timeSignature]', '5/4')
  await expect(alice.page.locator('[name=timeSignature]')).toHaveValue('5/4')
  await expect(other.getByTestId('sync-state')).toHaveText('Offline, 2 edits waiting')

  await alice.page.close()
  line.mend()
  await expect(other.getByTestId('sync-state')).toHaveText('Saved', { timeout: 30_000 })
  alice.page = other
  const record = await read(alice, 'projects', project)
  expect([record.bpm, record.timeSignature]).toEqual([91, '5/4'])
  await expect.poll(() => keys(other, 'queue', alice.userId)).toEqual([])
})

test('a session that ends while offline keeps the edits and asks to log in over the studio (CL3)', async ({ alice }) => {
  const project = await newProject(alice, 'A long tour', { bpm: 100 })
  const line = await network(alice.context)
  await open(alice, project)
  await kept(alice.page, alice.userId, project)
  await line.cut()
  await setTempo(alice.page, '92')
  await expect(alice.page.getByTestId('sync-state')).toHaveText('Offline, 1 edit waiting')

  await alice.context.clearCookies({ name: 'unisono_session' })
  line.mend()
  const dialog = alice.page.getByTestId('log-in-again')
  await expect(dialog).toContainText('1 edit waits in this browser', { timeout: 30_000 })
  await expect(alice.page.locator('[name=bpm]')).toHaveValue('92')
  await dialog.getByLabel('E-mail').fill(USER_1)
  await dialog.getByLabel('Password').fill('password')
  await dialog.getByRole('button', { name: 'Log in' }).click()
  await expect(alice.page.getByTestId('sync-state')).toHaveText('Saved', { timeout: 30_000 })
  expect((await read(alice, 'projects', project)).bpm).toBe(92)
})

test('another user of the browser neither sees nor sends what waits (CL3)', async ({ alice, bob }) => {
  const project = await newProject(alice, 'One laptop', { bpm: 100 })
  await invite(alice, project, USER_2)
  const line = await network(alice.context)
  await open(alice, project)
  await kept(alice.page, alice.userId, project)
  await line.cut()
  await setTempo(alice.page, '94')
  await expect(alice.page.getByTestId('sync-state')).toHaveText('Offline, 1 edit waiting')
  await alice.page.close()
  line.mend()

  const own = await alice.context.cookies()
  await alice.context.clearCookies()
  await alice.context.addCookies(await bob.context.cookies())
  const page = await alice.context.newPage()
  await page.goto(`/projects/${project}`)
  await expect(page.getByTestId('sync-state')).toHaveText('Saved')
  await expect(page.locator('[name=bpm]')).toHaveValue('100')
  await page.goto('/projects')
  await expect(page.getByTestId('project-card').first()).toBeVisible()
  await expect(page.getByTestId('waiting-band')).toHaveCount(0)
  expect((await read(bob, 'projects', project)).bpm).toBe(100)

  await alice.context.clearCookies()
  await alice.context.addCookies(own)
  await page.goto(`/projects/${project}`)
  await expect.poll(async () => (await read(bob, 'projects', project)).bpm).toBe(94)
})

test('without room in the browser edits are sent all the same, and the user is warned (CL2)', async ({ alice }) => {
  const project = await newProject(alice, 'A full disk', { bpm: 100 })
  const line = await network(alice.context)
  await open(alice, project)
  await kept(alice.page, alice.userId, project)
  await alice.page.evaluate(() => {
    IDBObjectStore.prototype.add = () => {
      throw new DOMException('no room', 'QuotaExceededError')
    }
  })
  await line.cut()
  await setTempo(alice.page, '95')
  await expect(alice.page.getByTestId('sync-state')).toHaveText('1 edit in this tab only')
  line.mend()
  await expect(alice.page.getByTestId('sync-state')).toHaveText('Saved', { timeout: 30_000 })
  expect((await read(alice, 'projects', project)).bpm).toBe(95)
})

test('what there was no room for is kept as soon as there is room again, and survives a reload (CL2)', async ({ alice }) => {
  const { page } = alice
  const project = await newProject(alice, 'Room again', { bpm: 100 })
  const line = await network(alice.context)
  await page.addInitScript(() => {
    const { add, put } = IDBObjectStore.prototype
    const refuse = () => {
      if ((window as any).isFull) throw new DOMException('no room', 'QuotaExceededError')
    }
    Object.assign(IDBObjectStore.prototype, {
      add(this: IDBObjectStore, ...row: Parameters<typeof add>) {
        refuse()
        return add.apply(this, row)
      },
      put(this: IDBObjectStore, ...row: Parameters<typeof put>) {
        refuse()
        return put.apply(this, row)
      },
    })
  })
  await open(alice, project)
  await kept(page, alice.userId, project)
  await page.evaluate(() => ((window as any).isFull = true))
  await line.cut()
  await setTempo(page, '95')
  await page.selectOption('[name=timeSignature]', '3/4')
  await expect(page.getByTestId('sync-state')).toHaveText('2 edits in this tab only')
  await expect(page.getByTestId('toast')).toContainText('no room left')
  expect(await keys(page, 'queue', alice.userId)).toEqual([])
  await page.evaluate(() => ((window as any).isFull = false))
  await expect(page.getByTestId('sync-state')).toHaveText('Offline, 2 edits waiting')
  await page.reload()
  await expect(page.getByTestId('sync-state')).toHaveText('Offline, 2 edits waiting')
  await expect(page.locator('[name=bpm]')).toHaveValue('95')
  line.mend()
  await expect(page.getByTestId('sync-state')).toHaveText('Saved', { timeout: 30_000 })
  const record = await read(alice, 'projects', project)
  expect([record.bpm, record.timeSignature]).toEqual([95, '3/4'])
})

test('under a real quota an edit goes on in its tab, it is said, and it is kept when there is room again (CL2)', async ({ alice }) => {
  test.slow()
  const { page } = alice
  const project = await newProject(alice, 'A small disk', { bpm: 100 })
  const line = await network(alice.context)
  await open(alice, project)
  await kept(page, alice.userId, project)
  const session = await alice.context.newCDPSession(page)
  const origin = new URL(page.url()).origin
  await session.send('Storage.overrideQuotaForOrigin', { origin, quotaSize: 1 })
  await line.cut()
  // For half a minute Chromium lets small writes pass by the quota that it has asked for last.
  await page.waitForTimeout(35_000)
  await setTempo(page, '95')
  await expect(page.getByTestId('sync-state')).toHaveText('1 edit in this tab only')
  await expect(page.getByTestId('toast')).toContainText('no room left')
  expect(await keys(page, 'queue', alice.userId)).toEqual([])
  await expect(page.locator('[name=bpm]')).toHaveValue('95')
  await session.send('Storage.overrideQuotaForOrigin', { origin })
  await expect(page.getByTestId('sync-state')).toHaveText('Offline, 1 edit waiting', { timeout: 30_000 })
  await page.reload()
  await expect(page.getByTestId('sync-state')).toHaveText('Offline, 1 edit waiting')
  await expect(page.locator('[name=bpm]')).toHaveValue('95')
  line.mend()
  await expect(page.getByTestId('sync-state')).toHaveText('Saved', { timeout: 30_000 })
  expect((await read(alice, 'projects', project)).bpm).toBe(95)
})

test('a database that opens late is used when it does, and what waits there is sent (CL2)', async ({ alice }) => {
  const project = await newProject(alice, 'Slow to wake', { bpm: 100 })
  const line = await network(alice.context)
  await open(alice, project)
  await kept(alice.page, alice.userId, project)
  await line.cut()
  await alice.page.selectOption('[name=timeSignature]', '3/4')
  await expect(alice.page.getByTestId('sync-state')).toHaveText('Offline, 1 edit waiting')
  await alice.page.close()
  line.mend()
  const page = (alice.page = await alice.context.newPage())
  await page.addInitScript(() => {
    const { addEventListener } = IDBOpenDBRequest.prototype
    Object.defineProperty(IDBOpenDBRequest.prototype, 'onsuccess', {
      set(this: IDBOpenDBRequest, told: (event: Event) => void) {
        if (told) addEventListener.call(this, 'success', (event) => setTimeout(() => told.call(this, event), 12_000))
      },
    })
  })
  await page.goto(`/projects/${project}`)
  await expect(page.locator('[name=bpm]')).toHaveValue('100')
  await expect(page.locator('[name=timeSignature]')).toHaveValue('4/4')
  await setTempo(page, '97')
  await expect.poll(async () => (await read(alice, 'projects', project)).timeSignature, { timeout: 30_000 }).toBe('3/4')
  await expect.poll(async () => (await read(alice, 'projects', project)).bpm).toBe(97)
  await expect(page.getByTestId('sync-state')).toHaveText('Saved')
  expect(await keys(page, 'queue', alice.userId)).toEqual([])
})

test('the list of projects shows offline what was there, and sends what waits of each (CL2, CL5)', async ({ alice }) => {
  const project = await newProject(alice, 'Left on the table', { bpm: 100 })
  const line = await network(alice.context)
  const { page } = alice
  const card = page.locator(`a[href="/projects/${project}"]`)
  await page.goto('/projects')
  await expect(card).toBeVisible()
  await open(alice, project)
  await kept(page, alice.userId, project)
  await line.cut()
  await setTempo(page, '96')
  await expect(page.getByTestId('sync-state')).toHaveText('Offline, 1 edit waiting')
  await page.goto('/projects')
  await expect(card).toBeVisible()
  const band = page.getByTestId('waiting-band')
  await expect(band).toContainText('1 edit waits to be saved')
  await band.getByRole('button', { name: 'Show' }).click()
  await expect(band.getByTestId('waiting-edit')).toContainText('tempo')
  line.mend()
  await sendNow(page)
  expect((await read(alice, 'projects', project)).bpm).toBe(96)
})

test('the list of projects sends what a silent tab does not, and robs it of its lock (CL4)', async ({ alice }) => {
  const project = await newProject(alice, 'Hung', { bpm: 100 })
  const line = await network(alice.context)
  const { page } = alice
  await page.goto('/projects')
  await open(alice, project)
  await kept(page, alice.userId, project)
  await line.cut()
  await setTempo(page, '96')
  await expect(page.getByTestId('sync-state')).toHaveText('Offline, 1 edit waiting')
  // A tab that hangs: once it has the lock it says nothing, and never lets it go.
  const hung = await alice.context.newPage()
  await hung.goto('/nonsense')
  const lock = `unisono:${alice.userId}:${project}`
  await hung.evaluate((lock) => void navigator.locks.request(lock, () => new Promise(() => {})).catch(() => {}), lock)
  await page.goto('/projects')
  await expect
    .poll(() => hung.evaluate(async (lock) => (await navigator.locks.query()).held?.filter((one) => one.name === lock).length, lock))
    .toBe(1)
  line.mend()
  await sendNow(page)
  expect((await read(alice, 'projects', project)).bpm).toBe(96)
})

test('an edit and its undo that wait are sent from the list of projects, over what somebody else has done since (CL3, UN3)', async ({
  alice,
  bob,
}) => {
  const project = await newProject(alice, 'Second guess', { bpm: 100 })
  await invite(alice, project, USER_2)
  const line = await network(alice.context)
  const { page } = alice
  await page.goto('/projects')
  await open(alice, project)
  await kept(page, alice.userId, project)
  await line.cut()
  await setTempo(page, '96')
  await page.getByTestId('undo').click()
  await expect(page.locator('[name=bpm]')).toHaveValue('100')
  await expect(page.getByTestId('sync-state')).toHaveText('Offline, 2 edits waiting')
  await page.goto('/projects')
  await expect(page.getByTestId('waiting-band')).toContainText('2 edits wait')
  await write(bob, [{ type: 'set', table: 'projects', id: project, key: 'bpm', value: 140 }])
  line.mend()
  await sendNow(page)
  expect((await read(bob, 'projects', project)).bpm).toBe(140)
})

test('an edit that the server does not take is listed with its reason until that is dismissed (CL3)', async ({ alice }) => {
  const { page } = alice
  const project = await newProject(alice, 'In a circle')
  const [left, right] = [await newTrack(alice, project, 'Left', { type: 'group' }), await newTrack(alice, project, 'Right', { type: 'group' })]
  const line = await network(alice.context)
  await open(alice, project)
  await kept(page, alice.userId, project)
  await line.cut()
  const output = page.getByRole('group', { name: 'Left', exact: true }).getByTestId('output')
  await output.selectOption('Right')
  await expect(page.getByTestId('sync-state')).toHaveText('Offline, 1 edit waiting')
  await write(alice, [{ type: 'set', table: 'tracks', id: right, key: 'output', value: left }])
  line.mend()
  await expect(page.getByTestId('sync-state')).toHaveText('1 edit refused', { timeout: 30_000 })
  await expect(page.getByTestId('connection')).toHaveAttribute('data-sync', 'refused')
  const notice = page.getByTestId('not-saved')
  await expect(notice).toContainText('1 edit was not saved')
  await expect(notice.getByTestId('unsaved')).toContainText('Change output')
  await expect(notice.locator('.unsaved-why')).not.toBeEmpty()
  await expect(output.locator('option:checked')).toHaveText('Master')
  // A toast would have gone by now.
  await page.waitForTimeout(9_000)
  await expect(notice).toBeVisible()
  await notice.getByRole('button', { name: 'Dismiss' }).click()
  await expect(notice).toHaveCount(0)
  await expect(page.getByTestId('sync-state')).toHaveText('Saved')
})

test('logging out while edits wait asks what is to become of them (CL3)', async ({ browser, alice }) => {
  const project = await newProject(alice, 'Last bus', { bpm: 100 })
  const saved = await newProject(alice, 'First bus', { bpm: 100 })
  // A session of its own: it ends here.
  const context = await browser.newContext({ baseURL: process.env.UNISONO_URL })
  const login = () => context.request.post('/api/auth/login', { data: { email: USER_1, password: 'password' } })
  expect((await login()).status()).toBe(200)
  const line = await network(context)
  const page = await context.newPage()
  await page.goto(`/projects/${saved}`)
  await expect(page.getByTestId('sync-state')).toHaveText('Saved')
  await setTempo(page, '98')
  await expect.poll(() => keys(page, 'steps', alice.userId)).toHaveLength(1)
  await page.goto(`/projects/${project}`)
  await expect(page.getByTestId('sync-state')).toHaveText('Saved')
  await line.cut({ calls: false })
  await setTempo(page, '97')
  await expect(page.getByTestId('sync-state')).toHaveText('Offline, 1 edit waiting')
  await page.goto('/projects')
  await page.getByRole('button', { name: 'Log out' }).click()
  const dialog = page.getByTestId('log-out-dialog')
  await expect(dialog).toContainText('1 edit waits')
  await page.keyboard.press('Escape')
  await expect(dialog).toHaveCount(0)
  // From the page of the account as well.
  await page.goto('/account')
  await page.getByRole('link', { name: 'Log out' }).click()
  await expect(dialog).toContainText('1 edit waits')
  await dialog.getByTestId('log-out-keep').click()
  await page.waitForURL(/\/login/)
  expect(await keys(page, 'queue', alice.userId)).toHaveLength(1)
  expect(await keys(page, 'snapshots', alice.userId)).toEqual([])
  const steps = (await keys(page, 'steps', alice.userId)) as string[][]
  expect(steps.map(([of]) => of)).toEqual([project])

  line.mend()
  expect((await login()).status()).toBe(200)
  await page.goto('/projects')
  await expect.poll(async () => (await read(alice, 'projects', project)).bpm).toBe(97)
  await context.close()
})

test('what was done before a reload can be undone after it (UN1)', async ({ alice }) => {
  const project = await newProject(alice, 'Second thoughts', { bpm: 100 })
  await open(alice, project)
  await setTempo(alice.page, '98')
  await expect(alice.page.getByTestId('sync-state')).toHaveText('Saved')
  await expect.poll(() => keys(alice.page, 'steps', alice.userId)).not.toEqual([])
  await alice.page.reload()
  await expect(alice.page.locator('[name=bpm]')).toHaveValue('98')
  await expect(alice.page.getByTestId('connection')).toHaveAttribute('data-state', 'online')
  await alice.page.locator('body').press('Control+z')
  await expect(alice.page.locator('[name=bpm]')).toHaveValue('100')
  await expect.poll(async () => (await read(alice, 'projects', project)).bpm).toBe(100)
})
