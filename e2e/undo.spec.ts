// Undo and redo: by key and by button, one's own steps only.
import type { Page } from '@playwright/test'
import { expect, read, test } from './band'
import { clipOf, duet, faderOf } from './duet'

const undoOf = (page: Page) => page.getByTestId('undo')
const redoOf = (page: Page) => page.getByTestId('redo')

test('a move is undone and redone by key and by button, and the buttons name it', async ({ alice, bob }) => {
  const { riff } = await duet(alice, bob, 'Undo')
  const [mine, theirs] = [clipOf(alice.page, riff), clipOf(bob.page, riff)]
  await expect(undoOf(alice.page)).toHaveAttribute('aria-disabled', 'true')
  await expect(undoOf(alice.page)).toHaveAttribute('title', 'Nothing to undo')
  await expect(redoOf(alice.page)).toHaveAttribute('title', 'Nothing to redo')

  await mine.focus()
  await alice.page.keyboard.press('ArrowRight')
  await expect(theirs).toHaveAttribute('data-start-beat', '4.25')
  await expect(undoOf(alice.page)).toHaveAttribute('aria-disabled', 'false')
  await expect(undoOf(alice.page)).toHaveAttribute('aria-label', 'Undo Move clip')
  await expect(undoOf(alice.page)).toHaveAttribute('title', 'Undo Move clip (Ctrl+Z)')
  // It is hers alone.
  await expect(undoOf(bob.page)).toHaveAttribute('aria-disabled', 'true')

  await alice.page.keyboard.press('Control+z')
  await expect(mine).toHaveAttribute('data-start-beat', '4')
  await expect(theirs).toHaveAttribute('data-start-beat', '4')
  await expect(redoOf(alice.page)).toHaveAttribute('aria-label', 'Redo Move clip')
  await alice.page.keyboard.press('Control+Shift+Z')
  await expect(theirs).toHaveAttribute('data-start-beat', '4.25')

  await undoOf(alice.page).click()
  await expect(theirs).toHaveAttribute('data-start-beat', '4')
  await redoOf(alice.page).click()
  await expect(theirs).toHaveAttribute('data-start-beat', '4.25')
  await alice.page.keyboard.press('Control+z')
  await expect(theirs).toHaveAttribute('data-start-beat', '4')
  await alice.page.keyboard.press('Control+y')
  await expect(theirs).toHaveAttribute('data-start-beat', '4.25')
  expect([...alice.complaints, ...bob.complaints]).toEqual([])
})

test('what is deleted together comes back as one step, by undo or by the message (UN2)', async ({ alice, bob }) => {
  const { riff, fill } = await duet(alice, bob, 'Together')
  const [first, second] = [clipOf(bob.page, riff), clipOf(bob.page, fill)]
  const remove = async () => {
    await clipOf(alice.page, riff).focus()
    await alice.page.keyboard.press('Control+a')
    await expect(clipOf(alice.page, fill)).toHaveAttribute('aria-selected', 'true')
    await alice.page.keyboard.press('Delete')
    await expect(first).toHaveCount(0)
    await expect(second).toHaveCount(0)
  }
  await remove()
  await undoOf(alice.page).click()
  await expect(first).toHaveCount(1)
  await expect(second).toHaveCount(1)
  await expect(undoOf(alice.page)).toHaveAttribute('aria-disabled', 'true')

  await remove()
  // The message takes back the same step: nothing new is left to undo.
  await alice.page.getByRole('button', { name: 'Bring back' }).last().click()
  await expect(first).toHaveCount(1)
  await expect(second).toHaveCount(1)
  await expect(redoOf(alice.page)).toHaveAttribute('aria-label', 'Redo Delete clips')
})

test('undo leaves alone what somebody else has changed since, and says so (UN3)', async ({ alice, bob }) => {
  const { track } = await duet(alice, bob, 'Faders')
  const [mine, theirs] = [faderOf(alice.page, track), faderOf(bob.page, track)]
  const volume = async () => (await read(alice, 'tracks', track)).volume as number
  await mine.focus()
  await alice.page.keyboard.press('PageDown')
  await expect.poll(volume).toBeLessThan(1)
  const hers = await volume()
  await expect(theirs).toHaveAttribute('aria-valuenow', hers.toFixed(4))
  await theirs.focus()
  await bob.page.keyboard.press('PageDown')
  await expect.poll(volume).toBeLessThan(hers)
  const his = await volume()
  await expect(mine).toHaveAttribute('aria-valuenow', his.toFixed(4))

  await undoOf(alice.page).click()
  await expect(alice.page.getByTestId('toast').last()).toContainText(
    'Volume of Bass was left alone: somebody else has changed it since',
  )
  await expect(undoOf(alice.page)).toHaveAttribute('aria-disabled', 'true')
  expect(await volume()).toBe(his)
  await expect(mine).toHaveAttribute('aria-valuenow', his.toFixed(4))
})

