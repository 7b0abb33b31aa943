// What a clumsy hand and a keyboard may expect: nothing is written that was given up, nothing is done before it is chosen, and the
// focus is somewhere.
import type { Page } from '@playwright/test'
import { expect, newClip, newProject, newTrack, open, read, test } from './band'

const focused = (page: Page) => page.evaluate(() => document.activeElement?.getAttribute('data-testid') ?? document.activeElement?.className ?? '')

test('a clip that is deleted while it is dragged is not moved, and one undo brings it back (CL8)', async ({ alice }) => {
  const { page } = alice
  const project = await newProject(alice, 'Gone in the hand')
  const track = await newTrack(alice, project, 'Bass')
  const clip = await newClip(alice, track, 'Riff', { startBeat: 4 })
  await open(alice, project)
  const riff = page.locator(`[data-testid=clip][data-clip-id="${clip}"]`)
  const box = (await riff.boundingBox())!
  await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2)
  await page.mouse.down()
  await page.mouse.move(box.x + box.width / 2 + 120, box.y + box.height / 2, { steps: 6 })
  await riff.press('Delete')
  await expect(riff).toHaveCount(0)
  await page.mouse.move(box.x + box.width / 2 + 200, box.y + box.height / 2, { steps: 4 })
  await page.mouse.up()
  await page.keyboard.press('Control+z')
  await expect(riff).toHaveAttribute('data-start-beat', '4')
  await expect(page.getByTestId('sync-state')).toHaveText('Saved')
  expect((await read(alice, 'clips', clip)).startBeat).toBe(4)
})

test('Escape gives up a track, and a loop, that is being dragged', async ({ alice }) => {
  const { page } = alice
  const project = await newProject(alice, 'Given up')
  for (const name of ['One', 'Two', 'Three']) await newTrack(alice, project, name)
  await open(alice, project)
  const names = page.locator('.head-name')
  await expect(names).toHaveText(['One', 'Two', 'Three'])
  const grip = (await page.locator('.grip[data-track=One]').boundingBox())!
  const below = (await names.nth(2).boundingBox())!
  await page.mouse.move(grip.x + 4, grip.y + 4)
  await page.mouse.down()
  await page.mouse.move(grip.x + 4, below.y + 30, { steps: 6 })
  await expect(page.locator('.head.is-lifted')).toHaveCount(1)
  await page.keyboard.press('Escape')
  await page.mouse.up()
  await expect(page.locator('.head.is-lifted')).toHaveCount(0)
  await expect(names).toHaveText(['One', 'Two', 'Three'])
  await expect(page.getByTestId('undo')).toHaveAttribute('aria-disabled', 'true')

  const loops = page.getByTestId('loop')
  const before = await loops.getAttribute('aria-pressed')
  const ruler = (await page.getByTestId('ruler').boundingBox())!
  await page.mouse.move(ruler.x + 300, ruler.y + 24)
  await page.mouse.down()
  await page.mouse.move(ruler.x + 500, ruler.y + 24, { steps: 6 })
  await expect(loops).toHaveAttribute('aria-pressed', 'true')
  await page.keyboard.press('Escape')
  await page.mouse.up()
  await expect(loops).toHaveAttribute('aria-pressed', before!)
})

test('a list does nothing before something is chosen from it, and can be chosen from again', async ({ alice }) => {
  const { page } = alice
  const project = await newProject(alice, 'Lists')
  const track = await newTrack(alice, project, 'Bass')
  await open(alice, project)
  await page.locator(`[data-testid=strip][data-track-id="${track}"]`).getByTestId('rack-button').click()
  const rack = page.getByTestId('rack')
  for (const list of ['add-effect', 'add-send', 'output']) {
    await rack.getByTestId(list).focus()
    await page.keyboard.press('ArrowDown')
    await page.keyboard.press('Escape')
    await page.keyboard.press('c')
    await page.keyboard.press('Escape')
  }
  await expect(rack).toBeVisible()
  await expect(rack.getByTestId('device')).toHaveCount(0)
  await expect(rack.getByTestId('send')).toHaveCount(0)
  await expect(page.getByTestId('undo')).toHaveAttribute('aria-disabled', 'true')

  for (const count of [1, 2]) {
    await rack.getByTestId('add-send').selectOption('New bus…')
    await expect(rack.getByTestId('send')).toHaveCount(count)
    await expect(rack.getByTestId('add-send')).toHaveValue('')
  }
  await rack.getByRole('button', { name: 'Remove the send to Bus 1' }).click()
  await expect(page.getByTestId('toast')).toContainText('The send to Bus 1 was removed')
})

