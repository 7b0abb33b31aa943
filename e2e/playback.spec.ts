// The demo song, in real time.
import { expect, test } from './band'
import { listen, putEarTo } from './ear'

const SECONDS = 60
const DEMO_SONG = 'Last Ferry Home'

test('the demo song plays for a minute in real time without an underrun', async ({ alice }) => {
  test.setTimeout(150_000)
  const { page } = alice
  await putEarTo(page)
  await page.goto('/projects')
  await page.getByTestId('project-card').filter({ hasText: DEMO_SONG }).getByRole('link').first().click()
  await expect(page.locator('[data-project-id]')).toHaveCount(1)
  await expect(page.getByTestId('track')).not.toHaveCount(0)
  expect(await page.getByTestId('track').count()).toBeGreaterThanOrEqual(8)

  const position = async () => {
    const text = await page.getByTestId('position').locator('.lcd-time').textContent()
    const [minutes, seconds] = text!.split(':')
    return Number(minutes) * 60 + Number(seconds)
  }
  await page.getByTestId('play').click()
  await expect.poll(position, { timeout: 30_000 }).toBeGreaterThan(0.5)
  const [began, from] = [Date.now(), await position()]
  let silent = 0
  let loudest = 0
  for (let second = 0; second < SECONDS; second++) {
    await page.waitForTimeout(1000)
    const { peak } = await listen(page)
    loudest = Math.max(loudest, peak)
    if (peak < 1e-4) silent++
  }
  const [played, passed] = [(await position()) - from, (Date.now() - began) / 1000]
  expect(Math.abs(played - passed), `played ${played} s in ${passed} s`).toBeLessThan(0.5)
  await expect(page.getByTestId('underruns')).toHaveText('0')
  expect(silent, 'seconds without any sound').toBeLessThan(5)
  expect(loudest).toBeGreaterThan(0.05)
  expect(loudest).toBeLessThan(1.0001)
  expect(alice.complaints).toEqual([])
})
