// Automation lanes: drawn by pointer and by keys, point by point, seen by everybody, one step of undo for a gesture.
import type { Page } from '@playwright/test'
import { drawn, expect, invite, moveInSteps, newId, newProject, newTrack, open, test, USER_2, write, type Musician } from './band'

const show = (page: Page) => page.getByTestId('track').filter({ hasText: 'Bass' }).getByTestId('automation').click()
const points = (page: Page) => page.getByTestId('point')

async function bass(alice: Musician, bob: Musician, name: string) {
  const project = await newProject(alice, name)
  await invite(alice, project, USER_2)
  const track = await newTrack(alice, project, 'Bass')
  await newTrack(alice, project, 'Keys')
  await open(alice, project)
  await open(bob, project)
  await show(alice.page)
  await show(bob.page)
  return { project, track }
}

/** A place in the lane: beats from its left edge are not known, so parts of its size. */
async function at(page: Page, x: number, y: number): Promise<[number, number]> {
  const box = (await page.getByTestId('automation-lane').first().boundingBox())!
  return [box.x + box.width * x, box.y + box.height * y]
}

test('EN33 points are added, moved, bent and deleted by the pointer, and each gesture is one step (OP7)', async ({ alice, bob }) => {
  await bass(alice, bob, 'Pointer')
  const page = alice.page
  await page.mouse.click(...(await at(page, 0.2, 0.3)))
  await expect(points(bob.page)).toHaveCount(1)
  // Pressed and carried on: one new point, where it was let go.
  await page.mouse.move(...(await at(page, 0.6, 0.3)))
  await page.mouse.down()
  await page.mouse.move(...(await at(page, 0.6, 0.8)), { steps: 5 })
  await page.mouse.up()
  await expect(points(bob.page)).toHaveCount(2)
  const [first, second] = [points(bob.page).first(), points(bob.page).last()]
  expect(Number(await second.getAttribute('data-value'))).toBeLessThan(Number(await first.getAttribute('data-value')))

  // Moved by hand: seen by the other where it lands, and back by one undo.
  const before = [await second.getAttribute('data-beat'), await second.getAttribute('data-value')]
  const box = (await points(page).last().boundingBox())!
  await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2)
  await page.mouse.down()
  await page.mouse.move(...(await at(page, 0.75, 0.1)), { steps: 6 })
  await page.mouse.up()
  await expect(second).not.toHaveAttribute('data-beat', before[0]!)
  await expect(second).not.toHaveAttribute('data-value', before[1]!)
  await page.keyboard.press('Control+z')
  await expect(second).toHaveAttribute('data-beat', before[0]!)
  await expect(second).toHaveAttribute('data-value', before[1]!)

  // The middle of a line bends it.
  const line = bob.page.locator('.auto-line')
  const straight = await line.getAttribute('d')
  const [from, to] = [(await points(page).first().boundingBox())!, (await points(page).last().boundingBox())!]
  const middle = (a: typeof from, side: 'x' | 'y') => a[side] + (side === 'x' ? a.width : a.height) / 2
  const x = (middle(from, 'x') + middle(to, 'x')) / 2
  // The middle of a straight way between two factors is above the middle of their heights.
  const handle = page.locator('.auto-bend')
  for (let y = middle(from, 'y'); y < middle(to, 'y') && !(await handle.isVisible()); y += 3) {
    await page.mouse.move(x, y)
    await drawn(page)
  }
  await expect(handle).toBeVisible()
  const diamond = (await handle.boundingBox())!
  await page.mouse.move(diamond.x + 4, diamond.y + 4)
  await page.mouse.down()
  await page.mouse.move(x, diamond.y + 30, { steps: 4 })
  await page.mouse.up()
  await expect(points(bob.page)).toHaveCount(2)
  await expect(first).toHaveAttribute('aria-label', /then bent/)
  expect(await line.getAttribute('d')).not.toBe(straight)

  await points(page).last().dblclick()
  await expect(points(bob.page)).toHaveCount(1)
  expect([...alice.complaints, ...bob.complaints]).toEqual([])
})

