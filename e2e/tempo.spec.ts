// Tempo and metre that change: by keys and by pointer, on the ruler and in the transport, seen by everybody.
import type { Page } from '@playwright/test'
import { expect, test } from './band'
import { clipOf, duet } from './duet'

const bpmOf = (page: Page) => page.locator('[name=bpm]')
const tempoMark = (page: Page) => page.getByTestId('tempo-mark')
const timeOf = (page: Page) => page.getByTestId('position').locator('.lcd-time')
const barsOf = (page: Page) => page.getByTestId('position').locator('.lcd-bars')

/** Goes on by beats from where the song stands. */
async function goOn(page: Page, beats: number) {
  await page.getByTestId('ruler').focus()
  for (let beat = 0; beat < beats; beat++) await page.keyboard.press('ArrowRight')
}

test('a tempo change is added, set, bent, moved and deleted by keys, and undone by name (U2, EN1)', async ({ alice, bob }) => {
  await duet(alice, bob, 'Slower')
  const { page } = alice
  await goOn(page, 8)
  await expect(timeOf(page)).toHaveText('0:04.000')
  await page.getByTestId('add-tempo-change').click()
  await expect(tempoMark(page)).toHaveAttribute('data-beat', '8')
  await expect(page.getByTestId('undo')).toHaveAttribute('aria-label', 'Undo Add tempo change')

  // The field sets the change that holds where the song stands.
  await bpmOf(page).fill('60')
  await page.keyboard.press('Enter')
  await expect(tempoMark(bob.page)).toHaveText('60')
  await expect(bpmOf(bob.page), 'he is at the start').toHaveValue('120')
  await goOn(page, 2)
  await expect(timeOf(page)).toHaveText('0:06.000')

  await tempoMark(page).focus()
  await page.keyboard.press('ArrowRight')
  await expect(tempoMark(bob.page)).toHaveAttribute('data-beat', '9')
  await expect(timeOf(page)).toHaveText('0:05.500')
  await page.keyboard.press('r')
  await expect(tempoMark(bob.page)).toHaveText('/ 60')
  // Nine beats at the mean of 120 and 60, and one at 60.
  await expect(timeOf(page)).toHaveText('0:07.000')
  await expect(tempoMark(page)).toHaveAttribute('aria-label', 'evenly to tempo 60 at bar 3, beat 2')

  await page.keyboard.press('Delete')
  await expect(tempoMark(bob.page)).toHaveCount(0)
  await expect(bpmOf(page)).toHaveValue('120')
  await page.getByTestId('undo').click()
  await expect(tempoMark(bob.page)).toHaveText('/ 60')
  expect([...alice.complaints, ...bob.complaints]).toEqual([])
})

test('a press beside a bar goes to the grid, and a metre cuts no bar (U2)', async ({ alice, bob }) => {
  const { riff } = await duet(alice, bob, 'Beside')
  const { page } = alice
  // Bar 3, from a pixel before it: Snap is on.
  const ruler = (await page.getByTestId('ruler').boundingBox())!
  const first = (await clipOf(page, riff).boundingBox())!
  const [start, length] = await clipOf(page, riff).evaluate((clip) => [Number(clip.dataset.startBeat), Number(clip.dataset.durationBeats)])
  const x = (beat: number) => first.x + ((beat - start) * first.width) / length
  await page.mouse.click(x(8) - 1, ruler.y + 24)
  await expect(page.getByTestId('ruler')).toHaveAttribute('aria-valuenow', '8')
  // Without it the song stands where the press was; what is added there begins the bar beside it, and so does the song.
  await page.keyboard.down('Alt')
  await page.mouse.click(x(8) - 3, ruler.y + 24)
  await page.keyboard.up('Alt')
  await expect(page.getByTestId('ruler')).not.toHaveAttribute('aria-valuenow', '8')
  await page.getByTestId('add-metre-change').click()
  await expect(page.getByTestId('metre-mark')).toHaveAttribute('data-beat', '8')
  await expect(page.getByTestId('remove-metre-change')).toBeVisible()
  await page.getByLabel('Time signature').selectOption('3/4')
  await expect(bob.page.getByTestId('metre-mark')).toHaveText('3/4')
  await expect(bob.page.getByTestId('metre-mark')).toHaveAttribute('aria-label', 'metre 3/4 at bar 3, beat 1')
  expect([...alice.complaints, ...bob.complaints]).toEqual([])
})

test('changes are dragged and removed by pointer, and a metre begins a bar (U2, EN12)', async ({ alice, bob }) => {
  await duet(alice, bob, 'Waltz')
  const { page } = alice
  await goOn(page, 12)
  await page.getByTestId('add-metre-change').click()
  await page.getByLabel('Time signature').selectOption('3/4')
  await expect(bob.page.getByTestId('metre-mark')).toHaveText('3/4')
  await goOn(page, 3)
  await expect(barsOf(page)).toHaveText('5.1.1')

  await page.getByTestId('add-tempo-change').click()
  const at = async () => Number(await tempoMark(bob.page).getAttribute('data-beat'))
  await expect.poll(at).toBe(15)
  const box = (await tempoMark(page).boundingBox())!
  await page.mouse.move(box.x + 4, box.y + 6)
  await page.mouse.down()
  await page.mouse.move(box.x + 60, box.y + 6, { steps: 4 })
  await page.mouse.up()
  await expect.poll(at).toBeGreaterThan(15)
  expect((await at()) % 1, 'on a beat').toBe(0)
  await expect(page.getByTestId('undo')).toHaveAttribute('aria-label', 'Undo Move tempo change')

  // A press on a mark goes there; the keys beside the field then take it away.
  const moved = await at()
  await tempoMark(page).click()
  await expect(page.getByTestId('ruler')).toHaveAttribute('aria-valuenow', String(moved))
  await page.getByTestId('remove-tempo-change').click()
  await expect(tempoMark(bob.page)).toHaveCount(0)

  // At the start there is no change to be made.
  await page.getByTestId('to-start').click()
  await page.getByTestId('add-tempo-change').click()
  await expect(page.getByText('At the start of the song', { exact: false })).toBeVisible()
  expect([...alice.complaints, ...bob.complaints]).toEqual([])
})