test('the focus goes on beside what was renamed, removed or closed', async ({ alice }) => {
  const { page } = alice
  const project = await newProject(alice, 'Focus')
  const plugins = ['filter', 'delay'].map((type) => ({ id: type, type, bypassed: false, params: {} }))
  const track = await newTrack(alice, project, 'Bass', { plugins })
  await newTrack(alice, project, 'Keys')
  const [first, second] = [await newClip(alice, track, 'First', { startBeat: 0 }), await newClip(alice, track, 'Second', { startBeat: 8 })]
  await open(alice, project)
  await page.locator(`[data-testid=clip][data-clip-id="${first}"]`).press('Delete')
  await expect(page.locator(`[data-testid=clip][data-clip-id="${second}"]`)).toBeFocused()
  await page.locator('.head-name').first().focus()
  await page.keyboard.press('F2')
  await page.keyboard.type('Low')
  await page.keyboard.press('Enter')
  await expect(page.locator('.head-name').first()).toBeFocused()

  const button = page.locator(`[data-testid=strip][data-track-id="${track}"]`).getByTestId('rack-button')
  await button.focus()
  await page.keyboard.press('Enter')
  await expect(page.getByTestId('rack')).toBeFocused()
  const later = page.getByTestId('rack').getByRole('button', { name: 'Move Filter later' })
  await later.press('Enter')
  await expect(page.getByTestId('device').first()).toHaveAttribute('data-device', 'delay')
  await expect.poll(() => focused(page)).not.toBe('')
  await page.getByTestId('rack').getByRole('button', { name: 'Remove Delay' }).press('Enter')
  await expect(page.getByTestId('add-effect')).toBeFocused()
  await page.keyboard.press('Escape')
  await expect(button).toBeFocused()

  // A hand on the mouse, too, goes on where it has opened something.
  await button.click()
  await expect(page.getByTestId('rack')).toBeFocused()
  await page.keyboard.press('Escape')
  await expect(page.getByTestId('rack')).toHaveCount(0)
  await expect(button).toBeFocused()

  await page.getByTestId('history').press('Enter')
  await expect(page.getByTestId('history-panel')).toBeFocused()
  await page.keyboard.press('Escape')
  await expect(page.getByTestId('history')).toBeFocused()
})

test('what is no value is said to be none, and changes nothing', async ({ alice }) => {
  const { page } = alice
  const project = await newProject(alice, 'Nonsense')
  const eq = { id: 'filter', type: 'filter', bypassed: false, params: {} }
  const track = await newTrack(alice, project, 'Bass', { plugins: [eq] })
  const clip = await newClip(alice, track, 'Riff', { startBeat: 4 })
  await open(alice, project)
  const strip = page.locator(`[data-testid=strip][data-track-id="${track}"]`)
  await strip.getByTestId('rack-button').click()
  const fields = [page.getByTestId('rack').getByTestId('device').getByRole('textbox').first(), strip.locator('.fader-number').first()]
  for (const field of fields) {
    const before = await field.inputValue()
    for (const nonsense of ['abc', '1e99', '']) {
      await field.fill(nonsense)
      await field.press('Enter')
      await expect(page.getByTestId('typed-problem')).toContainText(`“${nonsense}” is no value for this: `)
      await expect(field).toHaveAttribute('aria-invalid', 'true')
      await expect(field).toHaveValue(before)
    }
    await field.fill('1')
    await expect(page.getByTestId('typed-problem')).toHaveCount(0)
    await field.press('Escape')
  }
  await expect(page.getByTestId('undo')).toHaveAttribute('aria-disabled', 'true')

  // A clip is deleted without a keyboard, too; Tab stays in its panel.
  await page.keyboard.press('Escape')
  await page.locator(`[data-testid=clip][data-clip-id="${clip}"]`).press('e')
  const panel = page.getByTestId('clip-panel')
  await panel.getByTestId('delete-clip').focus()
  await page.keyboard.press('Tab')
  await expect(panel.locator(':focus')).toHaveCount(1)
  await panel.getByTestId('delete-clip').click()
  await expect(page.locator(`[data-testid=clip][data-clip-id="${clip}"]`)).toHaveCount(0)
  // What one has come to stays.
  const back = page.getByRole('button', { name: 'Bring back' })
  await back.focus()
  await page.waitForTimeout(9_000)
  await back.press('Enter')
  await expect(page.locator(`[data-testid=clip][data-clip-id="${clip}"]`)).toHaveCount(1)
})

test('what somebody else adds takes neither the focus nor the selection to a clip of before', async ({ alice }) => {
  const { page } = alice
  const project = await newProject(alice, 'Left alone')
  const track = await newTrack(alice, project, 'Bass')
  const clip = await newClip(alice, track, 'Riff', { startBeat: 4 })
  await open(alice, project)
  const riff = page.locator(`[data-testid=clip][data-clip-id="${clip}"]`)
  await riff.press('ArrowRight')
  await expect(riff).toHaveAttribute('data-start-beat', '4.25')
  const lanes = (await page.locator('.lanes').boundingBox())!
  await page.waitForTimeout(600)
  await page.mouse.click(lanes.x + 600, lanes.y + 300)
  await expect(riff).toHaveAttribute('aria-selected', 'false')
  await newClip(alice, track, 'Another', { startBeat: 0 })
  await expect(page.getByTestId('clip')).toHaveCount(2)
  await page.waitForTimeout(200)
  await expect(riff).toHaveAttribute('aria-selected', 'false')
  await expect(riff).not.toBeFocused()
})
