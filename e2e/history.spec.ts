// The history: what both did in words, named versions, old states looked at, played and restored.
import type { Page } from '@playwright/test'
import { expect, invite, newClip, newId, newProject, newTrack, open, read, test, USER_2, write, type Operation } from './band'
import { clipOf, duet, faderOf } from './duet'
import { network } from './offline'

const changes = (page: Page) => page.getByTestId('history-panel').getByTestId('change')
const banner = (page: Page) => page.getByTestId('past-banner')

test('the history tells in words what both have done (WR11)', async ({ alice, bob }) => {
  const { track, riff } = await duet(alice, bob, 'Told')
  await alice.page.keyboard.press('h')
  await expect(alice.page.getByTestId('history-panel')).toBeVisible()
  await expect(changes(alice.page).first()).toContainText('added 2 clips')
  await expect(alice.page.getByTestId('history-panel')).toContainText('Here the song began.')

  await clipOf(bob.page, riff).focus()
  await bob.page.keyboard.press('Shift+ArrowRight')
  await expect(changes(alice.page).first()).toContainText('moved Riff to bar 3')
  await faderOf(alice.page, track).focus()
  await alice.page.keyboard.press('PageDown')
  await expect(changes(alice.page).first()).toContainText('set volume of Bass to −6.0 dB')
  // Each under their own name.
  const names = await changes(alice.page).locator('.change-head strong').allTextContents()
  expect(names[0]).not.toBe(names[1])
  expect(new Set(names).size).toBe(2)
  await alice.page.getByTestId('history').click()
  await expect(alice.page.getByTestId('history-panel')).toHaveCount(0)
  await alice.page.getByTestId('history').click()
  await expect(changes(alice.page).first()).toContainText('set volume of Bass')
  await alice.page.keyboard.press('Escape')
  await expect(alice.page.getByTestId('history-panel')).toHaveCount(0)
  expect([...alice.complaints, ...bob.complaints]).toEqual([])
})