test('EN33 points are made and moved by keys, with their values in words', async ({ alice, bob }) => {
  await bass(alice, bob, 'Keys')
  const page = alice.page
  await page.getByRole('button', { name: 'Add a point of Volume at the playhead' }).click()
  const point = points(page)
  await expect(point).toHaveAttribute('aria-label', '0.0 dB, bar 1, beat 1, then straight')
  await point.focus()
  await point.press('Shift+ArrowRight')
  await expect(points(bob.page)).toHaveAttribute('data-beat', '4')
  await point.press('ArrowRight')
  await point.press('ArrowDown')
  await point.press('h')
  await expect(points(bob.page)).toHaveAttribute('aria-label', /dB, bar 2, beat 1, sixteenth 2, then held/)
  await page.getByRole('textbox', { name: 'Volume, value of the chosen point' }).fill('-12')
  await page.keyboard.press('Enter')
  await expect(points(bob.page)).toHaveAttribute('aria-label', /^−12.0 dB/)
  await point.focus()
  await point.press('Delete')
  await expect(points(bob.page)).toHaveCount(0)
  await page.keyboard.press('Control+z')
  await expect(points(bob.page)).toHaveCount(1)
})

test('OP7 two people at one lane: what each does to a point of their own merges', async ({ alice, bob }) => {
  const { track } = await bass(alice, bob, 'Together')
  const lane = newId()
  const point = (id: string, beat: number) => ({ id, beat, value: 1, curve: 'linear' })
  await write(alice, [
    { type: 'set', table: 'automation', id: lane, key: '', value: { id: lane, trackId: track, parameter: 'volume', points: [point('a', 4), point('b', 8)] } },
  ])
  await expect(points(alice.page)).toHaveCount(2)
  await expect(points(bob.page)).toHaveCount(2)
  await Promise.all([points(alice.page).first().press('PageDown'), points(bob.page).last().press('ArrowRight')])
  for (const { page } of [alice, bob]) {
    await expect(points(page).first()).not.toHaveAttribute('data-value', '1')
    await expect(points(page).last()).toHaveAttribute('data-beat', '8.25')
    await expect(points(page).last()).toHaveAttribute('data-value', '1')
  }
})

test('EN33 any parameter of an effect can be chosen, drawn with the pencil, and its lane hidden and shown', async ({ alice, bob }) => {
  await bass(alice, bob, 'Effects')
  const page = alice.page
  await page.getByTestId('strip').filter({ hasText: 'Bass' }).getByTestId('rack-button').click()
  await page.getByTestId('rack').getByTestId('add-effect').selectOption('filter')
  await page.keyboard.press('Escape')
  await expect(page.getByTestId('rack')).toHaveCount(0)
  const choice = page.getByTestId('automation-parameter')
  const frequency = await choice.locator('option', { hasText: /Filter: (Freq|Cut)/ }).first().textContent()
  await choice.selectOption({ label: frequency! })
  await page.keyboard.down('Shift')
  const [from, to] = [await at(page, 0.1, 0.8), await at(page, 0.3, 0.2)]
  await page.mouse.move(...from)
  await page.mouse.down()
  await moveInSteps(page, from, to, 12)
  await page.mouse.up()
  await page.keyboard.up('Shift')
  await expect.poll(() => points(page).count()).toBeGreaterThan(5)
  const drawn = await points(page).count()
  await expect(points(page).first()).toHaveAttribute('aria-label', /Hz/)
  // The other has the volume there, and chooses what was drawn.
  await expect(points(bob.page)).toHaveCount(0)
  await bob.page.getByTestId('automation-parameter').selectOption({ label: `● ${frequency}` })
  await expect(points(bob.page)).toHaveCount(drawn)
  await page.keyboard.press('Control+z')
  await expect(points(bob.page)).toHaveCount(0)
  await page.keyboard.press('Control+Shift+Z')
  await expect(points(bob.page)).toHaveCount(drawn)
  await show(page)
  await expect(points(page)).toHaveCount(0)
  await show(page)
  await expect(points(page)).toHaveCount(drawn)
})

