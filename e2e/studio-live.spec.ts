// Two people in one song.
import type { Page } from '@playwright/test'
import { expect, invite, newClip, newId, newProject, newTrack, open, read, test, USER_2, write, type Musician } from './band'
import { network } from './offline'

/** A project of Alice's with two tracks and one clip at beat 4, open in both browsers. */
async function duet(alice: Musician, bob: Musician, name: string) {
  const project = await newProject(alice, name)
  await invite(alice, project, USER_2)
  const upper = await newTrack(alice, project, 'Upper', { orderKey: '80' })
  const lower = await newTrack(alice, project, 'Lower', { orderKey: 'c080' })
  const clip = await newClip(alice, upper, 'Riff', { startBeat: 4, durationBeats: 4 })
  await open(alice, project)
  await open(bob, project)
  return { project, upper, lower, clip }
}

const clipOf = (page: Page, id: string) => page.locator(`[data-testid=clip][data-clip-id="${id}"]`)
const trackOf = (page: Page, id: string) => page.locator(`[data-testid=track][data-track-id="${id}"]`)

async function middleOf(page: Page, id: string) {
  const box = (await clipOf(page, id).boundingBox())!
  return { x: box.x + box.width / 2, y: box.y + box.height / 2, perBeat: box.width / 4 }
}

test('one drags a clip: the other sees it land, once it is let go and on the grid (CL1, CL8)', async ({ alice, bob }) => {
  const line = await network(alice.page)
  const { clip, lower } = await duet(alice, bob, 'Drag')
  const [mine, theirs] = [clipOf(alice.page, clip), clipOf(bob.page, clip)]
  await expect(mine).toHaveAttribute('data-start-beat', '4')
  await expect(theirs).toHaveAttribute('data-start-beat', '4')
  const version = (await read(alice, 'clips', clip)).version

  const from = await middleOf(alice.page, clip)
  await alice.page.mouse.move(from.x, from.y)
  await alice.page.mouse.down()
  // Two beats and a bit, which the grid of a quarter beat takes away.
  await alice.page.mouse.move(from.x + from.perBeat, from.y, { steps: 5 })
  await alice.page.mouse.move(from.x + from.perBeat * 2.08, from.y, { steps: 5 })
  // Still in the hand: nothing has been written.
  expect((await read(alice, 'clips', clip)).startBeat).toBe(4)
  await expect(theirs).toHaveAttribute('data-start-beat', '4')
  // She sees it at once, whatever the server says of it, and when.
  line.hold()
  await alice.page.mouse.up()
  await expect(mine).toHaveAttribute('data-start-beat', '6')
  await expect.poll(() => line.transactions()).toBe(1)
  expect((await read(alice, 'clips', clip)).startBeat).toBe(4)
  await expect(theirs).toHaveAttribute('data-start-beat', '4')
  line.letGo()
  await expect(theirs).toHaveAttribute('data-start-beat', '6')
  const committed = await read(alice, 'clips', clip)
  expect(committed.startBeat).toBe(6)
  expect(committed.version, 'one transaction with one operation').toBe(version + 1)

  // Onto the other's lane, by the other person.
  const there = await middleOf(bob.page, clip)
  const lane = (await trackOf(bob.page, lower).boundingBox())!
  await bob.page.mouse.move(there.x, there.y)
  await bob.page.mouse.down()
  await bob.page.mouse.move(there.x, lane.y + lane.height / 2, { steps: 8 })
  await bob.page.mouse.up()
  await expect(mine).toHaveAttribute('data-track-id', lower)
  await expect(mine).toHaveAttribute('data-start-beat', '6')
  expect([...alice.complaints, ...bob.complaints]).toEqual([])
})

test('a clip is moved, and deleted, by keyboard alone', async ({ alice, bob }) => {
  const { clip } = await duet(alice, bob, 'Keys')
  await clipOf(alice.page, clip).focus()
  await alice.page.keyboard.press('ArrowRight')
  await expect(clipOf(bob.page, clip)).toHaveAttribute('data-start-beat', '4.25')
  await alice.page.keyboard.press('Delete')
  await expect(clipOf(bob.page, clip)).toHaveCount(0)
  expect((await read(bob, 'clips', clip)).deleted).toBeTruthy()
})

test('a clip that passes others by keyboard keeps the focus', async ({ alice, bob }) => {
  const { upper, clip } = await duet(alice, bob, 'Passing')
  for (const startBeat of [4.5, 5]) await newClip(alice, upper, 'Other', { startBeat, durationBeats: 1 })
  await expect(alice.page.locator('[data-testid=clip]')).toHaveCount(3)
  await clipOf(alice.page, clip).focus()
  for (let n = 1; n <= 6; n += 1) {
    await alice.page.keyboard.press('ArrowRight')
    await expect(clipOf(alice.page, clip)).toHaveAttribute('data-start-beat', String(4 + n / 4))
    await expect(clipOf(alice.page, clip)).toBeFocused()
  }
  await expect(clipOf(bob.page, clip)).toHaveAttribute('data-start-beat', '5.5')
})

test('who else is here is shown, and goes when they go', async ({ alice, bob }) => {
  const { project } = await duet(alice, bob, 'Presence')
  await expect(alice.page.getByTestId('presence')).toHaveAttribute('data-count', '2')
  await bob.page.goto('/projects')
  await expect(alice.page.getByTestId('presence')).toHaveAttribute('data-count', '1')
  await open(bob, project)
  await expect(alice.page.getByTestId('presence')).toHaveAttribute('data-count', '2')
})

test('a tempo out of range is refused with words and nothing changes', async ({ alice, bob }) => {
  const { project } = await duet(alice, bob, 'Tempo')
  const field = alice.page.locator('[name=bpm]')
  for (const wrong of ['19.9', '301', 'fast']) {
    await field.fill(wrong)
    await field.press('Enter')
    await expect(alice.page.getByTestId('toast').last()).toContainText('20 to 300')
    await expect(field).toHaveValue('120')
  }
  expect((await read(alice, 'projects', project)).bpm).toBe(120)
})

test('a large song comes packed, and is unpacked (PS5)', async ({ alice }) => {
  const project = await newProject(alice, 'Large')
  const track = await newTrack(alice, project, 'Bass')
  const clip = (n: number) => {
    const [id, name] = [newId(), `Clip ${n} of a long list`]
    return { type: 'set', table: 'clips', id, key: '', value: { id, trackId: track, name, startBeat: 4 * n, durationBeats: 4 } }
  }
  for (let n = 0; n < 600; n += 100) await write(alice, Array.from({ length: 100 }, (_, m) => clip(n + m)))
  const packed: number[] = []
  alice.page.on('websocket', (socket) =>
    socket.on('framereceived', ({ payload }) => {
      if (typeof payload !== 'string' && payload[0] === 0x83) packed.push(payload.length)
    }),
  )
  await open(alice, project)
  // Those that are near.
  await expect(alice.page.getByTestId('clip').nth(50)).toBeAttached()
  expect(packed).toHaveLength(1)
  expect(alice.complaints).toEqual([])
})