test('a named version is looked at, played, restored, and that is undone (WR12 WR13 UN6)', async ({ alice, bob }) => {
  const { project, track, riff, fill } = await duet(alice, bob, 'Versions')
  await alice.page.getByTestId('history').click()
  await alice.page.getByTestId('version-name').fill('Rough mix')
  await alice.page.getByTestId('name-version').click()
  const mark = alice.page.getByTestId('version')
  await expect(mark).toContainText('Rough mix')
  await mark.getByTestId('rename-version').click()
  await alice.page.getByLabel('New name of the version').fill('First mix')
  await alice.page.keyboard.press('Enter')
  await expect(mark).toContainText('First mix')

  // Both go on.
  await clipOf(alice.page, riff).focus()
  await alice.page.keyboard.press('Shift+ArrowRight')
  await clipOf(alice.page, fill).focus()
  await alice.page.keyboard.press('Delete')
  await faderOf(bob.page, track).focus()
  await bob.page.keyboard.press('PageDown')
  const later = await newClip(bob, track, 'Later', { startBeat: 20 })
  await expect(clipOf(alice.page, later)).toHaveCount(1)
  await expect(clipOf(bob.page, fill)).toHaveCount(0)

  await mark.getByTestId('look').click()
  await expect(banner(alice.page)).toContainText('You are looking at “First mix”')
  await expect(clipOf(alice.page, riff)).toHaveAttribute('data-start-beat', '4')
  await expect(clipOf(alice.page, fill)).toHaveCount(1)
  await expect(clipOf(alice.page, later)).toHaveCount(0)
  await expect(faderOf(alice.page, track)).toHaveAttribute('aria-valuenow', '1.0000')
  // Nothing can be changed there, and what Bob does does not disturb it.
  await expect(faderOf(alice.page, track)).toHaveAttribute('aria-readonly', 'true')
  await clipOf(alice.page, riff).focus()
  await alice.page.keyboard.press('ArrowRight')
  await expect(alice.page.getByTestId('toast').last()).toContainText('You are looking at an earlier state')
  await clipOf(bob.page, riff).focus()
  await bob.page.keyboard.press('Shift+ArrowRight')
  await expect.poll(async () => (await read(bob, 'clips', riff)).startBeat).toBe(12)
  await expect(clipOf(alice.page, riff)).toHaveAttribute('data-start-beat', '4')
  await alice.page.getByTestId('past-play').click()
  await expect(alice.page.getByTestId('play')).toHaveAttribute('aria-pressed', 'true')
  await expect(alice.page.getByTestId('position')).not.toContainText('1.1.1')
  await alice.page.getByTestId('past-play').click()
  // Back to now: Bob's move is there.
  await alice.page.getByTestId('past-leave').click()
  await expect(banner(alice.page)).toHaveCount(0)
  await expect(clipOf(alice.page, riff)).toHaveAttribute('data-start-beat', '12')
  await expect(clipOf(alice.page, later)).toHaveCount(1)

  // Restored while Bob edits something else.
  await mark.getByTestId('look').click()
  await expect(clipOf(alice.page, riff)).toHaveAttribute('data-start-beat', '4')
  await write(bob, [{ type: 'set', table: 'projects', id: project, key: 'name', value: 'Versions of Bob' }])
  await alice.page.getByTestId('past-restore').click()
  await expect(banner(alice.page)).toHaveCount(0)
  for (const { page } of [alice, bob]) {
    await expect(clipOf(page, riff)).toHaveAttribute('data-start-beat', '4')
    await expect(clipOf(page, fill)).toHaveCount(1)
    await expect(clipOf(page, later)).toHaveCount(0)
    await expect(faderOf(page, track)).toHaveAttribute('aria-valuenow', '1.0000')
  }
  // The focus is not lost with the banner; the history says which version came back.
  await expect.poll(() => alice.page.evaluate(() => document.activeElement?.tagName)).not.toBe('BODY')
  await alice.page.getByRole('button', { name: 'Changes', exact: true }).click()
  await expect(changes(alice.page).getByTestId('restored').first()).toHaveText('Restored “First mix”')
  // One step, which undo takes back; the name of the version is none (UN1).
  await expect(alice.page.getByTestId('undo')).toHaveAttribute('aria-label', 'Undo Restore')
  await alice.page.getByTestId('undo').click()
  for (const { page } of [alice, bob]) {
    await expect(clipOf(page, riff)).toHaveAttribute('data-start-beat', '12')
    await expect(clipOf(page, fill)).toHaveCount(0)
    await expect(clipOf(page, later)).toHaveCount(1)
  }
  // The version is a name in the history; deleting it is a change like any other.
  await mark.getByTestId('delete-version').click()
  await expect(mark).toHaveCount(0)
  await alice.page.getByRole('button', { name: 'Bring back' }).last().click()
  await expect(mark).toContainText('First mix')
  expect([...alice.complaints, ...bob.complaints]).toEqual([])
})

test('a change of several steps is opened, and each of them is looked at (WR12)', async ({ alice, bob }) => {
  const { page } = alice
  const { track, riff } = await duet(alice, bob, 'Step by step')
  await clipOf(page, riff).focus()
  await page.keyboard.press('Shift+ArrowRight')
  await faderOf(page, track).focus()
  await page.keyboard.press('PageDown')
  await page.keyboard.press('h')
  const change = changes(page).first()
  await expect(change).toContainText('set volume of Bass to −6.0 dB')
  await expect(change.getByTestId('step')).toHaveCount(0)
  await expect(change.getByTestId('open-change')).toContainText(/^\d+ steps$/)
  await change.getByTestId('open-change').click()
  const step = (text: string) => change.getByTestId('step').filter({ hasText: text })
  await step('moved Riff to bar 3').getByTestId('look-at-step').click()
  await expect(banner(page)).toBeVisible()
  await expect(clipOf(page, riff)).toHaveAttribute('data-start-beat', '8')
  await expect(faderOf(page, track)).toHaveAttribute('aria-valuenow', '1.0000')
  await step('added Fill').getByTestId('look-at-step').click()
  await expect(clipOf(page, riff)).toHaveAttribute('data-start-beat', '4')
  await expect(step('added Fill').getByTestId('look-at-step')).toHaveAttribute('aria-pressed', 'true')
  await expect(step('moved Riff').getByTestId('look-at-step')).toHaveAttribute('aria-pressed', 'false')
  await page.getByTestId('past-leave').click()
  // It stays open when its person goes on.
  await clipOf(page, riff).focus()
  await page.keyboard.press('Shift+ArrowRight')
  await expect(step('moved Riff to bar 4')).toHaveCount(1)
  await change.getByTestId('open-change').click()
  await expect(change.getByTestId('step')).toHaveCount(0)
  expect([...alice.complaints, ...bob.complaints]).toEqual([])
})