test('a step on a clip that somebody else has deleted is skipped and said, and the rest of it is taken back (UN3)', async ({ alice, bob }) => {
  const { riff, fill } = await duet(alice, bob, 'Gone meanwhile')
  const remove = async (clip: string) => {
    await clipOf(bob.page, clip).focus()
    await bob.page.keyboard.press('Delete')
    await expect(clipOf(alice.page, clip)).toHaveCount(0)
  }
  await clipOf(alice.page, riff).focus()
  await alice.page.keyboard.press('ArrowRight')
  await expect(clipOf(bob.page, riff)).toHaveAttribute('data-start-beat', '4.25')
  await remove(riff)
  await undoOf(alice.page).click()
  const said = alice.page.getByTestId('toast').filter({ hasText: 'is not there any more' })
  await expect(said).toContainText('Clip Riff is not there any more: somebody else has deleted it')
  await expect(undoOf(alice.page)).toHaveAttribute('aria-disabled', 'true')
  // Who deleted it has it again as it was.
  await bob.page.keyboard.press('Control+z')
  for (const { page } of [alice, bob]) await expect(clipOf(page, riff)).toHaveAttribute('data-start-beat', '4.25')

  await clipOf(alice.page, riff).focus()
  await alice.page.keyboard.press('Control+a')
  await expect(clipOf(alice.page, fill)).toHaveAttribute('aria-selected', 'true')
  await alice.page.keyboard.press('ArrowRight')
  await expect(clipOf(bob.page, fill)).toHaveAttribute('data-start-beat', '12.25')
  await expect(clipOf(bob.page, riff)).toHaveAttribute('data-start-beat', '4.5')
  await remove(fill)
  await undoOf(alice.page).click()
  await expect(clipOf(bob.page, riff)).toHaveAttribute('data-start-beat', '4.25')
  await expect(said.last()).toContainText('Clip Fill is not there any more: somebody else has deleted it')
  await redoOf(alice.page).click()
  await expect(clipOf(bob.page, riff)).toHaveAttribute('data-start-beat', '4.5')
  await bob.page.keyboard.press('Control+z')
  await expect(clipOf(alice.page, fill)).toHaveAttribute('data-start-beat', '12.25')
  expect([...alice.complaints, ...bob.complaints]).toEqual([])
})

test('what is still in the hand is let go before undo, and is what undo takes back (UN1)', async ({ alice, bob }) => {
  const { page } = alice
  const { riff, track } = await duet(alice, bob, 'In the hand')
  await clipOf(page, riff).focus()
  await page.keyboard.press('ArrowRight')
  await expect(clipOf(bob.page, riff)).toHaveAttribute('data-start-beat', '4.25')
  const fader = faderOf(page, track)
  const stood = (await fader.getAttribute('aria-valuenow'))!

  // The clock of the page stands still: the turn of the wheel would never be over by itself.
  await page.clock.install()
  await fader.hover()
  await page.mouse.wheel(0, -100)
  await expect(fader).not.toHaveAttribute('aria-valuenow', stood)
  await page.keyboard.press('Control+z')
  await expect(fader).toHaveAttribute('aria-valuenow', stood)
  await expect(clipOf(page, riff)).toHaveAttribute('data-start-beat', '4.25')
  await expect(redoOf(page)).toHaveAttribute('aria-label', /^Redo .*(volume|level)/i)

  // A fader that a pointer holds.
  const box = (await fader.boundingBox())!
  await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2)
  await page.mouse.down()
  await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2 - 20, { steps: 3 })
  await expect(fader).not.toHaveAttribute('aria-valuenow', stood)
  await page.keyboard.press('Control+z')
  await expect(fader).toHaveAttribute('aria-valuenow', stood)
  await page.mouse.up()
  await expect(fader).toHaveAttribute('aria-valuenow', stood)
  await expect(clipOf(page, riff)).toHaveAttribute('data-start-beat', '4.25')
  expect([...alice.complaints, ...bob.complaints]).toEqual([])
})

test('in a field that takes text, undo is the browser’s own (UN1)', async ({ alice, bob }) => {
  const { riff } = await duet(alice, bob, 'Typing')
  await clipOf(alice.page, riff).focus()
  await alice.page.keyboard.press('ArrowRight')
  await expect(undoOf(alice.page)).toHaveAttribute('aria-label', 'Undo Move clip')
  const field = alice.page.locator('[name=bpm]')
  await field.focus()
  await alice.page.keyboard.type('99')
  await expect(field).toHaveValue('99')
  await alice.page.keyboard.press('Control+z')
  await expect(field).not.toHaveValue('99')
  await expect(clipOf(alice.page, riff)).toHaveAttribute('data-start-beat', '4.25')
  await expect(undoOf(alice.page)).toHaveAttribute('aria-label', 'Undo Move clip')
})

test('undo and redo fit on a phone, large enough for a thumb', async ({ alice, bob }, info) => {
  const { riff } = await duet(alice, bob, 'Sizes')
  await clipOf(alice.page, riff).focus()
  await alice.page.keyboard.press('ArrowRight')
  for (const [width, height] of [[1440, 900], [390, 844]]) {
    await alice.page.setViewportSize({ width, height })
    for (const button of ['undo', 'redo', 'play', 'metronome']) {
      const box = (await alice.page.getByTestId(button).boundingBox())!
      expect(box.x, button).toBeGreaterThanOrEqual(0)
      expect(box.x + box.width, button).toBeLessThanOrEqual(width)
      if (width < 760) expect(Math.min(box.width, box.height), button).toBeGreaterThanOrEqual(44)
    }
    await alice.page.screenshot({ path: info.outputPath(`undo-${width}.png`) })
  }
})