test('EN33 the master has its automation below the tracks: shown, drawn and undone, by keys and on a phone too', async ({ alice, bob }, info) => {
  const { project } = await bass(alice, bob, 'Master')
  const { page } = alice
  // Only the master's from here on.
  for (const one of [page, bob.page]) {
    await show(one)
    await expect(one.getByTestId('automation-lane')).toHaveCount(0)
  }
  await page.getByTestId('master-automation').focus()
  await page.keyboard.press('Enter')
  await expect(page.getByTestId('master-automation')).toHaveAttribute('aria-pressed', 'true')
  const head = page.getByTestId('automation-head')
  await expect(head).toContainText('Master')
  await expect(head.getByTestId('automation-parameter').locator('option')).toHaveText(['Volume'])
  const keys = (await page.getByTestId('track').filter({ hasText: 'Keys' }).boundingBox())!
  expect((await head.boundingBox())!.y).toBeGreaterThanOrEqual(keys.y + keys.height - 1)
  expect((await page.getByTestId('automation-lane').boundingBox())!.y).toBeCloseTo((await head.boundingBox())!.y, 0)

  await page.getByRole('button', { name: 'Add a point of Volume at the playhead' }).click()
  await points(page).press('ArrowDown')
  await bob.page.getByTestId('master-automation').click()
  await expect(points(bob.page)).toHaveCount(1)
  await expect(points(bob.page)).not.toHaveAttribute('data-value', '1')
  await page.mouse.click(...(await at(page, 0.5, 0.3)))
  await expect(points(bob.page)).toHaveCount(2)
  const lanes = async () => {
    const { recordMap } = await (await page.request.get(`/api/projects/${project}/records`)).json()
    return Object.values<any>(recordMap.automation).map((lane) => [lane.trackId ?? null, lane.parameter, lane.points.length])
  }
  await expect.poll(lanes).toEqual([[null, 'volume', 2]])
  await page.keyboard.press('Control+z')
  await expect(points(bob.page)).toHaveCount(1)

  // It is shown again when the song is opened again, and fits on a phone.
  await page.reload()
  await expect(head).toContainText('Master')
  await page.setViewportSize({ width: 390, height: 844 })
  await expect(page.getByTestId('automation-lane')).toBeVisible()
  for (const button of await head.getByRole('button').all()) {
    const { width, height } = (await button.boundingBox())!
    expect(Math.min(width, height)).toBeGreaterThanOrEqual(44)
  }
  await page.screenshot({ path: info.outputPath('master-390.png') })
  await page.locator('.switch', { hasText: 'Mixer' }).click()
  const key = page.getByTestId('master-automation')
  await key.scrollIntoViewIfNeeded()
  const box = (await key.boundingBox())!
  expect(Math.min(box.width, box.height)).toBeGreaterThanOrEqual(44)
  await key.click()
  await page.locator('.switch', { hasText: 'Tracks' }).click()
  await expect(page.getByTestId('automation-lane')).toHaveCount(0)
  expect([...alice.complaints, ...bob.complaints]).toEqual([])
})

test('EN33 a fader whose volume is automated stands where the lane has it, and is not to be moved', async ({ alice }) => {
  const { page } = alice
  const project = await newProject(alice, 'Follows')
  const track = await newTrack(alice, project, 'Bass')
  const points = [{ id: 'a', beat: 0, value: 0.25 }, { id: 'b', beat: 4, value: 1 }]
  const lane = newId()
  await write(alice, [{ type: 'set', table: 'automation', id: lane, key: '', value: { id: lane, trackId: track, parameter: 'volume', points } }])
  await open(alice, project)
  const fader = page.getByTestId('strip').getByTestId('fader')
  await expect(fader).toHaveAttribute('aria-valuenow', '0.2500')
  await expect(fader).toHaveAttribute('aria-readonly', 'true')
  // Where the song stands is what counts.
  await page.getByTestId('ruler').focus()
  await page.keyboard.press('Shift+ArrowRight')
  await expect(fader).toHaveAttribute('aria-valuenow', '1.0000')
  await expect(fader).toHaveAttribute('aria-valuetext', '0.0 decibels, automated')
  await fader.focus()
  await page.keyboard.press('ArrowDown')
  await expect(page.getByTestId('toast')).toContainText('Automation moves this')
  await expect(page.getByTestId('undo')).toHaveAttribute('aria-disabled', 'true')
  // Without its lane it is a fader again.
  await write(alice, [{ type: 'set', table: 'automation', id: lane, key: 'deleted', value: new Date().toISOString() }])
  await expect(fader).toHaveAttribute('aria-readonly', 'false')
  await expect(fader).toHaveAttribute('aria-valuenow', '1.0000')
  await fader.focus()
  await page.keyboard.press('ArrowDown')
  await expect(fader).toHaveAttribute('aria-valuetext', '−1.0 decibels')
})