test('a viewer looks at old states and restores none', async ({ alice, bob }) => {
  const { project, riff } = await duet(alice, bob, 'Viewer')
  await clipOf(alice.page, riff).focus()
  await alice.page.keyboard.press('Shift+ArrowRight')
  const members = Object.values((await (await alice.page.request.get(`/api/projects/${project}/records`)).json()).recordMap.project_members)
  const his = (members as { id: string; userId: string }[]).find((member) => member.userId === bob.userId)!
  await write(alice, [{ type: 'set', table: 'project_members', id: his.id, key: 'role', value: 'viewer' }])
  await bob.page.getByTestId('history').click()
  await expect(bob.page.getByTestId('history-panel')).toContainText('a viewer')
  await expect(bob.page.getByTestId('name-version')).toHaveCount(0)
  await changes(bob.page).last().getByTestId('look').click()
  await expect(banner(bob.page)).toBeVisible()
  await expect(bob.page.getByTestId('past-restore')).toHaveCount(0)
  await bob.page.keyboard.press('Escape')
  await expect(bob.page.getByTestId('history-panel').or(banner(bob.page))).toHaveCount(1)
})

test('the history goes back to the beginning, however long', async ({ alice, bob }) => {
  const { track } = await duet(alice, bob, 'Long')
  // Two people in turn: each change stands alone.
  for (let n = 0; n < 80; n++) {
    await write(n % 2 ? alice : bob, [{ type: 'set', table: 'tracks', id: track, key: 'volume', value: (n % 20) / 10 }])
  }
  await alice.page.getByTestId('history').click()
  await expect(changes(alice.page).first()).toBeVisible()
  const list = alice.page.getByTestId('history-list')
  await expect(async () => {
    await list.evaluate((element) => element.scrollTo(0, element.scrollHeight))
    await expect(alice.page.getByTestId('history-panel')).toContainText('Here the song began.', { timeout: 500 })
  }).toPass()
  expect(await changes(alice.page).count()).toBeGreaterThan(80)
})

test('history and banner fit on a phone, large enough for a thumb', async ({ alice, bob }, info) => {
  const { riff } = await duet(alice, bob, 'Sizes of the past')
  await clipOf(alice.page, riff).focus()
  await alice.page.keyboard.press('Shift+ArrowRight')
  await alice.page.getByTestId('history').click()
  await alice.page.getByTestId('version-name').fill('Rough mix')
  await alice.page.getByTestId('name-version').click()
  await expect(alice.page.getByTestId('version')).toHaveCount(1)
  await alice.page.setViewportSize({ width: 1440, height: 900 })
  await alice.page.getByTestId('version').getByTestId('look').click()
  await expect(banner(alice.page)).toBeVisible()
  await alice.page.screenshot({ path: info.outputPath('history-1440.png') })
  await alice.page.setViewportSize({ width: 390, height: 844 })
  await alice.page.screenshot({ path: info.outputPath('history-390.png') })
  for (const box of [alice.page.getByTestId('look').first(), alice.page.getByTestId('rename-version').or(alice.page.getByLabel('Close the history')).first()]) {
    const { width, height } = (await box.boundingBox())!
    expect(Math.min(width, height)).toBeGreaterThanOrEqual(44)
  }
  await alice.page.getByLabel('Close the history').click()
  for (const key of ['past-play', 'past-restore', 'past-leave']) {
    const box = (await alice.page.getByTestId(key).boundingBox())!
    expect(box.height, key).toBeGreaterThanOrEqual(44)
    expect(box.x + box.width, key).toBeLessThanOrEqual(390)
  }
  await alice.page.screenshot({ path: info.outputPath('past-390.png') })
})

