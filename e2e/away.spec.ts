// A long time, and a lot of work, without the server.
import { expect, invite, newProject, newTrack, open, read, test, USER_2 } from './band'
import { kept, keys, network, setTempo } from './offline'

/** Edits that a queue holds (CL5). */
const QUEUED = 1_000

test('a thousand edits made without the server survive a reload and all arrive, in order (CL2, CL5)', async ({ alice }) => {
  const { page } = alice
  const project = await newProject(alice, 'A long flight', { bpm: 100 })
  const tracks = [await newTrack(alice, project, 'Left'), await newTrack(alice, project, 'Right')]
  const line = await network(alice.context)
  await open(alice, project)
  await kept(page, alice.userId, project)
  const seq = async () => (await (await page.request.get(`/api/projects/${project}/records`)).json()).seq as number
  const before = await seq()
  const state = () => page.getByTestId('sync-state')
  await line.cut({ calls: false })
  await expect(state()).toHaveText('Offline')
  // In turns, so that none takes in the one before it.
  await page.evaluate(async (count) => {
    const mutes = [...document.querySelectorAll<HTMLElement>('[data-testid=track] [data-testid=mute]')]
    for (let n = 0; n < count; n++) {
      mutes[n % 2].click()
      if (n % 50 === 49) await new Promise((done) => setTimeout(done))
    }
  }, QUEUED - 1)
  await setTempo(page, '93')
  await expect(state()).toHaveText(`Offline, ${QUEUED} edits waiting`, { timeout: 60_000 })
  await expect.poll(async () => (await keys(page, 'queue', alice.userId)).length, { timeout: 60_000 }).toBe(QUEUED)

  await page.reload()
  await expect(state()).toHaveText(`Offline, ${QUEUED} edits waiting`, { timeout: 30_000 })
  await page.evaluate(() => {
    const state = document.querySelector('[data-testid=connection]')!
    let online = 0
    new MutationObserver(() => {
      const { state: now, sync } = (state as HTMLElement).dataset
      if (now === 'online') online ||= performance.now()
      if (online && sync === 'saved') (window as any).drained ??= performance.now() - online
    }).observe(state, { attributes: true })
  })
  line.mend()
  await expect(state()).toHaveText('Saved', { timeout: 60_000 })
  // How fast is in the figures of the benchmarks: here it is only said.
  console.log(`${QUEUED} edits drained in ${Math.round(await page.evaluate(() => (window as any).drained))} ms`)
  expect([await seq(), line.transactions()]).toEqual([before + QUEUED, QUEUED])
  // 500 times and 499 times.
  const muted = await Promise.all(tracks.map(async (track) => (await read(alice, 'tracks', track)).muted))
  expect([...muted, (await read(alice, 'projects', project)).bpm]).toEqual([false, true, 93])
  await expect.poll(() => keys(page, 'queue', alice.userId)).toEqual([])
})

test('the names of the members are known without the server (CL5)', async ({ alice, bob }) => {
  const project = await newProject(alice, 'Who was it', { bpm: 100 })
  await invite(alice, project, USER_2)
  const name = (await (await bob.page.request.get('/api/auth/me')).json()).user.name as string
  const line = await network(alice.context)
  await open(alice, project)
  await kept(alice.page, alice.userId, project)
  const panel = alice.page.getByTestId('people-panel')
  await alice.page.getByTestId('presence').click()
  await expect(panel).toContainText(name)
  await line.cut()
  await alice.page.reload()
  await expect(alice.page.getByTestId('sync-state')).toHaveText('Offline')
  await alice.page.getByTestId('presence').click()
  await expect(panel).toContainText(name)
})