test('what takes thousands of operations is restored as a whole, and taken back as a whole (UN2, WR13)', async ({ alice }) => {
  const { page } = alice
  const project = await newProject(alice, 'A long night')
  const track = await newTrack(alice, project, 'Drums')
  const hits = Array.from({ length: 2_400 }, newId)
  const writeAll = async (operation: (id: string, n: number) => Operation) => {
    for (let n = 0; n < hits.length; n += 1_200) await write(alice, hits.slice(n, n + 1_200).map((id, m) => operation(id, n + m)))
  }
  await writeAll((id, n) => ({
    ...{ type: 'set', table: 'clips', id, key: '' },
    value: { id, trackId: track, name: 'Hit', startBeat: n, durationBeats: 1 },
  }))
  await open(alice, project)
  await page.getByTestId('history').click()
  await page.getByTestId('version-name').fill('All of them')
  await page.getByTestId('name-version').click()
  const mark = page.getByTestId('version')
  await expect(mark).toContainText('All of them')
  const at = new Date().toISOString()
  await writeAll((id) => ({ type: 'set', table: 'clips', id, key: 'deleted', value: at }))
  const there = async () => {
    const { recordMap } = await (await page.request.get(`/api/projects/${project}/records`)).json()
    return Object.values<any>(recordMap.clips).filter((clip) => !clip.deleted).length
  }
  expect(await there()).toBe(0)
  await mark.getByTestId('look').click()
  await expect(banner(page)).toContainText('All of them')
  await page.getByTestId('past-restore').click()
  await expect.poll(there, { timeout: 30_000 }).toBe(hits.length)
  await expect(page.getByTestId('undo')).toHaveAttribute('aria-label', 'Undo Restore')
  await page.getByTestId('undo').click()
  await expect.poll(there, { timeout: 30_000 }).toBe(0)
  await expect(page.getByTestId('sync-state')).toHaveText('Saved')
  expect(alice.complaints).toEqual([])
})

test('of a restoring of which the server took a part, the rest can be taken back (UN2, WR13)', async ({ alice, bob }) => {
  const { page } = alice
  const line = await network(page)
  const project = await newProject(alice, 'In two parts')
  await invite(alice, project, USER_2)
  const [one, other] = [await newTrack(alice, project, 'Echo', { type: 'bus' }), await newTrack(alice, project, 'Room', { type: 'bus' })]
  const output = (track: string, to: string | null): Operation => ({ type: 'set', table: 'tracks', id: track, key: 'output', value: to })
  await write(alice, [output(one, other)])
  const track = await newTrack(alice, project, 'Drums')
  const hits = Array.from({ length: 2_400 }, newId)
  const writeAll = async (operation: (id: string, n: number) => Operation) => {
    for (let n = 0; n < hits.length; n += 1_200) await write(alice, hits.slice(n, n + 1_200).map((id, m) => operation(id, n + m)))
  }
  await writeAll((id, n) => ({ type: 'set', table: 'clips', id, key: '', value: { id, trackId: track, name: 'Hit', startBeat: n, durationBeats: 1 } }))
  await open(alice, project)
  await page.getByTestId('history').click()
  await page.getByTestId('version-name').fill('Both ways')
  await page.getByTestId('name-version').click()
  const mark = page.getByTestId('version')
  await expect(mark).toContainText('Both ways')
  const at = new Date().toISOString()
  await writeAll((id) => ({ type: 'set', table: 'clips', id, key: 'deleted', value: at }))
  await write(alice, [output(one, null)])
  const there = async () => {
    const { recordMap } = await (await page.request.get(`/api/projects/${project}/records`)).json()
    return Object.values<any>(recordMap.clips).filter((clip) => !clip.deleted).length
  }
  await mark.getByTestId('look').click()
  await expect(banner(page)).toContainText('Both ways')
  // Without a connection she does not see that the way she brings back has become one half of a circle.
  await line.cut({ calls: false })
  await write(bob, [output(other, one)])
  await page.getByTestId('past-restore').click()
  await expect(page.getByTestId('sync-state')).toContainText('waiting')
  expect(await there()).toBe(0)
  line.mend()
  const said = page.getByTestId('toast').filter({ hasText: 'was not taken' })
  await expect(said).toContainText('circle', { timeout: 30_000 })
  await expect.poll(there, { timeout: 30_000 }).toBeGreaterThan(0)
  expect(await there()).toBeLessThan(hits.length)
  await said.getByRole('button', { name: 'Undo the rest' }).click()
  await expect.poll(there, { timeout: 30_000 }).toBe(0)
  await expect(page.getByTestId('sync-state')).toHaveText('Saved')
  expect((await read(alice, 'tracks', one)).output ?? null).toBe(null)
})
